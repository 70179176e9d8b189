#pragma once

#include <heddle/task.hpp>

#include <stop_token>
#include <utility>

namespace heddle {

namespace detail {

template <class T>
Task<T> as_task(Task<T> task) noexcept {
    return task;
}
template <class T>
Task<T> as_task(Coro<T> coro) {
    return create_task(std::move(coro));
}

/// `work` is a Coro<T> or a Task<T>.
template <class T, class Work>
Coro<T> run_until_stopped(std::stop_token token, Work work) {
    Task<T> task = as_task(std::move(work));
    const auto cancel = [task] { task.cancel("stop requested"); };
    const std::stop_callback<decltype(cancel)> on_stop(std::move(token), cancel);
    co_return co_await std::move(task);
}

}  // namespace detail

/// Runs `awaitable` and gives its result; when a stop is requested through `token`, also before the start, it
/// is cancelled, and when it has ended, CancelledError is thrown (unless it ended otherwise). If cancelled:
/// the same.
template <detail::Awaitable A>
auto with_stop_token(std::stop_token token, A&& awaitable) {
    auto coro = detail::as_coro(std::forward<A>(awaitable));
    using T = typename decltype(coro)::value_type;
    return detail::run_until_stopped<T>(std::move(token), std::move(coro));
}
/// A Task is cancelled itself, not a coroutine that waits for it and might not have begun.
template <class T>
auto with_stop_token(std::stop_token token, Task<T> task) {
    return detail::run_until_stopped<T>(std::move(token), std::move(task));
}

}  // namespace heddle
