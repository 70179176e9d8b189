#pragma once

#include <heddle/detail/queue/word.hpp>
#include <heddle/detail/wait/ticket_awaiter.hpp>

#include <cstdint>

namespace heddle::detail {

/// { tickets:35 | done:29 }: what Queue.join() waits for. `done` follows the number of the word that puts
/// draw from, and what it lacks is not done yet; so a put needs no step of its own to count. Waiters draw a
/// ticket while something is not done; whoever completes the last thing wakes all tickets drawn so far. A
/// ticket is the low 35 bits of a cell's index, completed relative to the queue's head.
///
/// The puts are looked at between a load of this word and the RMW that validates it: at that look the two
/// were together what the RMW takes them for, since nothing here has changed until then.
///
/// [done] counting down releases, the waiter's look at the word acquires: what was done before the last
/// count_down is seen after the wait.
struct JoinWord : Immovable {
    explicit JoinWord(const Atomic<std::int64_t>& puts) noexcept : puts_(puts) {}
    ~JoinWord() { WaitQueue::dispose(queue); }

    Atomic<std::uint64_t> word{QueueWord::first_number};
    Atomic<WaitQueue*> queue{nullptr};

    /// How many are not done.
    [[nodiscard]] std::uint32_t count() const noexcept {
        return missing(word.load(acquire));  // acquire [done]
    }
    [[nodiscard]] bool passable() const noexcept { return count() == 0; }
    /// False: all was done already, nothing changed.
    [[nodiscard]] bool count_down() noexcept;
    [[nodiscard]] bool enqueue(WaitToken token, WaitPlace& place);
    bool leave(WaitPlace place, const Waiter& who) const noexcept;

private:
    static constexpr std::uint64_t ticket = QueueWord::numbers;
    static std::uint64_t index_of(std::uint64_t w, std::uint64_t head) noexcept {
        constexpr std::uint64_t ticket_mask = ~std::uint64_t{0} / ticket;
        return head + ((w / ticket - head) & ticket_mask);
    }
    /// One more is done: without a carry into the tickets.
    static std::uint64_t one_done(std::uint64_t w) noexcept {
        return (w & ~(ticket - 1)) | ((w + 1) & (ticket - 1));
    }
    [[nodiscard]] std::uint32_t missing(std::uint64_t w) const noexcept {
        // acquire [done]: after the load of `w`; a put counts before its item can be done
        return QueueWord::ahead(QueueWord::number(puts_.load(acquire)), static_cast<std::uint32_t>(w));
    }
    const Atomic<std::int64_t>& puts_;
};

}  // namespace heddle::detail
