#pragma once

#include <heddle/callback_handle.hpp>
#include <heddle/coro.hpp>
#include <heddle/detail/task/await.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/join.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace heddle {

/// Options of create_task.
struct TaskOptions {
    std::string name;  ///< empty: "Task-N"
};

/// A coroutine that is scheduled to run on its own; this is a cheap copyable handle to it, and may be null.
///
/// A task runs to its end whoever looks: dropping handles neither cancels nor detaches. Every member may be
/// called from any thread; all but the constructor, assignment and operator bool need a handle that is not
/// null. An exception that nobody ever retrieves is reported through the runtime's exception handler.
/// Happens-before: create_task before the first step; the end of the task before its awaiters go on;
/// cancel() before the CancelledError it causes.
/// Cost: a 64-byte control block and the coroutine's frame; copying a handle is one atomic operation.
template <class T = void>
class Task {
public:
    /// What it ends with.
    using value_type = T;

    Task() noexcept = default;
    explicit Task(detail::ControlRef control) noexcept : control_(std::move(control)) {}
    /// Every task can be looked at as a Task<void>, without its result.
    operator Task<void>() const noexcept  // NOLINT(google-explicit-constructor)
        requires(!std::is_void_v<T>)
    {
        return Task<void>(control_);
    }

    /// False for a null handle.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(control_); }
    friend bool operator==(const Task& a, const Task& b) noexcept { return a.control_ == b.control_; }

    /// True once the task has ended: with a value, an error, or cancelled.
    [[nodiscard]] bool done() const noexcept { return control_->done(); }
    /// True if it ended because it was cancelled.
    [[nodiscard]] bool cancelled() const noexcept {
        return control_->done() && control_->outcome == detail::Outcome::cancelled;
    }
    /// The result. Throws InvalidStateError while the task runs, what the task threw, or CancelledError.
    decltype(auto) result() const {
        detail::require_value(*control_);
        return detail::TaskResult<T>::get(*control_);
    }
    /// What the task threw, or null. Throws InvalidStateError while it runs, CancelledError if cancelled.
    [[nodiscard]] std::exception_ptr exception() const { return detail::task_exception(*control_); }

    /// Asks the task to stop: CancelledError is thrown at what it waits for, or at its next suspension. The
    /// task may clean up, or decide to go on. False if it is done already. Never blocks.
    bool cancel(const std::string& message = {}) const {
        return detail::cancel_control(*control_, message.data(), message.size());
    }
    /// Number of cancel requests not taken back by uncancel().
    [[nodiscard]] int cancelling() const noexcept { return detail::cancel_count(*control_); }
    /// Takes one cancel request back; returns how many remain. At 0 a request not yet delivered is withdrawn.
    int uncancel() const noexcept { return detail::uncancel_control(*control_); }

    /// Calls `fn(task)` (or `fn()`) once on a worker after the task has ended, never inside this call.
    /// Callbacks run in the order they were added. Callable from any thread.
    template <class Fn>
    CallbackHandle add_done_callback(Fn fn) const {
        return detail::CallbackAccess::add<Task>(*control_, std::move(fn));
    }
    /// Takes a callback back that has not been called; its function is destroyed. False if it has been
    /// called, is being called, was taken back before, or is not one of this task's. Any thread, also from a
    /// callback.
    bool remove_done_callback(const CallbackHandle& handle) const {
        return detail::CallbackAccess::remove(*control_, handle);
    }

    /// The name given to it, or "Task-N".
    [[nodiscard]] std::string name() const { return detail::task_name(*control_); }
    /// Gives it another name.
    void set_name(std::string name) const { detail::set_task_name(*control_, std::move(name)); }

    /// Blocks a plain thread until the task has ended. Throws std::runtime_error on a worker thread.
    void wait_blocking() const { detail::join_blocking(*control_, "Task.wait_blocking()"); }
    /// wait_blocking() and then the result: a copy, or moved out where T cannot be copied.
    T result_blocking() const {
        detail::join_blocking(*control_, "Task.result_blocking()");
        detail::require_value(*control_);
        return detail::TaskResult<T>::copy_or_take(*control_);
    }

    /// Waits for the end and gives the result, or throws what the task threw. If cancelled: the request goes
    /// on to the awaited task, and this wait ends as that task ends (shield() to prevent that).
    detail::TaskAwaiter<T, false> operator co_await() const& noexcept {
        return detail::TaskAwaiter<T, false>(*control_);
    }
    /// The same; the result is moved out if this is the only handle.
    detail::TaskAwaiter<T, true> operator co_await() && noexcept {
        return detail::TaskAwaiter<T, true>(std::move(control_));
    }

private:
    friend struct detail::TaskAccess;
    detail::ControlRef control_;
};

/// Schedules `coro` on the running runtime and returns its handle. Throws std::runtime_error when the calling
/// thread is no worker (use Runtime::spawn there).
///
/// Overloads instead of a default argument: GCC 12 destroys an aggregate temporary inside a co_await
/// expression twice, and `co_await create_task(f())` is what everybody writes.
template <class T>
Task<T> create_task(Coro<T> coro) {
    return detail::TaskAccess::spawn(detail::running_scheduler(), coro);
}
/// The same, with a name.
template <class T>
Task<T> create_task(Coro<T> coro, TaskOptions options) {
    return detail::TaskAccess::spawn(detail::running_scheduler(), coro, &options.name);
}
/// The same for anything that can be awaited.
template <detail::Awaitable A>
    requires(!detail::is_coro<std::remove_cvref_t<A>>)
auto create_task(A&& awaitable) {
    return create_task(detail::as_coro(std::forward<A>(awaitable)));
}
/// The same, with a name.
template <detail::Awaitable A>
    requires(!detail::is_coro<std::remove_cvref_t<A>>)
auto create_task(A&& awaitable, TaskOptions options) {
    return create_task(detail::as_coro(std::forward<A>(awaitable)), std::move(options));
}

/// The task that runs the calling code; null on a thread that is no worker.
[[nodiscard]] Task<void> current_task();

/// The tasks of the running runtime that have not ended. O(tasks ever alive at once).
[[nodiscard]] std::vector<Task<void>> all_tasks();

/// Lets other ready tasks run first: goes to the back of the ready queue. If cancelled: CancelledError.
[[nodiscard]] inline detail::YieldAwaiter yield() noexcept { return {}; }

}  // namespace heddle
