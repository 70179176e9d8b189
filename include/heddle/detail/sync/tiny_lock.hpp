#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/sync/parker.hpp>

#include <cstdint>

namespace heddle::detail {

#ifndef HEDDLE_LOCK_SPINS
#define HEDDLE_LOCK_SPINS 100
#endif

/// A four-byte mutual exclusion for cold bookkeeping (the children of a task group, names): held for a few
/// instructions, never over user code, never on the wake-up path of a primitive. Sleeps when contended for
/// long, so that a preempted holder costs no spinning. Drepper, "Futexes Are Tricky", mutex 2.
///
/// [lock] taking acquires, leaving releases. The exchange that unlocks is the last access to the object.
class HEDDLE_CAPABILITY("mutex") TinyLock : Immovable {
public:
    constexpr TinyLock() noexcept = default;
    void lock() noexcept HEDDLE_ACQUIRE() {
        std::uint32_t state = free;
        if (state_.compare_exchange_strong(state, held, acq_rel, relaxed)) [[likely]] {  // acq_rel [lock]
            return;
        }
        for (int spins = 0; spins < HEDDLE_LOCK_SPINS; ++spins) {
            spin_pause();
            state = free;
            if (state_.compare_exchange_strong(state, held, acq_rel, relaxed)) {  // acq_rel [lock]
                return;
            }
        }
        while (state_.exchange(contended, acq_rel) != free) {  // acq_rel [lock]
            futex_wait(&state_, contended, never);
        }
    }
    [[nodiscard]] bool try_lock() noexcept HEDDLE_TRY_ACQUIRE(true) {
        std::uint32_t state = free;
        return state_.load(relaxed) == free &&                                 // relaxed: a hint
               state_.compare_exchange_strong(state, held, acq_rel, relaxed);  // acq_rel [lock]
    }
    void unlock() noexcept HEDDLE_RELEASE() {
        if (state_.exchange(free, acq_rel) == contended) {  // acq_rel [lock]; *this may be gone
            futex_wake_one(&state_);
        }
    }

private:
    enum State : std::uint32_t { free, held, contended };
    Atomic<std::uint32_t> state_{free};
};

class HEDDLE_SCOPED_CAPABILITY TinyLockHold : Immovable {
public:
    explicit TinyLockHold(TinyLock& lock) noexcept HEDDLE_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~TinyLockHold() HEDDLE_RELEASE() { lock_.unlock(); }

private:
    TinyLock& lock_;
};

}  // namespace heddle::detail
