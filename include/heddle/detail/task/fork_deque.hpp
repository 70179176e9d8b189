#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <cstddef>
#include <cstdint>

namespace heddle::detail {

struct ForkChild;

/// Work-stealing deque of the children forked on one worker: the owner pushes and pops at the bottom, newest
/// first; thieves take the oldest from the top, one at a time. Grows; old arrays live as long as the deque,
/// because a thief may still be reading one (their sizes double, so they are at most half of the memory).
/// Chase and Lev (SPAA 2005).
///
/// [push]  bottom's release store publishes the slot; a thief's load of bottom acquires it.
/// [last]  owner and thief race for the last child: the owner lowers bottom and then reads top, the thief
///         reads top and then bottom, all seq_cst (total order over these two words), so at least one of
///         them sees the other; top's CAS decides.
class ForkDeque : Immovable {
public:
    ForkDeque();
    ~ForkDeque();

    /// Room for `n` more, as far as is known without asking the thieves. Owner.
    [[nodiscard]] bool has_room(std::size_t n) const noexcept {
        // relaxed: owner writes
        return n <= static_cast<std::size_t>(limit_ - bottom_.load(relaxed));
    }
    /// Room for `n` more, so that pushing them does not fail. Owner; throws std::bad_alloc.
    void reserve(std::size_t n) {
        if (!has_room(n)) [[unlikely]] {
            make_room(bottom_.load(relaxed) + static_cast<std::int64_t>(n));  // relaxed: owner writes
        }
    }

    /// True if the deque was empty: whoever sleeps now has not seen anything in it.
    bool push(ForkChild* child) {
        const std::int64_t b = bottom_.load(relaxed);  // relaxed: owner writes
        if (b >= limit_) [[unlikely]] {
            make_room(b + 1);
        }
        return push_reserved(1, [child] { return child; });
    }
    /// Pushes what `n` calls of next() give. Needs: reserve(n) before. True if the deque was empty, and is
    /// not now.
    template <class Next>
    bool push_reserved(std::uint32_t n, Next next) noexcept {
        const std::int64_t b = bottom_.load(relaxed);  // relaxed: owner writes
        if (n == 0) [[unlikely]] {
            return false;
        }
        Atomic<ForkChild*>* const slots = slots_;
        const std::int64_t mask = mask_;
        slots[b & mask].store(next(), relaxed);  // relaxed: published by bottom
        HEDDLE_NO_UNROLL
        for (std::int64_t i = b + 1; i != b + n; ++i) {
            slots[i & mask].store(next(), relaxed);  // relaxed: published by bottom
        }
        bottom_.store(b + n, release);   // release [push]: all of them at once
        return top_.load(relaxed) >= b;  // relaxed: a hint
    }

    /// Null: empty, thieves have taken the rest.
    ForkChild* pop() noexcept {
        const std::int64_t b = bottom_.load(relaxed) - 1;       // relaxed: owner writes
        bottom_.exchange(b, std::memory_order_seq_cst);         // seq_cst [last]: bottom before top
        std::int64_t t = top_.load(std::memory_order_seq_cst);  // seq_cst [last]
        if (t < b) [[likely]] {
            return slots_[b & mask_].load(relaxed);  // relaxed: we wrote it
        }
        ForkChild* child = nullptr;
        if (t == b) {
            child = slots_[b & mask_].load(relaxed);  // relaxed: we wrote it
            // seq_cst [last]: the last one goes to whoever moves top
            if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, relaxed)) {
                child = nullptr;
            }
        }
        bottom_.store(b + 1, relaxed);  // relaxed: empty again, nothing to publish
        return child;
    }

    /// Any thread. Null: empty, or lost a race.
    ForkChild* steal() noexcept {
        std::int64_t t = top_.load(std::memory_order_seq_cst);           // seq_cst [last]: top before bottom
        const std::int64_t b = bottom_.load(std::memory_order_seq_cst);  // seq_cst [last], [push]
        if (t >= b) {
            return nullptr;
        }
        ForkChild* child =
            shared_array_.load(acquire)->slot(t).load(relaxed);  // acquire [grow]; validated below
        // seq_cst [last]
        return top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, relaxed) ? child : nullptr;
    }

    [[nodiscard]] bool looks_empty() const noexcept {
        return top_.load(acquire) >= bottom_.load(acquire);  // acquire [push]: a hint for thieves
    }

private:
    struct Array {
        std::int64_t size;
        Array* older;
        Atomic<ForkChild*>* slots;
        [[nodiscard]] Atomic<ForkChild*>& slot(std::int64_t i) const noexcept {
            return slots[i & (size - 1)];
        }
    };
    static Array* make_array(std::int64_t size, Array* older);
    HEDDLE_COLD void make_room(std::int64_t end);

    void use(Array* array, std::int64_t top) noexcept {
        array_ = array;
        slots_ = array->slots;  // NOLINT(clang-analyzer-core.uninitialized.Assign): make_array() sets it
        mask_ = array->size - 1;
        limit_ = top + array->size;
    }

    // Owner only: the array, two words of it, and the index up to which it has room, for what top was when
    // last looked at.
    Array* array_;
    Atomic<ForkChild*>* slots_;
    std::int64_t mask_;
    std::int64_t limit_;
    Atomic<std::int64_t> bottom_{0};
    [[maybe_unused]] char pad_[cache_line]{};
    Atomic<std::int64_t> top_{0};
    Atomic<Array*> shared_array_;  // [grow] release by the owner, acquired by thieves
};

}  // namespace heddle::detail
