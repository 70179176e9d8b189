#pragma once

#include <heddle/queue.hpp>
#include <heddle/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace heddle {

namespace detail {

/// Waits for `awaitable` until `deadline`, then TimeoutError.
template <Awaitable A>
auto until(A awaitable, std::int64_t deadline) {
    return wait_for_coro(as_coro(std::move(awaitable)), deadline);
}

template <class T>
std::vector<Task<T>> make_tasks(std::vector<Coro<T>> coros) {
    std::vector<Task<T>> tasks;
    tasks.reserve(coros.size());
    for (Coro<T>& coro : coros) {
        tasks.push_back(create_task(std::move(coro)));
    }
    return tasks;
}

}  // namespace detail

/// Gives tasks in the order in which they end: `while (true) { auto t = co_await it.next(); if (!t) break; …
/// }`.
///
/// Used by one task at a time. Tasks that have not been handed out go on when it is destroyed.
template <class T>
class [[nodiscard]] AsCompleted {
public:
    AsCompleted(std::vector<Task<T>> tasks, std::int64_t deadline)
        : ended_(std::make_shared<Queue<Task<T>>>()), left_(tasks.size()), deadline_(deadline) {
        for (const Task<T>& task : tasks) {
            task.add_done_callback([ended = ended_](Task<T> done) { ended->put_nowait(std::move(done)); });
        }
    }

    /// The next task to end; a null task when all have been given. Throws TimeoutError when the time is over.
    /// If cancelled: no task is taken.
    Coro<Task<T>> next() {
        if (left_ == 0) {
            co_return Task<T>();
        }
        Task<T> task = co_await detail::until(ended_->get(), deadline_);
        --left_;
        co_return task;
    }

private:
    std::shared_ptr<Queue<Task<T>>> ended_;
    std::size_t left_;
    std::int64_t deadline_;
};

/// asyncio.as_completed over tasks. Each task is handed out once it has ended.
template <class T>
AsCompleted<T> as_completed(const std::vector<Task<T>>& tasks) {
    return AsCompleted<T>(tasks, detail::never);
}
/// The same, for at most `timeout` from now in all.
template <class T, class Rep, class Period>
AsCompleted<T> as_completed(const std::vector<Task<T>>& tasks, std::chrono::duration<Rep, Period> timeout) {
    return AsCompleted<T>(tasks, detail::deadline_after(timeout));
}
/// Coroutines become tasks at once.
template <class T>
AsCompleted<T> as_completed(std::vector<Coro<T>> coros) {
    return AsCompleted<T>(detail::make_tasks(std::move(coros)), detail::never);
}
template <class T, class Rep, class Period>
AsCompleted<T> as_completed(std::vector<Coro<T>> coros, std::chrono::duration<Rep, Period> timeout) {
    return AsCompleted<T>(detail::make_tasks(std::move(coros)), detail::deadline_after(timeout));
}

}  // namespace heddle
