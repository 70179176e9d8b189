#pragma once

#include <heddle/detail/structure/members.hpp>
#include <heddle/error.hpp>
#include <heddle/queue.hpp>
#include <heddle/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

namespace heddle {

namespace detail {

/// What an AsCompleted, its next() calls and the tasks' callbacks share.
///
/// A task's callback, which runs a little after its end, puts it into the queue; unless the time was over
/// before and close() has settled which tasks had ended by then.
template <class T>
struct Completions {
    struct Slot {
        Task<T> task;
        Atomic<bool> settled{false};
    };
    explicit Completions(std::size_t n) : slots(n), left(n) {}

    void settle(Slot& slot) {
        // acq_rel: the callback or close(), whoever comes first; it owns the handle then
        if (!slot.settled.exchange(true, acq_rel)) {
            if (slot.task.done()) {
                hand_over(slot.task);
            }
            slot.task = Task<T>();
        }
    }
    /// There is no telling which tasks have ended when memory runs out here: each next() then throws that.
    void hand_over(const Task<T>& task) noexcept {
        try {
            ended.put_nowait(task);
        } catch (...) {
            ended.shutdown();
        }
    }
    /// The time is over: what has not ended now is let go.
    void close() {
        if (!closed.exchange(true, relaxed)) {  // relaxed: only once; the queue orders the tasks
            for (Slot& slot : slots) {
                settle(slot);
            }
        }
    }
    /// Reserves one of those left; false if there is none.
    [[nodiscard]] bool reserve() noexcept {
        std::size_t n = left.load(relaxed);  // relaxed: only a count, the queue orders the tasks
        while (n != 0 && !left.compare_exchange_weak(n, n - 1, relaxed)) {
        }
        return n != 0;
    }
    void give_back() noexcept {
        left.fetch_add(1, relaxed);  // relaxed: as above
    }

    Queue<Task<T>> ended;
    std::vector<Slot> slots;
    Atomic<std::size_t> left;  // neither handed out nor being waited for
    Atomic<bool> closed{false};
};

template <class T>
Coro<Task<T>> next_completed(std::shared_ptr<Completions<T>> all, std::int64_t deadline) {
    Task<T> task;
    if (!all->reserve()) {
        co_return task;
    }
    try {
        if (deadline == never) {
            task = co_await all->ended.get();
        } else if (!all->closed.load(relaxed)) {  // relaxed: whoever sees it late waits for the same deadline
            task = co_await wait_for_coro(as_coro(all->ended.get()), deadline);
        }
    } catch (const TimeoutError&) {
        all->close();
    } catch (const QueueShutDown&) {
        throw std::bad_alloc();
    } catch (...) {
        all->give_back();
        throw;
    }
    if (!task) {
        std::optional<Task<T>> ended_in_time;
        try {
            ended_in_time = all->ended.try_get();
        } catch (const QueueShutDown&) {
            throw std::bad_alloc();
        }
        if (!ended_in_time) {
            throw TimeoutError();
        }
        task = std::move(*ended_in_time);
    }
    co_return task;
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
/// Several next() may be awaited at once: each gives a different task. Tasks that have not been handed out go
/// on when it is destroyed, and so do next() calls that wait.
template <class T>
class [[nodiscard]] AsCompleted {
public:
    /// As as_completed().
    AsCompleted(const std::vector<Task<T>>& tasks, std::int64_t deadline)
        : all_(std::make_shared<detail::Completions<T>>(tasks.size())), deadline_(deadline) {
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto& slot = all_->slots[i];
            slot.task = tasks[i];
            if (slot.task.done()) {
                all_->settle(slot);
            } else {
                tasks[i].add_done_callback([all = all_, &slot] { all->settle(slot); });
            }
        }
    }

    /// The next task to end; a null task when all have been given or are being waited for. When the time is
    /// over: TimeoutError, once for each task that has not ended by then; it goes on and is not given later.
    /// If cancelled: no task is taken.
    Coro<Task<T>> next() { return detail::next_completed<T>(all_, deadline_); }

private:
    std::shared_ptr<detail::Completions<T>> all_;
    std::int64_t deadline_;
};

/// asyncio.as_completed over tasks. Each is handed out once, after it has ended, however often it is named.
template <detail::RangeOfTasks Tasks>
auto as_completed(Tasks&& tasks) {
    using T = typename std::ranges::range_value_t<Tasks>::value_type;
    return AsCompleted<T>(detail::distinct_tasks(std::forward<Tasks>(tasks)), detail::never);
}
/// The same, for at most `timeout` from now in all.
template <detail::RangeOfTasks Tasks, class Rep, class Period>
auto as_completed(Tasks&& tasks, std::chrono::duration<Rep, Period> timeout) {
    using T = typename std::ranges::range_value_t<Tasks>::value_type;
    return AsCompleted<T>(detail::distinct_tasks(std::forward<Tasks>(tasks)),
                          detail::deadline_after(timeout));
}
/// Coroutines become tasks at once.
template <class T>
AsCompleted<T> as_completed(std::vector<Coro<T>> coros) {
    return AsCompleted<T>(detail::make_tasks(std::move(coros)), detail::never);
}
/// The same, for at most `timeout` from now in all.
template <class T, class Rep, class Period>
AsCompleted<T> as_completed(std::vector<Coro<T>> coros, std::chrono::duration<Rep, Period> timeout) {
    return AsCompleted<T>(detail::make_tasks(std::move(coros)), detail::deadline_after(timeout));
}

}  // namespace heddle
