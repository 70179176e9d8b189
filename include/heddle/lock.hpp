#pragma once

#include <heddle/detail/wait/guard.hpp>

namespace heddle {

namespace detail {
class ConditionWait;
class LockAllWait;
}  // namespace detail

/// Mutual exclusion between tasks, as asyncio.Lock; may be used from any thread at the same time.
///
/// Order: first come, first served. release() hands the lock to the longest waiting task; nobody overtakes
/// it. Not re-entrant and not bound to an owner: any task or thread may release.
/// Happens-before: what was done before release() is seen after the acquire that follows.
/// Destruction: by whoever holds the lock, or when nobody uses it; also while the release() that handed the
/// lock over has not yet returned on its own thread.
/// Cost: 16 bytes; uncontended acquire and release are one atomic operation each, no allocation.
/// Prefer: Semaphore to let several in at once; std::mutex for a section without co_await that only plain
/// threads enter.
class Lock {
public:
    Lock() noexcept = default;
#ifndef NDEBUG
    ~Lock() { HEDDLE_CHECK(permits_.count() >= 0, "Lock destroyed while a task waits for it"); }
#endif

    /// Waits until the lock is free and takes it. If cancelled: not taken, the place in the queue is lost.
    /// Throws std::bad_alloc when it has to wait and there is no memory; nothing has happened then.
    detail::PermitAwaiter acquire() noexcept { return detail::PermitAwaiter(permits_, 1, true); }
    /// As acquire(); co_await gives a guard that releases at the end of its scope.
    detail::ScopedAwaiter<Lock> scoped() noexcept { return {*this, permits_, true}; }
    /// Takes the lock if it is free; never waits, never overtakes a waiter. May fail while another acquire is
    /// just being made, though nobody holds the lock yet.
    [[nodiscard]] bool try_acquire() noexcept { return permits_.try_take(); }
    /// acquire() for plain threads. Throws std::runtime_error on a worker thread.
    void acquire_blocking() { detail::PermitAwaiter(permits_).wait_blocking("Lock.acquire_blocking()"); }
    /// Frees the lock or hands it to the first waiter. Throws std::runtime_error if it is not locked.
    void release() {
        if (!permits_.give(1, 1)) [[unlikely]] {
            detail::throw_lock_not_acquired();
        }
    }
    /// A snapshot; true also while the lock is being handed over, and while an acquire is just being made.
    [[nodiscard]] bool locked() const noexcept { return permits_.count() <= 0; }

private:
    friend struct detail::Inspect;
    friend class detail::ConditionWait;
    friend class detail::LockAllWait;
    detail::Permits permits_{1};
};
static_assert(sizeof(Lock) == 16);

}  // namespace heddle
