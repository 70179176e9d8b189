#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/queue/give_back.hpp>
#include <heddle/detail/sync/epoch.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle::detail {

#ifndef HEDDLE_FIFO_CELLS
#define HEDDLE_FIFO_CELLS 64
#endif

/// Unbounded multi-producer multi-consumer FIFO: linked segments, in each an index for pushes and one for
/// pops. A pop that comes to a cell before its push has stored there spoils the cell, and both take a new
/// one; so neither waits for the other. After Ramalhete and Correia's FAA array queue.
///
/// Every member needs an EpochPin.
/// [cell] the store of FULL publishes the value, the pop's load or exchange acquires it. [link] next and the
/// two segment pointers publish the segment behind them.
template <class T>
class FifoContainer : Immovable {
public:
    FifoContainer() {
        auto* first = new Segment;
        head_.store(first, relaxed);  // relaxed: not yet shared
        tail_.store(first, relaxed);  // relaxed: not yet shared
    }
    ~FifoContainer() { delete head_.load(relaxed); }  // relaxed: emptied, nobody else is left

    /// Throws std::bad_alloc, or what moving a T throws: `value` is then as it was, unless its move threw.
    // NOLINTNEXTLINE(cppcoreguidelines-rvalue-reference-param-not-moved): moved through a pointer
    void push(T&& value) {
        T* source = std::addressof(value);
        std::optional<T> spoiled;  // the value again, after a cell was spoilt
        for (;;) {
            Segment* segment = tail_.load(acquire);                         // acquire [link]
            const std::uint32_t i = segment->pushed.fetch_add(1, acq_rel);  // acq_rel [cell]: draws the cell
            if (i >= cells) {
                if (!extend(segment)) {
                    if (spoiled) {
                        give_back(value, *spoiled);
                    }
                    throw std::bad_alloc();
                }
                continue;
            }
            Cell& cell = segment->cell[i];
            ::new (cell.storage()) T(std::move(*source));
            std::uint32_t expected = empty;
            if (cell.state.compare_exchange_strong(expected, full, acq_rel, relaxed)) {  // acq_rel [cell]
                return;
            }
            T* stored = cell.value();
            spoiled.reset();
            struct Destroy {
                T* object;
                ~Destroy() { std::destroy_at(object); }
            } const destroy{stored};
            spoiled.emplace(std::move(*stored));
            source = std::addressof(*spoiled);
        }
    }

    /// Calls `take(T&)` on the oldest value and destroys it; false: there is none.
    template <class Take>
    bool pop(Take&& take) {
        for (;;) {
            Segment* segment = head_.load(acquire);  // acquire [link]
            // acquire [cell]: pushes that had completed when we were called are seen
            if (segment->popped.load(acquire) >= segment->pushed.load(acquire) &&
                segment->next.load(acquire) == nullptr) {  // acquire [link]
                return false;
            }
            const std::uint32_t i = segment->popped.fetch_add(1, acq_rel);  // acq_rel [cell]: draws the cell
            if (i >= cells) {
                if (!advance(segment)) {
                    return false;
                }
                continue;
            }
            Cell& cell = segment->cell[i];
            // acquire [cell]: once full, the cell is ours alone; else the exchange settles who comes too late
            if (cell.state.load(acquire) == full || cell.state.exchange(taken, acq_rel) == full) {
                struct Destroy {
                    T* object;
                    ~Destroy() { std::destroy_at(object); }
                } const destroy{cell.value()};
                take(*cell.value());
                return true;
            }
        }
    }

private:
    static constexpr std::uint32_t cells = HEDDLE_FIFO_CELLS;
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t full = 1;
    static constexpr std::uint32_t taken = 2;

    struct Cell {
        Atomic<std::uint32_t> state{empty};
        alignas(T) std::byte bytes[sizeof(T)];  // NOLINT(modernize-avoid-c-arrays): raw storage
        void* storage() noexcept { return bytes; }
        T* value() noexcept { return std::launder(reinterpret_cast<T*>(bytes)); }
    };
    struct Segment final : Retired {
        Segment() noexcept
            : Retired{.reclaim = [](Retired* self) noexcept { delete static_cast<Segment*>(self); }} {}
        Atomic<std::uint32_t> pushed{0};
        [[maybe_unused]] char pad[cache_line]{};
        Atomic<std::uint32_t> popped{0};
        Atomic<Segment*> next{nullptr};
        Cell cell[cells];  // NOLINT(modernize-avoid-c-arrays): cells do not move
    };

    /// False: out of memory.
    [[nodiscard]] bool extend(Segment* full_segment) noexcept {
        Segment* next = full_segment->next.load(acquire);  // acquire [link]
        if (next == nullptr) {
            auto* fresh = new (std::nothrow) Segment;
            if (fresh == nullptr) {
                return false;
            }
            if (full_segment->next.compare_exchange_strong(next, fresh, acq_rel,
                                                           acquire)) {  // acq_rel [link]
                next = fresh;
            } else {
                delete fresh;
            }
        }
        tail_.compare_exchange_strong(full_segment, next, acq_rel,
                                      relaxed);  // acq_rel [link]: or somebody has moved it
        return true;
    }

    bool advance(Segment* spent) noexcept {
        Segment* next = spent->next.load(acquire);  // acquire [link]
        if (next == nullptr) {
            return false;
        }
        // The tail must not stay behind on a segment that is about to be retired.
        Segment* tail = spent;
        tail_.compare_exchange_strong(tail, next, acq_rel, relaxed);         // acq_rel [link]
        if (head_.compare_exchange_strong(spent, next, acq_rel, relaxed)) {  // acq_rel [link]
            epoch_retire(spent);
        }
        return true;
    }

    Atomic<Segment*> head_;
    [[maybe_unused]] char pad_[cache_line]{};
    Atomic<Segment*> tail_;
};

}  // namespace heddle::detail
