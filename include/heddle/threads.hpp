#pragma once

#include <heddle/detail/sched/blocking_job.hpp>
#include <heddle/future.hpp>
#include <heddle/runtime.hpp>

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace heddle {

namespace detail {

template <class R, class Fn, class... Args>
struct ThreadJob final : BlockingJob {
    ThreadJob(Future<R> f, Fn&& fn, std::tuple<Args...>&& args)
        : future(std::move(f)), function(std::move(fn)), arguments(std::move(args)) {}
    void run() noexcept override {
        try {
            if constexpr (std::is_void_v<R>) {
                std::apply(std::move(function), std::move(arguments));
                finish([&] { future.set_result(); });
            } else {
                R result = std::apply(std::move(function), std::move(arguments));
                finish([&] { future.set_result(std::forward<R>(result)); });
            }
        } catch (...) {
            finish([&] { future.set_exception(std::current_exception()); });
        }
    }
    void refuse(std::exception_ptr error) noexcept override {
        finish([&] { future.set_exception(std::move(error)); });
    }
    /// Whoever waited may have been cancelled: then the future is decided already and the result dropped.
    template <class Set>
    static void finish(Set set) noexcept {
        try {
            set();
        } catch (const InvalidStateError&) {  // NOLINT(bugprone-empty-catch): see above
        }
    }
    Future<R> future;
    Fn function;
    std::tuple<Args...> arguments;
};

template <class R, class Fn, class... Args>
Coro<R> run_on_thread(Fn fn, std::tuple<Args...> args) {
    Future<R> future;
    post_blocking(std::make_unique<ThreadJob<R, Fn, Args...>>(future, std::move(fn), std::move(args)));
    co_return co_await std::move(future);
}

}  // namespace detail

/// asyncio.to_thread: runs `fn(args…)` on a pool of threads that may block, and gives its result or throws
/// what it throws. The function sees the calling task's ContextVars. It is copied or moved, and so are the
/// arguments. If cancelled: CancelledError at once; the function, once started, runs to its end and its
/// result is dropped.
template <class Fn, class... Args>
auto to_thread(Fn fn, Args... args) -> Coro<std::invoke_result_t<Fn, Args...>> {
    return detail::run_on_thread<std::invoke_result_t<Fn, Args...>>(std::move(fn),
                                                                    std::tuple<Args...>(std::move(args)...));
}

/// Runtime::spawn under asyncio's name: schedules `coro` on `runtime` from any thread.
template <detail::Awaitable A>
auto run_coroutine_threadsafe(A&& awaitable, Runtime& runtime) {
    return runtime.spawn(detail::as_coro(std::forward<A>(awaitable)));
}

}  // namespace heddle
