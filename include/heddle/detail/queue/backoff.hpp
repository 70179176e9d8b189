#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/queue/word.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

// Two cores that work on one queue hand each of its lines to and fro: 50 to 100 ns an operation, where one
// core alone needs 8. So a thread that finds others there again and again gives way: it lets them work
// alone for a moment after its operation, when it holds nothing, and looks what came of it. Nothing rests on
// this but speed. After Dice, Hendler and Mirsky, Lightweight contention management for efficient
// compare-and-swap operations (2013).
//
// Without clocks and without writing anything that others read: each operation changes the word of the items,
// so that word tells a thread who remembers it how many operations of others there were since its own. Close
// together are those between which others had time for a few; then the work between is short, too. Who has
// made many in a row is not in the way of others, and rather goes on: so that one gives way and not both.

namespace heddle::detail {

/// What a thread knows of a queue that it has used.
class QueueBackoff {
public:
    /// After an operation of this thread that changed the word of `queue` from `was` to `now`: whether it was
    /// the last to change it before, too. Else it is to ask crowded().
    HEDDLE_ALWAYS_INLINE static bool alone(const void* queue, std::int64_t was, std::int64_t now) noexcept {
        const std::size_t place = place_of(queue);
        if (seen[place] == was) [[likely]] {
            seen[place] = now;
            return true;
        }
        return false;
    }
    /// The same. True: it should give_way() once it has finished.
    HEDDLE_ALWAYS_INLINE static bool crowded(const void* queue, std::int64_t was, std::int64_t now) noexcept {
        return !alone(queue, was, now) && others_came(queue, was, now);
    }
    /// Lets others work on `word`, the one of `queue`, as long as they make good use of it.
    HEDDLE_COLD static void give_way(const void* queue, const Atomic<std::int64_t>& word) noexcept;

private:
    static constexpr std::size_t places = 4;  // queues that a thread remembers

    static std::size_t place_of(const void* queue) noexcept {
        return (reinterpret_cast<std::uintptr_t>(queue) / 256) % places;
    }
    HEDDLE_NOINLINE static bool others_came(const void* queue, std::int64_t was, std::int64_t now) noexcept;

    const void* queue_ = nullptr;
    std::int64_t since_ = 0;      // the word when others had last come between
    std::int32_t close_ = 0;      // operations close together, in a row; below 0: so many do not count
    std::int32_t patience_ = 0;   // how many did not count when giving way was last in vain
    std::int32_t given_way_ = 0;  // how often it was of use, modulo the turns of one thread

    static constinit thread_local std::array<std::int64_t, places> seen;  // the word after our last operation
    static constinit thread_local std::array<QueueBackoff, places> known;
};

}  // namespace heddle::detail
