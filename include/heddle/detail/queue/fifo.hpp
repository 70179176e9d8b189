#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/queue/core.hpp>
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

/// Multi-producer multi-consumer FIFO: a cell for each number that puts draw, in linked segments; gets draw
/// theirs from the other word. A get that comes to a cell before its put has stored there spoils the cell,
/// and both draw again; so neither waits for the other. After Ramalhete and Correia's FAA array queue, with
/// the indices in the words of the two semaphores.
///
/// A get draws with a permit only, and as long as it has not met a full cell there is one at or after the
/// next number: each permit stands for a full cell, and who took one before stopped at the first that it
/// drew. So it never draws ahead of the puts, and what it draws has a segment. Of a sealed queue there are
/// permits for all: then it stops at the number of the puts begun, which is final. head_ and tail_ never are
/// ahead of the numbers drawn: a segment that is read before the word lies at or before what the word says.
///
/// Every member needs an EpochPin.
/// [cell] the store of FULL publishes the value, the pop's load or exchange acquires it. [link] next and the
/// two segment pointers publish the segment behind them.
template <class T>
class FifoContainer : Immovable {
    struct Segment;

public:
    static constexpr bool numbered = true;

    /// What store() may throw is what moving a T throws.
    static constexpr bool nothrow = std::is_nothrow_move_constructible_v<T>;

    /// The cell of a put, or where to look for it.
    struct Spot {
        Segment* segment;
        std::uint32_t cell;
    };

    FifoContainer() {
        auto* first = new Segment(QueueWord::first_number);
        head_.store(first, relaxed);  // relaxed: not yet shared
        tail_.store(first, relaxed);  // relaxed: not yet shared
    }
    ~FifoContainer() {
        Segment* segment = head_.load(relaxed);  // relaxed: emptied, nobody else is left
        while (segment != nullptr) {
            delete std::exchange(segment, segment->next.load(relaxed));  // relaxed: as above
        }
    }

    /// Where to look for a number that is drawn later.
    Spot spot() const noexcept { return {tail_.load(acquire), 0}; }  // acquire [link]
    /// The spot of put `number`, at or after `from`, with cells for it and n - 1 more. Throws std::bad_alloc.
    HEDDLE_ALWAYS_INLINE Spot reach(Spot from, std::int64_t number, std::size_t n) {
        from.cell = QueueWord::ahead(number, from.segment->first);
        if (from.cell + n > cells) [[unlikely]] {
            return reach_beyond(from, n);
        }
        return from;
    }
    /// The spot of the number after.
    static Spot next(Spot spot) noexcept {
        if (++spot.cell == cells) {
            if (Segment* next = spot.segment->next.load(acquire)) {  // acquire [link]
                return {next, 0};
            }
        }
        return spot;
    }
    /// Moves `from` in. False: the cell is spoilt, the value is in `again`, which `from` may refer to. Throws
    /// what moving a T throws.
    HEDDLE_ALWAYS_INLINE static bool store(Spot spot, T& from, std::optional<T>& again) {
        if (store_at_once(spot, from)) [[likely]] {
            return true;
        }
        take_back(spot, again);
        return false;
    }
    /// The same in two steps. False: the value is to be taken back.
    [[nodiscard]] HEDDLE_ALWAYS_INLINE static bool store_at_once(Spot spot, T& from) noexcept(nothrow) {
        Cell& cell = spot.segment->cell[spot.cell];
        ::new (cell.storage()) T(std::move(from));
        std::uint32_t expected = empty;
        // acq_rel [cell]; relaxed: a spoilt cell tells nothing more
        return cell.state.compare_exchange_strong(expected, full, acq_rel, relaxed);
    }
    static void take_back(Spot spot, std::optional<T>& again) {
        const Destroy stored{spot.segment->cell[spot.cell].value()};
        again.reset();
        again.emplace(std::move(*stored.object));
    }
    /// Nothing comes into the cells of the next n numbers.
    static void abandon(Spot spot, std::size_t n) noexcept {
        for (; n > 0; --n) {
            spoil(spot.segment->cell[spot.cell]);
            spot = next(spot);
        }
    }

    /// Where to look for the number that a get draws later.
    [[nodiscard]] Spot first() const noexcept { return {head_.load(acquire), 0}; }  // acquire [link]
    /// `from` becomes the spot of the number in `w`, if that is in the same segment.
    [[nodiscard]] HEDDLE_ALWAYS_INLINE static bool reach_at_once(Spot& from, std::int64_t w) noexcept {
        from.cell = QueueWord::ahead(w, from.segment->first);
        return from.cell < cells;
    }
    /// With the spot's number drawn: moves its value out if it is there.
    [[nodiscard]] HEDDLE_ALWAYS_INLINE static bool take_at_once(Spot spot,
                                                                std::optional<T>& out) noexcept(nothrow) {
        Cell& cell = spot.segment->cell[spot.cell];
        if (cell.state.load(acquire) != full) [[unlikely]] {  // acquire [cell]
            return false;
        }
        const Destroy stored{cell.value()};
        out.emplace(std::move(*stored.object));
        return true;
    }
    /// The same if it is not: takes it, or spoils the cell and draws again. False: it is sealed, and nothing
    /// is left.
    template <class Take>
    HEDDLE_NOINLINE bool take_late(QueueCore& core, Spot spot, Take&& take) {
        return take_from(spot.segment->cell[spot.cell], take) || pop(core, take);
    }
    /// With a permit taken: calls `take(T&)` on the oldest value and destroys it. False: it is sealed, and
    /// nothing is left (`all`: or shut down at once).
    template <class Take>
    HEDDLE_NOINLINE bool pop(QueueCore& core, Take&& take, bool all = false) {
        Segment* segment = head_.load(acquire);          // acquire [link]
        std::int64_t w = core.items.word.load(acquire);  // acquire [items]
        for (;;) {
            if ((all || (w & QueueWord::closed) != 0) && over(core, w, all)) {
                return false;
            }
            const std::uint32_t i = QueueWord::ahead(w, segment->first);
            if (i >= cells) [[unlikely]] {
                segment = advance(segment);
                w = core.items.word.load(acquire);  // acquire [items]
            } else if (core.items.word.compare_exchange_weak(w, QueueWord::drawn(w), acq_rel,
                                                             acquire)) {  // acq_rel [items]
                core.backoff.note(QueueWord::drawn(w));
                if (take_from(segment->cell[i], take)) {
                    return true;
                }
                w = core.items.word.load(acquire);  // acquire [items]
            }
        }
    }

private:
    static constexpr std::uint32_t cells = HEDDLE_FIFO_CELLS;
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t full = 1;
    static constexpr std::uint32_t taken = 2;  // or spoilt

    struct Cell {
        Atomic<std::uint32_t> state{empty};
        alignas(T) std::byte bytes[sizeof(T)];  // NOLINT(modernize-avoid-c-arrays): raw storage
        void* storage() noexcept { return bytes; }
        T* value() noexcept { return std::launder(reinterpret_cast<T*>(bytes)); }
    };
    struct Segment final : Retired {
        explicit Segment(std::uint32_t number) noexcept
            : Retired{.reclaim = [](Retired* self) noexcept { delete static_cast<Segment*>(self); }},
              first(number) {}
        const std::uint32_t first;  // number of the first cell
        Atomic<Segment*> next{nullptr};
        Cell cell[cells];  // NOLINT(modernize-avoid-c-arrays): cells do not move
    };
    struct Destroy {
        explicit Destroy(T* stored) noexcept : object(stored) {}
        Destroy(const Destroy&) = delete;
        Destroy& operator=(const Destroy&) = delete;
        ~Destroy() { std::destroy_at(object); }
        T* object;
    };

    static void spoil(Cell& cell) noexcept {
        std::uint32_t expected = empty;
        cell.state.compare_exchange_strong(expected, taken, acq_rel, relaxed);  // acq_rel [cell]
    }
    /// With the cell's number drawn. False: it is spoilt.
    template <class Take>
    HEDDLE_ALWAYS_INLINE static bool take_from(Cell& cell, Take& take) {
        // acquire [cell]: once full, the cell is ours alone; else the exchange settles who comes too late
        if (cell.state.load(acquire) == full || cell.state.exchange(taken, acq_rel) == full) [[likely]] {
            const Destroy stored{cell.value()};
            take(*stored.object);
            return true;
        }
        return false;
    }
    static bool over(const QueueCore& core, std::int64_t w, bool all) noexcept {
        return (!all && (w & QueueWord::immediate) != 0) || QueueWord::number(w) == core.begun();
    }

    HEDDLE_NOINLINE Spot reach_beyond(Spot spot, std::size_t n) {
        while (spot.cell >= cells) {
            Segment* next = after(spot.segment);
            Segment* tail = spot.segment;
            tail_.compare_exchange_strong(tail, next, acq_rel,
                                          relaxed);  // acq_rel [link]: or somebody has moved it
            spot.segment = next;
            spot.cell -= cells;
        }
        Segment* last = spot.segment;
        for (std::size_t there = cells - spot.cell; there < n; there += cells) {
            last = after(last);
        }
        return spot;
    }
    /// The next segment, which is made if it is not there.
    static Segment* after(Segment* segment) {
        Segment* next = segment->next.load(acquire);  // acquire [link]
        if (next == nullptr) {
            auto* fresh = new Segment((segment->first + cells) & (QueueWord::numbers - 1));
            if (segment->next.compare_exchange_strong(next, fresh, acq_rel, acquire)) {  // acq_rel [link]
                next = fresh;
            } else {
                delete fresh;
            }
        }
        return next;
    }
    /// A get has come to a number beyond `spent`: the segment after it, and nobody comes back here.
    HEDDLE_NOINLINE Segment* advance(Segment* spent) noexcept {
        Segment* next = spent->next.load(acquire);  // acquire [link]
        // The tail must not stay behind on a segment that is about to be retired.
        Segment* tail = spent;
        tail_.compare_exchange_strong(tail, next, acq_rel, relaxed);  // acq_rel [link]
        Segment* head = spent;
        if (head_.compare_exchange_strong(head, next, acq_rel, relaxed)) {  // acq_rel [link]
            epoch_retire(spent);
        }
        return next;
    }

    Atomic<Segment*> head_;
    [[maybe_unused]] char pad_[cache_line]{};
    Atomic<Segment*> tail_;
};

}  // namespace heddle::detail
