#pragma once

#include <heddle/detail/structure/timeout_scope.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task_group.hpp>

#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle {

/// An open timeout() scope. Used by the task that runs in it.
class Timeout {
public:
    /// A point of the clock that deadlines are measured on.
    using time_point = std::chrono::steady_clock::time_point;

    explicit Timeout(detail::TimeoutScope& scope) noexcept : scope_(scope) {}
    Timeout(const Timeout&) = delete;
    Timeout& operator=(const Timeout&) = delete;
    Timeout(Timeout&&) = delete;
    Timeout& operator=(Timeout&&) = delete;
    ~Timeout() = default;

    /// The deadline; empty if there is none.
    [[nodiscard]] std::optional<time_point> when() const noexcept {
        if (scope_.when() == detail::never) {
            return std::nullopt;
        }
        return time_point(std::chrono::nanoseconds(scope_.when()));
    }
    /// Moves the deadline; nullopt takes it away. Throws std::runtime_error if the scope has expired already
    /// or has been left.
    void reschedule(std::optional<time_point> when) {
        scope_.reschedule(when ? detail::deadline_at(*when) : detail::never);
    }
    /// The same, counted from now.
    template <class Rep, class Period>
    void reschedule(std::chrono::duration<Rep, Period> delay) {
        scope_.reschedule(detail::deadline_after(delay));
    }
    /// True once the deadline has cancelled the scope.
    [[nodiscard]] bool expired() const noexcept { return scope_.expired(); }

private:
    detail::TimeoutScope& scope_;
};

namespace detail {

template <class Body>
auto timeout_scope(std::int64_t deadline, Body body) -> Coro<BodyResult<Body, Timeout&>> {
    using T = BodyResult<Body, Timeout&>;
    TimeoutScope scope(deadline);
    Timeout handle(scope);
    std::optional<Stored<T>> result;
    std::exception_ptr error;
    bool cancelled = false;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await body(handle);
            result.emplace();
        } else if constexpr (std::is_reference_v<T>) {
            T value = co_await body(handle);
            result.emplace(std::addressof(value));
        } else {
            result.emplace(co_await body(handle));
        }
    } catch (...) {
        error = std::current_exception();
        cancelled = caught_cancelled();
    }
    scope.leave(error, cancelled);
    co_return unwrap<T>(std::move(*result));
}

template <class T>
Coro<T> wait_for_coro(Coro<T> awaited, std::int64_t deadline) {
    TimeoutScope scope(deadline);
    std::optional<Stored<T>> result;
    std::exception_ptr error;
    bool cancelled = false;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(awaited);
            result.emplace();
        } else if constexpr (std::is_reference_v<T>) {
            T value = co_await std::move(awaited);
            result.emplace(std::addressof(value));
        } else {
            result.emplace(co_await std::move(awaited));
        }
    } catch (...) {
        error = std::current_exception();
        cancelled = caught_cancelled();
    }
    scope.leave(error, cancelled);
    co_return unwrap<T>(std::move(*result));
}

/// A deadline that has passed already: what is not done is cancelled, has ended, and then TimeoutError.
template <class T>
Coro<T> wait_for_task_now(Task<T> task) {
    if (!task.done()) {
        task.cancel();
        co_await JoinQuietly(TaskAccess::ref(task));
        if (task.cancelled()) {
            throw TimeoutError();
        }
    }
    co_return co_await std::move(task);
}
template <class T>
Coro<T> wait_for_nothing(Coro<T> never_started) {
    const Coro<T> dropped = std::move(never_started);
    throw TimeoutError();
    co_return co_await Coro<T>();  // unreachable: makes this a coroutine
}

}  // namespace detail

/// `async with asyncio.timeout(delay)`: runs `body(t)` in the current task and gives its result. When the
/// deadline passes first, whatever the body waits for is cancelled, and when the body has ended that way
/// TimeoutError is thrown. A cancellation from outside stays a CancelledError. Never early.
/// The closure is kept alive until the scope ends, so a capturing coroutine lambda is safe here.
template <class Rep, class Period, class Body>
auto timeout(std::chrono::duration<Rep, Period> delay, Body body) {
    return detail::timeout_scope(detail::deadline_after(delay), std::move(body));
}
/// No deadline: one may be set with reschedule().
template <class Body>
auto timeout(std::nullopt_t none, Body body) {
    static_cast<void>(none);
    return detail::timeout_scope(detail::never, std::move(body));
}
/// As timeout(), with a point of steady_clock.
template <class Duration, class Body>
auto timeout_at(std::chrono::time_point<std::chrono::steady_clock, Duration> when, Body body) {
    return detail::timeout_scope(detail::deadline_at(when), std::move(body));
}
/// As timeout(std::nullopt, body).
template <class Body>
auto timeout_at(std::nullopt_t none, Body body) {
    return timeout(none, std::move(body));
}

/// Waits for anything that can be awaited, at most for `delay`: gives its result, or cancels it and throws
/// TimeoutError when it has ended. With `delay` <= 0 only a finished task gives its result.
template <detail::Awaitable A, class Rep, class Period>
auto wait_for(A&& awaitable, std::chrono::duration<Rep, Period> delay) {
    if constexpr (detail::is_task<std::remove_cvref_t<A>>) {
        using T = typename std::remove_cvref_t<A>::value_type;
        return delay.count() > 0 ? detail::wait_for_coro<T>(
                                       detail::as_coro(std::remove_cvref_t<A>(std::forward<A>(awaitable))),
                                       detail::deadline_after(delay))
                                 : detail::wait_for_task_now<T>(std::forward<A>(awaitable));
    } else {
        auto coro = detail::as_coro(std::forward<A>(awaitable));
        return delay.count() > 0 ? detail::wait_for_coro(std::move(coro), detail::deadline_after(delay))
                                 : detail::wait_for_nothing(std::move(coro));
    }
}

}  // namespace heddle
