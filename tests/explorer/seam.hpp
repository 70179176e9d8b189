#pragma once

#include "explore.hpp"
#include <heddle/detail/wait/suspend.hpp>

#include <coroutine>
#include <utility>

// heddle's waits on virtual threads: each plays a task that awaits one thing after the other.

namespace heddle::explore {

/// Stands for the coroutine frame of the calling thread's task; not to be resumed.
[[nodiscard]] std::coroutine_handle<> own_frame();
/// What `co_await awaitable` does in a task: suspends until somebody has scheduled it.
void suspended_until_scheduled(std::coroutine_handle<> next);

template <class Awaiter>
decltype(auto) await(Awaiter&& awaiter) {
    if (!awaiter.await_ready()) {
        suspended_until_scheduled(awaiter.await_suspend(own_frame()));
    }
    return awaiter.await_resume();
}

/// Task::cancel on the task that `thread` plays.
void cancel(unsigned thread);
/// True if the task is asleep in some wait.
[[nodiscard]] bool parked(unsigned thread);

}  // namespace heddle::explore
