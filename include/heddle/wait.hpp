#pragma once

#include <heddle/detail/structure/timeout_scope.hpp>
#include <heddle/detail/structure/watch.hpp>
#include <heddle/sleep.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace heddle {

/// When wait() returns.
enum ReturnWhen : std::uint8_t { ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION };

/// Options of wait().
struct WaitOptions {
    /// At most this long; empty: no limit.
    std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
    /// What ends the waiting, besides the time.
    ReturnWhen return_when = ALL_COMPLETED;
};

/// What wait() gives: every task is in one of the two, once, in the order in which they were given.
template <class T>
struct Waited {
    std::vector<Task<T>> done;     ///< have ended, in whatever way
    std::vector<Task<T>> pending;  ///< have not
};

namespace detail {

struct WaitState {
    Watch watch;
    Atomic<std::size_t> left{0};
    ReturnWhen return_when = ALL_COMPLETED;

    /// A task has ended; true if that ends the waiting.
    [[nodiscard]] bool ended(const TaskControl& task) noexcept {
        // acq_rel: whoever is last has seen all the others end
        const bool last = left.fetch_sub(1, acq_rel) == 1;
        return last || return_when == FIRST_COMPLETED ||
               (return_when == FIRST_EXCEPTION && task.outcome == Outcome::error);
    }
};

/// Ends when `task` has; at the right moment ends the others.
[[nodiscard]] CoroFrame<void> watch_task(ControlRef task, WaitState& state);
/// Ends the others at `deadline`.
[[nodiscard]] CoroFrame<void> watch_clock(std::int64_t deadline, WaitState& state);

template <class T>
Coro<Waited<T>> wait_for_tasks(std::vector<Task<T>> tasks, WaitOptions options) {
    WaitState state;
    state.return_when = options.return_when;
    std::size_t running = 0;
    bool over = false;
    for (const Task<T>& task : tasks) {
        if (!task.done()) {
            ++running;
            state.watch.add(watch_task(TaskAccess::ref(task), state));
        } else {
            over = over || options.return_when == FIRST_COMPLETED ||
                   (options.return_when == FIRST_EXCEPTION &&
                    TaskAccess::control(task).outcome == Outcome::error);
        }
    }
    if (!over && running != 0) {
        state.left.store(running, relaxed);  // relaxed: published by the fork
        if (options.timeout) {
            state.watch.add(watch_clock(deadline_after(*options.timeout), state));
        }
        const bool undisturbed = co_await state.watch;
        if (!undisturbed) {
            state.watch.raise_cancelled();
        }
        state.watch.rethrow_failure();
    }
    Waited<T> result;
    for (Task<T>& task : tasks) {
        (task.done() ? result.done : result.pending).push_back(std::move(task));
    }
    co_return result;
}

[[noreturn]] void throw_nothing_to_wait_for();

}  // namespace detail

/// asyncio.wait: waits until all tasks (or the first, or the first error) have ended, or the time is over;
/// neither throws their errors nor cancels them. What is done and what is pending is judged at the end of the
/// wait. Throws std::invalid_argument if there are no tasks, std::length_error if 2^20 - 2 or more of them
/// still run. If cancelled: the tasks go on. O(n log n) for n tasks.
template <detail::RangeOfTasks Tasks>
auto wait(Tasks&& tasks, WaitOptions options = {}) {
    auto distinct = detail::distinct_tasks(std::forward<Tasks>(tasks));
    if (distinct.empty()) {
        detail::throw_nothing_to_wait_for();
    }
    return detail::wait_for_tasks(std::move(distinct), options);
}
/// The same for a list in braces.
template <class T>
Coro<Waited<T>> wait(std::initializer_list<Task<T>> tasks, WaitOptions options = {}) {
    return wait(std::span<const Task<T>>(tasks.begin(), tasks.size()), options);
}

}  // namespace heddle
