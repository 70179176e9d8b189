#pragma once

#include <heddle/task.hpp>

#include <utility>

namespace heddle {

namespace detail {

/// Waits for a task; a cancellation of the waiter ends the wait and leaves the task alone.
template <class T>
class [[nodiscard("shield does nothing more until it is co_awaited")]] ShieldAwaiter : public JoinWait {
public:
    explicit ShieldAwaiter(ControlRef control) noexcept
        : JoinWait(*control, OnCancel::leave), control_(std::move(control)) {}
    T await_resume() {
        finish();
        require_value(*control_);
        return TaskResult<T>::take(*control_);
    }

private:
    ControlRef control_;
};

/// What shield() returns: the task runs already.
template <class T>
class [[nodiscard("shield does nothing more until it is co_awaited")]] Shield {
public:
    explicit Shield(Task<T> task) noexcept : task_(std::move(task)) {}
    ShieldAwaiter<T> operator co_await() const { return ShieldAwaiter<T>(TaskAccess::ref(task_)); }

private:
    Task<T> task_;
};

}  // namespace detail

/// asyncio.shield: waits for a task so that cancelling the waiter does not cancel the task. A coroutine is
/// made a task at once. If cancelled: CancelledError here, and the task goes on; keep its handle to wait for
/// it later.
template <class T>
detail::Shield<T> shield(Task<T> task) {
    return detail::Shield<T>(std::move(task));
}
/// The same for anything that can be awaited: it is made a task.
template <detail::Awaitable A>
auto shield(A&& awaitable) {
    return shield(create_task(detail::as_coro(std::forward<A>(awaitable))));
}

}  // namespace heddle
