#pragma once

#include <heddle/task.hpp>

#include <stop_token>
#include <utility>

namespace heddle {

namespace detail {

template <class T>
Coro<T> run_until_stopped(std::stop_token token, Coro<T> coro) {
    Task<T> task = create_task(std::move(coro));
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
    return detail::run_until_stopped(std::move(token), detail::as_coro(std::forward<A>(awaitable)));
}

}  // namespace heddle
