#include <heddle/condition.hpp>

#include <array>
#include <stdexcept>

// Waiting and notifying happen under the lock; only giving up does not. A waiter leaves its token before it
// gives the lock away, so a notifier that gets the lock afterwards always finds it.
//
// Taking the lock back must not be cut short: it parks with Cancellable::no, requests stay in the word, and
// finish() looks at them when the lock is held.

namespace heddle::detail {

std::coroutine_handle<> ConditionWait::suspend(std::coroutine_handle<> frame) {
    condition_.require_lock(Condition::waiting);
    frame_ = frame;
    suspension_.begin(*this);
    return sleep() ? std::noop_coroutine() : frame_;
}

std::coroutine_handle<> ConditionWait::woken(WakeHook& hook) noexcept {
    auto& self = static_cast<ConditionWait&>(hook);
    const bool asleep = self.phase_ == Phase::waiting ? self.awake() : self.locked();
    return asleep ? std::noop_coroutine() : self.frame_;
}

/// Holds the lock; true: asleep, *this may be gone.
bool ConditionWait::sleep() {
    phase_ = Phase::waiting;
    notified_ = false;
    const WaitToken token = suspension_.again();
    bool queued = false;
    {
        const EpochPin pin;
        queued = WaitQueue::of(condition_.queue_).enqueue(token, place_);
    }
    condition_.lock_.release();
    if (!queued) {  // by a notify that did not hold the lock: still a notification
        notified_ = true;
        return lock_again();
    }
    return suspension_.commit() || awake();
}

/// Notified or asked to stop; the lock is not held.
bool ConditionWait::awake() {
    if (suspension_.interrupted()) {
        cancelled_ = true;
        const EpochPin pin;
        notified_ = !condition_.queue_.load(acquire)->leave(place_, suspension_.waiter());  // acquire [link]
    } else {
        notified_ = true;
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
    return sleep();
}

void ConditionWait::finish() {
    if (cancelled_) {
        if (notified_) {
            condition_.notify_locked(1);
        }
        throw_cancelled(suspension_.waiter());
    }
}

void ConditionWait::wait_blocking(const char* what) {
    const WaitToken token = suspension_.begin_blocking(what);
    condition_.require_lock(Condition::waiting);
    bool queued = false;
    {
        const EpochPin pin;
        queued = WaitQueue::of(condition_.queue_).enqueue(token, place_);
    }
    condition_.lock_.release();
    if (queued) {
        suspension_.block();
    }
    condition_.lock_.acquire_blocking();
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
    const detail::EpochPin pin;
    if (detail::WaitQueue* queue = queue_.load(detail::acquire); queue != nullptr) {  // acquire [link]
        queue->resume_all(queue->tail_index());
    }
}

void Condition::notify_locked(std::ptrdiff_t n) noexcept {
    const detail::EpochPin pin;
    detail::WaitQueue* queue = queue_.load(detail::acquire);  // acquire [link]
    if (queue == nullptr) {
        return;
    }
    const std::uint64_t end = queue->tail_index();
    for (; n > 0; --n) {
        const detail::WaitToken token = queue->resume_next_below(end);
        if (token.who == nullptr) {
            return;
        }
        if (token.who->claim(token.seq)) {
            detail::schedule(*token.who);
        }
    }
}

}  // namespace heddle
