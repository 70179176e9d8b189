#pragma once

#include <heddle/detail/base/assert.hpp>
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/detail/wait/ticket_awaiter.hpp>

namespace heddle {

namespace detail {

/// { tickets:63 | SET:1 }: a waiter draws its cell's index and a setter raises the flag in the same word, so
/// that one RMW orders them. Also the join point of a task group or of a finished task.
struct EventWord : Immovable {
    ~EventWord() { WaitQueue::dispose(queue); }

    Atomic<std::uint64_t> word{0};
    Atomic<WaitQueue*> queue{nullptr};

    static constexpr std::uint64_t set_bit = 1;
    static constexpr std::uint64_t ticket = 2;

    [[nodiscard]] bool passable() const noexcept {
        return (word.load(acquire) & set_bit) != 0;  // acquire [set]
    }
    /// Raises the flag and wakes everybody who drew a ticket before. Last access to *this is its RMW.
    void set() noexcept;
    void clear() noexcept {
        word.fetch_and(~set_bit, acq_rel);  // acq_rel [set]: ordered with set() and with later waiters
    }
    /// False: the flag is up, there is nothing to wait for.
    [[nodiscard]] bool enqueue(WaitToken token, WaitPlace& place);
    /// The waiter gives up. False: it has been woken.
    bool leave(WaitPlace place, const Waiter& who) const noexcept;
};

/// Waits for an EventWord; gives true, as asyncio.
class [[nodiscard("does nothing until it is co_awaited")]] EventAwaiter : public TicketAwaiter<EventWord> {
public:
    using TicketAwaiter::TicketAwaiter;
    bool await_resume() {
        TicketAwaiter::await_resume();
        return true;
    }
};

}  // namespace detail

/// A flag that tasks and threads wait for, as asyncio.Event; may be used from any thread.
///
/// Order: set() wakes all who wait, in no promised order. `set(); clear();` wakes exactly those who waited
/// before it.
/// Happens-before: what was done before set() is seen after the wait() it ends.
/// Destruction: by anyone who knows that nobody waits or will call, in particular by the waiter that set()
/// has just woken, though set() has not yet returned on its own thread.
/// Cost: 16 bytes; set() without waiters and wait() on a set event are one atomic operation.
/// Prefer: Condition when waiters need a state rather than a flag; Future to pass a value.
class Event {
public:
    Event() noexcept = default;
#ifndef NDEBUG
    ~Event() { HEDDLE_CHECK(parked_waiters() == 0, "Event destroyed while a task waits for it"); }
#endif

    /// Waits until the flag is up. Gives true. If cancelled: nothing changes. Throws std::bad_alloc when it
    /// has to wait and there is no memory; nothing has happened then.
    detail::EventAwaiter wait() noexcept { return detail::EventAwaiter(event_); }
    /// wait() for plain threads. Throws std::runtime_error on a worker thread.
    void wait_blocking() { detail::EventAwaiter(event_).wait_blocking("Event.wait_blocking()"); }
    /// Raises the flag and wakes all who wait. O(waiters).
    void set() noexcept { event_.set(); }
    /// Lowers the flag; touches no waiter.
    void clear() noexcept { event_.clear(); }
    /// A snapshot.
    [[nodiscard]] bool is_set() const noexcept { return event_.passable(); }

private:
    friend struct detail::Inspect;
    [[nodiscard]] std::size_t parked_waiters() const noexcept {
        const auto* queue = event_.queue.load(detail::acquire);  // acquire [link]: test hook
        return queue == nullptr ? 0 : queue->parked();
    }

    detail::EventWord event_;
};
static_assert(sizeof(Event) == 16);

}  // namespace heddle
