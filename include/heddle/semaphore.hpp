#pragma once

#include <heddle/detail/wait/guard.hpp>

#include <cstddef>
#include <limits>

namespace heddle {

/// A counter of permits with a fair queue, as asyncio.Semaphore; may be used from any thread.
///
/// Order: first come, first served; a released permit goes to the longest waiting task and is never free
/// for a newcomer while somebody waits.
/// Happens-before: what was done before release() is seen after the acquire that takes that permit.
/// Destruction: by whoever has just acquired, or when nobody uses it.
/// Cost: 16 bytes; uncontended acquire and release are one atomic operation each, no allocation.
/// Prefer: BoundedSemaphore where a surplus release is a bug; Lock for one permit.
class Semaphore {
public:
    /// Throws std::invalid_argument if `value` is negative.
    explicit Semaphore(std::ptrdiff_t value = 1) : permits_(checked(value)) {}
#ifndef NDEBUG
    ~Semaphore() { HEDDLE_CHECK(permits_.count() >= 0, "Semaphore destroyed while a task waits for it"); }
#endif

    /// Waits for a permit and takes it. If cancelled: none is taken.
    /// Throws std::bad_alloc when it has to wait and there is no memory; nothing has happened then.
    detail::PermitAwaiter acquire() noexcept { return detail::PermitAwaiter(permits_); }
    /// As acquire(); co_await gives a guard that releases one permit at the end of its scope.
    detail::ScopedAwaiter<Semaphore> scoped() noexcept { return {*this, permits_}; }
    /// Takes a permit if one is free; never waits. May fail while another acquire is just being made.
    [[nodiscard]] bool try_acquire() noexcept { return permits_.try_take(); }
    /// acquire() for plain threads. Throws std::runtime_error on a worker thread.
    void acquire_blocking() { detail::PermitAwaiter(permits_).wait_blocking("Semaphore.acquire_blocking()"); }
    /// Gives `n` permits, to waiters first, in order. O(waiters woken). Throws std::invalid_argument if `n`
    /// is negative, std::overflow_error if the count would not fit.
    void release(std::ptrdiff_t n = 1) {
        if (n < 0) [[unlikely]] {
            detail::throw_negative_permits(false);
        }
        if (!permits_.give(n, std::numeric_limits<std::int64_t>::max())) [[unlikely]] {
            detail::throw_permit_overflow();
        }
    }
    /// True if acquire() would wait now: a snapshot.
    [[nodiscard]] bool locked() const noexcept { return permits_.count() <= 0; }
    /// Free permits now: a snapshot.
    [[nodiscard]] std::ptrdiff_t value() const noexcept {
        const auto n = permits_.count();
        return n > 0 ? n : 0;
    }

private:
    friend struct detail::Inspect;
    static std::int64_t checked(std::ptrdiff_t value) {
        if (value < 0) {
            detail::throw_negative_permits(true);
        }
        return value;
    }

    detail::Permits permits_;
};
static_assert(sizeof(Semaphore) == 16);

/// A Semaphore that refuses to hold more permits than it was made with.
///
/// Everything else as Semaphore. The check and the release are one atomic step: of two concurrent surplus
/// releases exactly the surplus one fails.
class BoundedSemaphore {
public:
    /// Throws std::invalid_argument if `value` is negative.
    explicit BoundedSemaphore(std::ptrdiff_t value = 1) : permits_(value), bound_(value) {
        if (value < 0) {
            detail::throw_negative_permits(true);
        }
    }
#ifndef NDEBUG
    ~BoundedSemaphore() {
        HEDDLE_CHECK(permits_.count() >= 0, "BoundedSemaphore destroyed while a task waits for it");
    }
#endif

    /// Waits for a permit and takes it. If cancelled: none is taken.
    /// Throws std::bad_alloc when it has to wait and there is no memory; nothing has happened then.
    detail::PermitAwaiter acquire() noexcept { return detail::PermitAwaiter(permits_); }
    /// As acquire(); co_await gives a guard that releases one permit at the end of its scope.
    detail::ScopedAwaiter<BoundedSemaphore> scoped() noexcept { return {*this, permits_}; }
    /// Takes a permit if one is free; never waits. May fail while another acquire is just being made.
    [[nodiscard]] bool try_acquire() noexcept { return permits_.try_take(); }
    /// acquire() for plain threads. Throws std::runtime_error on a worker thread.
    void acquire_blocking() {
        detail::PermitAwaiter(permits_).wait_blocking("BoundedSemaphore.acquire_blocking()");
    }
    /// Gives `n` permits. Throws std::invalid_argument, and changes nothing, if `n` is negative or there
    /// would be more permits than at the start.
    void release(std::ptrdiff_t n = 1) {
        if (n < 0) [[unlikely]] {
            detail::throw_negative_permits(false);
        }
        if (!permits_.give(n, bound_)) [[unlikely]] {
            detail::throw_released_too_often();
        }
    }
    /// True if acquire() would wait now: a snapshot.
    [[nodiscard]] bool locked() const noexcept { return permits_.count() <= 0; }
    /// Free permits now: a snapshot.
    [[nodiscard]] std::ptrdiff_t value() const noexcept {
        const auto n = permits_.count();
        return n > 0 ? n : 0;
    }

private:
    friend struct detail::Inspect;
    detail::Permits permits_;
    std::int64_t bound_;
};
static_assert(sizeof(BoundedSemaphore) <= 32);

}  // namespace heddle
