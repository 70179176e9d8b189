#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

// Two cores that work on one FIFO hand each of its lines to and fro: 50 to 100 ns an operation, where one
// core alone needs 7. So a thread that finds others there again and again gives way: it lets them work alone
// for a moment after its operation, when it holds nothing but its pin, and looks what came of it. Nothing
// rests on this but speed. After Dice, Hendler and Mirsky, Lightweight contention management for efficient
// compare-and-swap operations (2013).
//
// To notice it takes no clock and nothing written that others read: each operation changes the word of the
// items, so that word tells a thread who remembers it how many operations of others there were since its own.
// Close together are those between which others had time for a few; then the work between is mostly short,
// too. Who has made many in a row is not in the way of others, and rather goes on: so that one gives way and
// not both. What was in vain is tried less and less often.

namespace heddle::detail {

/// Part of a queue, never changed: what threads know of their turns there is with them.
class QueueBackoff {
public:
    QueueBackoff() noexcept : place_(next_place()) {}

    /// After an operation of this thread that changed the queue's word from `was` to `now`: whether it was
    /// the last to change it before, too. Else it is to ask crowded().
    [[nodiscard]] HEDDLE_ALWAYS_INLINE bool alone(std::int64_t was, std::int64_t now) const noexcept {
        if (seen[place_] == was) [[likely]] {
            seen[place_] = now;
            return true;
        }
        return false;
    }
    /// The same. True: it should give_way() once it has finished.
    [[nodiscard]] HEDDLE_ALWAYS_INLINE bool crowded(std::int64_t was, std::int64_t now) const noexcept {
        return !alone(was, now) && others_came(was, now);
    }
    /// After an operation of this thread that tells nothing about others.
    void note(std::int64_t now) const noexcept;
    /// Lets others work on the queue's word, as long as they make good use of it: some microseconds.
    HEDDLE_COLD void give_way(const Atomic<std::int64_t>& word) const noexcept;

private:
    static constexpr std::size_t places = 16;  // queues that a thread remembers

    /// Queues made one after another have different places; those of different threads, mostly.
    static std::uint32_t next_place() noexcept;
    HEDDLE_NOINLINE bool others_came(std::int64_t was, std::int64_t now) const noexcept;

    static constinit thread_local std::array<std::int64_t, places>
        seen;  // after this thread's last operation
    const std::uint32_t place_;
};

}  // namespace heddle::detail
