#pragma once

#include <heddle/detail/sync/clock.hpp>
#include <heddle/detail/task/timer.hpp>
#include <heddle/task.hpp>

#include <chrono>
#include <limits>
#include <ratio>

namespace heddle {

namespace detail {

/// Any duration as nanoseconds, clamped instead of overflowing; rounded up, so that nothing ends early.
[[noreturn]] void throw_invalid_delay();

/// Only durations that can be NaN throw (std::invalid_argument).
template <class Rep>
inline constexpr bool exact_duration = !std::chrono::treat_as_floating_point_v<Rep>;

template <class Rep, class Period>
std::int64_t to_ns(std::chrono::duration<Rep, Period> d) noexcept(exact_duration<Rep>) {
    if constexpr (!exact_duration<Rep>) {
        if (d.count() != d.count()) {
            throw_invalid_delay();
        }
    }
    constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max() / 4;
    const auto seconds = std::chrono::duration_cast<std::chrono::duration<double>>(d).count();
    if (!(seconds < static_cast<double>(limit) / 1e9)) {
        return limit;
    }
    if (seconds < -static_cast<double>(limit) / 1e9) {
        return -limit;
    }
    return std::chrono::ceil<std::chrono::nanoseconds>(d).count();
}

/// The deadline `d` from now on the library's clock.
template <class Rep, class Period>
std::int64_t deadline_after(std::chrono::duration<Rep, Period> d) noexcept(exact_duration<Rep>) {
    const std::int64_t ns = to_ns(d);
    return now_ns() + ns;
}
template <class Duration>
std::int64_t deadline_at(std::chrono::time_point<std::chrono::steady_clock, Duration> when) noexcept {
    return to_ns(when.time_since_epoch());
}

/// Waits until a deadline; a deadline that has passed means a yield.
class [[nodiscard("does nothing until it is co_awaited")]] SleepAwaiter {
public:
    explicit SleepAwaiter(std::int64_t deadline) noexcept : deadline_(deadline) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return suspend(frame) ? std::noop_coroutine() : frame;
    }
    void await_resume() { finish(); }

private:
    bool suspend(std::coroutine_handle<> frame);
    void finish();

    std::int64_t deadline_;
    TimerNode* timer_ = nullptr;
    Suspension suspension_;
    YieldAwaiter yield_;
};

}  // namespace detail

/// Suspends for at least `delay`; zero or less lets other ready tasks run first. If cancelled: ends at once
/// with CancelledError. Throws std::invalid_argument for a NaN. Never early; late by less than a tenth of a
/// millisecond when workers are free.
template <class Rep, class Period>
[[nodiscard]] detail::SleepAwaiter sleep(std::chrono::duration<Rep, Period> delay) noexcept(
    detail::exact_duration<Rep>) {
    return detail::SleepAwaiter(delay.count() <= 0 ? 0 : detail::deadline_after(delay));
}

/// As sleep(), until a point of steady_clock.
template <class Duration>
[[nodiscard]] detail::SleepAwaiter sleep_until(
    std::chrono::time_point<std::chrono::steady_clock, Duration> when) noexcept {
    return detail::SleepAwaiter(detail::deadline_at(when));
}

}  // namespace heddle
