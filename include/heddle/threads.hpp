#pragma once

#include <heddle/detail/sched/blocking_job.hpp>
#include <heddle/future.hpp>
#include <heddle/runtime.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace heddle {

namespace detail {

template <class R, class Fn, class... Args>
struct ThreadJob final : BlockingJob {
    ThreadJob(Future<R> f, Fn&& fn, std::tuple<Args...>&& args)
        : future(std::move(f)), work(std::in_place, std::move(fn), std::move(args)) {}
    void run() noexcept override {
        if (future.done()) {
            return;  // cancelled while it waited for a thread: not called at all
        }
        std::exception_ptr error;
        try {
            if constexpr (std::is_void_v<R>) {
                call();
                work.reset();
                finish([&] { future.set_result(); });
            } else if constexpr (std::is_reference_v<R>) {
                R result = call();
                work.reset();
                finish([&] { future.set_result(result); });
            } else {
                std::optional<R> result(std::in_place, call());
                work.reset();
                finish([&] { set_future_value(TaskAccess::control(future), result); });
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (error != nullptr) {
            work.reset();
            finish([&] { future.set_exception(std::move(error)); });
        }
    }
    /// Whoever waited may have been cancelled: then the future is decided already and the result dropped. A
    /// result that cannot be stored leaves its error.
    template <class Set>
    void finish(Set set) noexcept {
        try {
            set();
        } catch (...) {
            if (!future.done()) {
                try {
                    future.set_exception(std::current_exception());
                } catch (...) {  // NOLINT(bugprone-empty-catch): decided meanwhile
                }
            }
        }
    }
    R call() { return std::apply(std::move(work->first), std::move(work->second)); }

    Future<R> future;
    // Gone before the future is set: whoever waited may then destroy what they refer to.
    std::optional<std::pair<Fn, std::tuple<Args...>>> work;
};

template <class R, class Fn, class... Args>
Coro<R> run_on_thread(Fn fn, std::tuple<Args...> args) {
    const Future<R> future;
    post_blocking(std::make_unique<ThreadJob<R, Fn, Args...>>(future, std::move(fn), std::move(args)));
    if constexpr (std::is_object_v<R>) {
        // Moved, though the job has not let go of the future yet: nobody else takes the result. And nothing
        // is left of it for the job to destroy.
        const R& stored = co_await future;
        R result = std::move(const_cast<R&>(stored));
        drop_result(TaskAccess::control(future));
        co_return result;
    } else {
        co_return co_await future;
    }
}

}  // namespace detail

/// asyncio.to_thread: runs `fn(args…)` on a pool of threads that may block, and gives its result or throws
/// what it throws. The function sees the calling task's ContextVars. It is copied or moved, and so are the
/// arguments; all are destroyed before the result is given. If cancelled: CancelledError at once; a function
/// that has not started is not called, one that has runs to its end and its result is dropped.
template <class Fn, class... Args>
auto to_thread(Fn fn, Args... args) -> Coro<std::invoke_result_t<Fn, Args...>> {
    return detail::run_on_thread<std::invoke_result_t<Fn, Args...>>(std::move(fn),
                                                                    std::tuple<Args...>(std::move(args)...));
}

/// Runtime::spawn under asyncio's name: schedules `coro` on `runtime` from any thread. What asyncio gives as
/// a future of its own is the task itself here: who waits for it after a cancel() goes on when it has ended,
/// with its cleanup done.
template <detail::Awaitable A>
auto run_coroutine_threadsafe(A&& awaitable, Runtime& runtime) {
    return runtime.spawn(detail::as_coro(std::forward<A>(awaitable)));
}

}  // namespace heddle
