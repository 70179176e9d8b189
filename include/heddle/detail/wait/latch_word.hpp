#pragma once

#include <heddle/detail/wait/ticket_awaiter.hpp>

#include <cstdint>

namespace heddle::detail {

/// { tickets:34 | count:30 }: waiters draw a ticket while the count is not 0; whoever brings it to 0 wakes
/// all tickets drawn so far. May go up and down for ever: Queue.join(); a ticket is the low 34 bits of a
/// cell's index, completed relative to the queue's head.
///
/// [latch] counting down releases, the waiter's look at the word acquires: what was done before the last
/// count_down is seen after the wait.
struct LatchWord : Immovable {
    ~LatchWord() { WaitQueue::dispose(queue); }

    static constexpr std::uint64_t count_mask = (std::uint64_t{1} << 30U) - 1;
    static constexpr std::uint64_t ticket = std::uint64_t{1} << 30U;

    Atomic<std::uint64_t> word{0};
    Atomic<WaitQueue*> queue{nullptr};

    [[nodiscard]] std::uint64_t count() const noexcept {
        return word.load(acquire) & count_mask;  // acquire [latch]
    }
    [[nodiscard]] bool passable() const noexcept { return count() == 0; }
    void count_up(std::uint64_t n = 1) noexcept {
        word.fetch_add(n, acq_rel);  // acq_rel [latch]
    }
    /// False: the count was 0 already, nothing changed.
    [[nodiscard]] bool count_down() noexcept;
    [[nodiscard]] bool enqueue(WaitToken token, WaitPlace& place);
    bool leave(WaitPlace place, const Waiter& who) const noexcept;

private:
    static std::uint64_t index_of(std::uint64_t w, std::uint64_t head) noexcept {
        constexpr std::uint64_t ticket_mask = ~std::uint64_t{0} / ticket;
        return head + ((w / ticket - head) & ticket_mask);
    }
};

}  // namespace heddle::detail
