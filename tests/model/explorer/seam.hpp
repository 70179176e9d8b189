#pragma once

#include "explore.hpp"
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/worker_context.hpp>
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/error.hpp>

#include <sched/timer_wheel.hpp>

#include <coroutine>
#include <initializer_list>
#include <utility>

// heddle on virtual threads. Each virtual thread is a worker that runs one task of its own, whose coroutine
// is the body: await() is its co_await. Everything up to the tasks is the shipped code; the scheduler is not:
// what it would do to make a task run is done here.

namespace heddle::explore {

/// Stands for the coroutine frame of the calling thread's task; not to be resumed.
[[nodiscard]] std::coroutine_handle<> own_frame();
/// What `co_await awaitable` does in a task: suspends until somebody has scheduled it.
void suspended_until_scheduled(std::coroutine_handle<> next);

template <class Awaitable>
decltype(auto) await(Awaitable&& awaitable) {
    if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
        auto&& awaiter = std::forward<Awaitable>(awaitable).operator co_await();
        return await(awaiter);
    } else {
        if (!awaitable.await_ready()) {
            suspended_until_scheduled(awaitable.await_suspend(own_frame()));
        }
        return awaitable.await_resume();
    }
}
/// False: it ended with CancelledError.
template <class Awaitable>
bool await_unless_cancelled(Awaitable&& awaitable) {
    try {
        static_cast<void>(await(std::forward<Awaitable>(awaitable)));
        return true;
    } catch (const CancelledError&) {
        return false;
    }
}

/// The task that `thread` plays.
[[nodiscard]] detail::TaskControl& task_of(unsigned thread);
/// Task::cancel on it.
void cancel(unsigned thread);
/// True if the task is asleep in some wait.
[[nodiscard]] bool parked(unsigned thread);

/// While one exists, the calling thread is no worker: the blocking calls work.
class PlainThread {
public:
    PlainThread() : worker_(std::exchange(detail::this_worker, nullptr)) {}
    PlainThread(const PlainThread&) = delete;
    PlainThread& operator=(const PlainThread&) = delete;
    PlainThread(PlainThread&&) = delete;
    PlainThread& operator=(PlainThread&&) = delete;
    ~PlainThread() { detail::this_worker = worker_; }

private:
    detail::WorkerContext* worker_;
};

/// Runs tasks that were created or woken (not those that threads play) until nobody can make more of them.
void work();
/// Takes the oldest of the forked children that wait for `victim`, and runs it.
bool steal_child(unsigned victim);

/// Frees what has been retired and is not pinned by others.
void reclaim();

/// The steady clock of the virtual world.
void set_time(std::int64_t ns);
/// Where timers go: a scenario's own wheel.
void set_wheel(detail::TimerWheel* wheel);
[[nodiscard]] detail::TimerWheel* wheel();

}  // namespace heddle::explore
