#pragma once

#include <heddle/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace heddle {

namespace detail {
/// Throws std::runtime_error on a worker thread, where `what` would block other tasks.
void require_no_worker(const char* what);
/// While it exists, SIGINT on its way to the process is kept for join(), which passes it on to the task. Does
/// nothing except on the process's main thread, or if the program has a handler of its own.
class SigintGuard : Immovable {
public:
    explicit SigintGuard(bool wanted) noexcept;
    ~SigintGuard();
    void join(TaskControl& main) const;

private:
    bool active_ = false;
};
template <class T>
T take_result(const Task<T>& task, const SigintGuard& sigint);
}  // namespace detail

/// How a runtime is set up.
struct RuntimeOptions {
    /// Worker threads; 0: one per available core, respecting affinity and cgroup limits.
    unsigned workers = 0;
    /// Threads are called name-0, name-1, …
    std::string name = "heddle";
    /// Called for exceptions nobody retrieved: with a context line and the exception. Runs on any thread and
    /// must not throw. Default: one line on stderr.
    std::function<void(const std::string& context, std::exception_ptr error)> exception_handler = {};
    /// How long an idle worker looks for work before it sleeps, in nanoseconds; negative: chosen by the
    /// machine (50 microseconds, 0 with more workers than cores).
    std::int64_t spin_ns = -1;
    /// Most threads that to_thread() may use at once; 0: 512. An idle one ends after 10 seconds.
    unsigned blocking_threads = 0;
    /// run() called on the main thread: the first SIGINT cancels main, a second one ends the process. Only if
    /// the program has not installed a handler of its own.
    bool handle_sigint = true;
    /// Cores to bind the workers to, in turn; empty: the system decides.
    std::vector<unsigned> affinity = {};
};

/// N worker threads that run tasks. Several may live in one process.
///
/// Every member may be called from any thread. The destructor does what shutdown() does.
class Runtime {
public:
    /// Starts the workers. Throws std::system_error if a thread cannot be started.
    explicit Runtime(RuntimeOptions options = {});
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;
    Runtime(Runtime&&) = delete;
    Runtime& operator=(Runtime&&) = delete;

    /// Runs `main` as a task and blocks the calling thread until it has ended; gives its result or throws
    /// what it threw. Throws std::runtime_error on a worker thread.
    template <class T>
    T run(Coro<T> main) {
        detail::require_no_worker("Runtime.run()");
        return detail::take_result(spawn(std::move(main)), detail::SigintGuard(false));
    }
    /// The same for anything that can be awaited.
    template <detail::Awaitable A>
        requires(!detail::is_coro<std::remove_cvref_t<A>>)
    auto run(A&& awaitable) {
        return run(detail::as_coro(std::forward<A>(awaitable)));
    }

    /// Schedules `coro` and returns at once: asyncio.run_coroutine_threadsafe. Throws std::runtime_error
    /// after shutdown().
    template <class T>
    Task<T> spawn(Coro<T> coro) {
        return detail::TaskAccess::spawn(*scheduler_, coro);
    }
    /// The same, with a name.
    template <class T>
    Task<T> spawn(Coro<T> coro, TaskOptions options) {
        return detail::TaskAccess::spawn(*scheduler_, coro, &options.name);
    }
    /// The same for anything that can be awaited.
    template <detail::Awaitable A>
        requires(!detail::is_coro<std::remove_cvref_t<A>>)
    auto spawn(A&& awaitable) {
        return spawn(detail::as_coro(std::forward<A>(awaitable)));
    }
    /// The same, with a name.
    template <detail::Awaitable A>
        requires(!detail::is_coro<std::remove_cvref_t<A>>)
    auto spawn(A&& awaitable, TaskOptions options) {
        return spawn(detail::as_coro(std::forward<A>(awaitable)), std::move(options));
    }

    /// The runtime whose worker calls. Throws std::runtime_error("no running event loop") elsewhere.
    static Runtime& current();

    /// Refuses new tasks from outside, cancels all tasks, waits until they have ended, stops the workers.
    /// Blocks; throws std::runtime_error on a worker thread. A second call does nothing.
    void shutdown();

    /// The same, but waits at most for `patience`. Gives the names of the tasks that have not ended by then;
    /// each is also told to the exception handler. With none left the runtime is shut down; otherwise its
    /// workers go on, and a later shutdown() or the destructor waits for the rest.
    template <class Rep, class Period>
    std::vector<std::string> shutdown(std::chrono::duration<Rep, Period> patience) {
        return shutdown_until(std::chrono::steady_clock::now() + patience);
    }

    /// How many workers there are.
    [[nodiscard]] unsigned workers() const noexcept;

private:
    std::vector<std::string> shutdown_until(std::chrono::steady_clock::time_point deadline);

    std::unique_ptr<detail::Scheduler> scheduler_;
};

namespace detail {
template <class T>
T take_result(const Task<T>& task, const SigintGuard& sigint) {
    sigint.join(TaskAccess::control(task));
    TaskControl& control = TaskAccess::control(task);
    require_value(control);
    return TaskResult<T>::take(control);
}
}  // namespace detail

/// asyncio.run: runs `main` on a runtime of its own, then cancels what is left, waits for it and shuts down.
/// Gives main's result or throws what it threw: CancelledError("SIGINT") after a SIGINT, see
/// RuntimeOptions::handle_sigint. Throws std::runtime_error on a worker thread.
template <class T>
T run(Coro<T> main, RuntimeOptions options = {}) {
    detail::require_no_worker("run()");
    const detail::SigintGuard sigint(options.handle_sigint);
    Runtime runtime(std::move(options));
    return detail::take_result(runtime.spawn(std::move(main)), sigint);
}
/// The same for anything that can be awaited.
template <detail::Awaitable A>
    requires(!detail::is_coro<std::remove_cvref_t<A>>)
auto run(A&& awaitable, RuntimeOptions options = {}) {
    return run(detail::as_coro(std::forward<A>(awaitable)), std::move(options));
}

}  // namespace heddle
