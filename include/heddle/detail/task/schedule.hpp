#pragma once

// SEAM 2. What tasks need from the scheduler: declared here, defined in lib/sched, resolved by the linker.

#include <heddle/detail/task/control_block.hpp>

#include <coroutine>
#include <cstdint>
#include <string_view>

namespace heddle::detail {

struct WorkerContext;

/// Makes `control` run on its scheduler, from any thread.
void post_control(TaskControl& control) noexcept;
/// The same for many of one broadcast; they may belong to different schedulers.
void post_controls(Waiter* const* waiters, std::size_t n) noexcept;
/// To the back of the running worker's ready queue: what a yield does.
void post_behind(TaskControl& control) noexcept;

/// True: children must go through the ready queue, in order to start in asyncio's order (one worker, and
/// somebody is ready already).
[[nodiscard]] bool ready_work_waits(const WorkerContext& worker) noexcept;
/// Children have been pushed on `worker`'s deque: somebody may come and steal.
void forks_pushed(WorkerContext& worker) noexcept;

/// The scheduler of the running worker, or null on a foreign thread.
[[nodiscard]] Scheduler* current_scheduler() noexcept;

/// Counts a task in and out of its scheduler.
void task_born(Scheduler& scheduler);
void task_died(Scheduler& scheduler) noexcept;

/// Makes `frame` a task that neither all_tasks() nor shutdown's cancelling sees; any thread. Throws
/// std::runtime_error if the scheduler has been shut down or is gone. The caller gets a handle reference.
TaskControl& spawn_internal(Scheduler* scheduler, std::coroutine_handle<> frame);

/// An exception nobody retrieved, or one that left a callback; `name` says of which task. Never throws.
void report_exception(Scheduler* scheduler, const char* context, const std::exception_ptr& error,
                      std::string_view name = {}) noexcept;

}  // namespace heddle::detail
