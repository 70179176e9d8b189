#pragma once

#include <heddle/lock.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle {

class Condition;

namespace detail {

/// One wait on a Condition: leaves a token in its queue, gives the lock away, sleeps, and takes the lock back
/// whatever happens. Resumed by the scheduler through the hook, so that taking the lock back may suspend
/// again.
class ConditionWait : public WakeHook {
public:
    explicit ConditionWait(Condition& condition) noexcept
        : WakeHook{&ConditionWait::woken}, condition_(condition) {}

    std::coroutine_handle<> suspend(std::coroutine_handle<> frame);
    /// With the lock held: throws CancelledError if the wait was cancelled, after passing a notification on.
    void finish();
    void wait_blocking(const char* what);
    /// A waiter that was notified: it goes on when the lock gets to it.
    static void queue_for(Lock& lock, WaitToken token) noexcept;

    ConditionWait& operator=(const ConditionWait&) = delete;

protected:
    ~ConditionWait() = default;
    ConditionWait(const ConditionWait&) = default;
    /// With the lock held, after a notification: true if the wait is over.
    virtual bool satisfied() { return true; }

    Condition& condition_;

private:
    enum class Phase : bool { waiting, locking };
    [[nodiscard]] bool prepare() noexcept;
    [[nodiscard]] bool sleep();
    [[nodiscard]] bool awake();
    [[nodiscard]] bool lock_again();
    [[nodiscard]] bool locked();
    static std::coroutine_handle<> woken(WakeHook& hook) noexcept;

    std::coroutine_handle<> frame_;
    Suspension suspension_;
    WaitPlace place_;
    Phase phase_ = Phase::waiting;
    bool cancelled_ = false;
    bool notified_ = false;
    bool out_of_memory_ = false;
};

class [[nodiscard("does nothing until it is co_awaited")]] ConditionAwaiter final : public ConditionWait {
public:
    using ConditionWait::ConditionWait;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return suspend(frame);
    }
    bool await_resume() {
        finish();
        return true;
    }
};

/// Waits until a predicate holds; gives its last value.
template <class Predicate>
class [[nodiscard("does nothing until it is co_awaited")]] PredicateAwaiter final : public ConditionWait {
    using Value = std::remove_cvref_t<std::invoke_result_t<Predicate&>>;

public:
    PredicateAwaiter(Condition& condition, Predicate predicate)
        : ConditionWait(condition), predicate_(std::move(predicate)) {}
    bool await_ready() {
        value_.emplace(predicate_());
        return static_cast<bool>(*value_);
    }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        waited_ = true;
        return suspend(frame);
    }
    Value await_resume() {
        if (waited_) {
            finish();
        }
        if (error_ != nullptr) {
            std::rethrow_exception(error_);
        }
        return std::move(*value_);
    }

private:
    bool satisfied() override {
        try {
            value_.emplace(predicate_());
            return static_cast<bool>(*value_);
        } catch (...) {
            error_ = std::current_exception();
            return true;
        }
    }
    Predicate predicate_;
    std::optional<Value> value_;
    std::exception_ptr error_;
    bool waited_ = false;
};

}  // namespace detail

/// Waiting for a state that a Lock protects, as asyncio.Condition; may be used from any thread.
///
/// Order: notify takes those who wait in the order of waiting and puts them at the end of the lock's queue:
/// each wakes with the lock held, in that order, before all who come for the lock later. wait() may return
/// without a notification meant for it only if another waiter was cancelled; use wait_for(predicate). A
/// notification is never lost: one that reaches a waiter which is then cancelled goes to the next.
/// Happens-before: what was done under the lock before notify is seen after wait.
/// Destruction: as the lock's, when nobody waits or will call.
/// Cost: 32 bytes; notify without waiters is a look at one cache line.
class Condition {
public:
    /// With a lock of its own.
    Condition() noexcept : lock_(own_) {}
    /// On a lock that others may use as well; it must outlive the condition.
    explicit Condition(Lock& lock) noexcept : lock_(lock) {}
    Condition(const Condition&) = delete;
    Condition& operator=(const Condition&) = delete;
    Condition(Condition&&) = delete;
    Condition& operator=(Condition&&) = delete;
    ~Condition();

    // The lock's members.
    detail::PermitAwaiter acquire() noexcept { return lock_.acquire(); }       ///< as Lock::acquire()
    detail::ScopedAwaiter<Lock> scoped() noexcept { return lock_.scoped(); }   ///< as Lock::scoped()
    [[nodiscard]] bool try_acquire() noexcept { return lock_.try_acquire(); }  ///< as Lock::try_acquire()
    void acquire_blocking() { lock_.acquire_blocking(); }                  ///< as Lock::acquire_blocking()
    void release() { lock_.release(); }                                    ///< as Lock::release()
    [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }  ///< as Lock::locked()

    /// Gives the lock away, waits for a notification, takes the lock back; gives true. If cancelled: the lock
    /// is held again before CancelledError is thrown. Throws std::runtime_error if the lock is not held, or
    /// std::bad_alloc, with the lock held.
    detail::ConditionAwaiter wait() {
        require_lock(waiting);
        return detail::ConditionAwaiter(*this);
    }
    /// wait() for plain threads. Throws std::runtime_error on a worker thread, or if the lock is not held.
    void wait_blocking();
    /// Waits until `predicate()`, which is called with the lock held, gives true; gives its last value.
    /// Throws what it throws, with the lock held. If it holds at once, nothing is waited for.
    template <class Predicate>
    detail::PredicateAwaiter<Predicate> wait_for(Predicate predicate) {
        return {*this, std::move(predicate)};
    }
    /// Wakes up to `n` of those who wait. Throws std::runtime_error if the lock is not held, std::bad_alloc
    /// when memory runs out: some may have been woken, the others still wait.
    void notify(std::ptrdiff_t n = 1);
    /// notify() for all who wait.
    void notify_all();

private:
    friend class detail::ConditionWait;
    friend struct detail::Inspect;
    static constexpr const char* waiting = "cannot wait on un-acquired lock";
    static constexpr const char* notifying = "cannot notify on un-acquired lock";
    void require_lock(const char* message) const;
    void notify_locked(std::ptrdiff_t n);
    [[nodiscard]] bool notify_next(detail::WaitQueue& queue, std::uint64_t end) noexcept;
    [[nodiscard]] std::size_t parked_waiters() const noexcept {
        const auto* queue = queue_.load(detail::acquire);  // acquire [link]: test hook
        return queue == nullptr ? 0 : queue->parked();
    }

    Lock own_;
    Lock& lock_;
    detail::Atomic<detail::WaitQueue*> queue_{nullptr};
};
static_assert(sizeof(Condition) <= 48);

}  // namespace heddle
