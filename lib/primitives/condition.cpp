#include <heddle/condition.hpp>

#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>

// Waiting and notifying happen under the lock; only giving up does not. A waiter leaves its token before it
// gives the lock away, so a notifier that gets the lock afterwards always finds it.
//
// notify() does not wake: it moves the token to the end of the lock's queue (wait morphing), and the release
// that reaches it wakes the task with the lock in its hands. So those who are notified get the lock in that
// order, before all who come for it later, and none wakes up only to wait again. Moving is a CAS on the
// waiter's word: it fails if a request has ended the wait, which then goes for the lock by itself, and the
// notification is for the next. Once it is moved no request interrupts it; finish() looks at them when the
// lock is held.

namespace heddle::detail {

std::coroutine_handle<> ConditionWait::suspend(std::coroutine_handle<> frame) {
    condition_.require_lock(Condition::waiting);
    frame_ = frame;
    suspension_.begin(*this);
    return prepare() && sleep() ? std::noop_coroutine() : frame_;
}

std::coroutine_handle<> ConditionWait::woken(WakeHook& hook) noexcept {
    auto& self = static_cast<ConditionWait&>(hook);
    const bool asleep = self.phase_ == Phase::waiting ? self.awake() : self.locked();
    return asleep ? std::noop_coroutine() : self.frame_;
}

/// Holds the lock. Both queues that it may have to wait in, for the notification and for the lock, are made
/// now: once the lock has been given away nothing may fail. False: out of memory.
bool ConditionWait::prepare() noexcept {
    try {
        static_cast<void>(WaitQueue::of(condition_.queue_));
        condition_.lock_.permits_.prepare();
    } catch (const std::bad_alloc&) {
        out_of_memory_ = true;
    }
    return !out_of_memory_;
}

/// Holds the lock, prepared; true: asleep, *this may be gone.
bool ConditionWait::sleep() {
    phase_ = Phase::waiting;
    notified_ = false;
    const WaitToken token = suspension_.again();
    bool queued = false;
    {
        const EpochPin pin;
        queued =
            condition_.queue_.load(acquire)->enqueue(token, place_);  // acquire [link]: made by prepare()
    }
    condition_.lock_.release();
    if (!queued) {  // by a notify that did not hold the lock: still a notification
        notified_ = true;
        return lock_again();
    }
    return suspension_.commit() || awake();
}

/// Notified, with the lock, or asked to stop, without it.
bool ConditionWait::awake() {
    if (suspension_.waiter().take_moved()) {
        notified_ = true;
        return locked();
    }
    cancelled_ = suspension_.interrupted() || cancelled_;
    {
        const EpochPin pin;
        static_cast<void>(
            condition_.queue_.load(acquire)->leave(place_, suspension_.waiter()));  // acquire [link]
    }
    return lock_again();
}

bool ConditionWait::lock_again() {
    phase_ = Phase::locking;
    Permits& permits = condition_.lock_.permits_;
    if (permits.take()) {
        return locked();
    }
    const WaitToken token = suspension_.again();
    if (permits.enqueue(token, place_) && suspension_.commit(Cancellable::no)) {
        return true;
    }
    return locked();
}

/// The lock is held again; true: asleep once more.
bool ConditionWait::locked() {
    cancelled_ = suspension_.interrupted() || cancelled_;
    if (cancelled_ || satisfied()) {
        return false;
    }
    return prepare() && sleep();
}

void ConditionWait::finish() {
    if (cancelled_) {
        if (notified_) {
            const EpochPin pin;
            WaitQueue& queue = *condition_.queue_.load(acquire);  // acquire [link]: made by prepare()
            static_cast<void>(condition_.notify_next(queue, queue.tail_index()));
        }
        throw_cancelled(suspension_.waiter());
    }
    if (out_of_memory_) {
        throw std::bad_alloc();
    }
}

void ConditionWait::wait_blocking(const char* what) {
    const WaitToken token = suspension_.begin_blocking(what);
    condition_.require_lock(Condition::waiting);
    if (!prepare()) {
        throw std::bad_alloc();
    }
    bool queued = false;
    {
        const EpochPin pin;
        queued =
            condition_.queue_.load(acquire)->enqueue(token, place_);  // acquire [link]: made by prepare()
    }
    condition_.lock_.release();
    if (queued) {
        suspension_.block();
    }
    if (!suspension_.waiter().take_moved()) {
        condition_.lock_.acquire_blocking();
    }
}

void ConditionWait::queue_for(Lock& lock, WaitToken token) noexcept {
    WaitPlace unused;  // nobody gives up any more
    if (!lock.permits_.take() && lock.permits_.enqueue(token, unused)) {
        return;
    }
    if (token.who->claim(token.seq)) {  // the lock was free: whoever notified did not hold it
        schedule(*token.who);
    }
}

}  // namespace heddle::detail

namespace heddle {

Condition::~Condition() {
    HEDDLE_ASSERT(parked_waiters() == 0);  // destroyed while a task waits for it
    detail::WaitQueue::dispose(queue_);
}

void Condition::require_lock(const char* message) const {
    if (!lock_.locked()) {
        throw std::runtime_error(message);
    }
}

void Condition::wait_blocking() {
    detail::ConditionAwaiter(*this).wait_blocking("Condition.wait_blocking()");
}

void Condition::notify(std::ptrdiff_t n) {
    require_lock(notifying);
    notify_locked(n);
}

void Condition::notify_all() {
    require_lock(notifying);
    notify_locked(std::numeric_limits<std::ptrdiff_t>::max());
}

void Condition::notify_locked(std::ptrdiff_t n) {
    const detail::EpochPin pin;
    detail::WaitQueue* queue = queue_.load(detail::acquire);  // acquire [link]
    if (queue == nullptr) {
        return;
    }
    for (const std::uint64_t end = queue->tail_index(); n > 0; --n) {
        detail::WaitQueue::require_memory();  // a place in the lock's queue for the next one
        if (!notify_next(*queue, end)) {
            return;
        }
    }
}

/// Moves the first one that still waits. False: there is none with an index below `end`.
bool Condition::notify_next(detail::WaitQueue& queue, std::uint64_t end) noexcept {
    for (;;) {
        const detail::WaitToken token = queue.resume_next_below(end);
        if (token.who == nullptr) {
            return false;
        }
        if (token.who->move(token.seq)) {
            detail::ConditionWait::queue_for(lock_, token);
            return true;
        }
    }
}

}  // namespace heddle
