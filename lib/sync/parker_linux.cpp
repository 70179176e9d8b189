#include <heddle/detail/sync/clock.hpp>
#include <heddle/detail/sync/parker.hpp>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace heddle::detail {

namespace {

// relaxed: a counter for tests and benches, orders nothing.
Atomic<std::uint64_t> wake_calls{0};

constexpr std::int64_t ns_per_s = 1'000'000'000;

}  // namespace

std::int64_t now_ns() noexcept {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * ns_per_s + ts.tv_nsec;
}

void futex_wait(const void* address, std::uint32_t expected, std::int64_t deadline_ns) noexcept {
    timespec ts{};
    timespec* limit = nullptr;
    if (deadline_ns != never) {
        const std::int64_t at = deadline_ns > 0 ? deadline_ns : 0;
        ts.tv_sec = static_cast<time_t>(at / ns_per_s);
        ts.tv_nsec = static_cast<long>(at % ns_per_s);
        limit = &ts;
    }
    // WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, so that EINTR does not prolong the wait.
    const int saved = errno;
    syscall(SYS_futex, address, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, limit, nullptr,
            FUTEX_BITSET_MATCH_ANY);
    errno = saved;
}

void futex_wake_one(const void* address) noexcept {
    wake_calls.fetch_add(1, relaxed);  // relaxed: counter
    const int saved = errno;
    syscall(SYS_futex, address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
    errno = saved;
}

std::uint64_t futex_wake_calls() noexcept {
    return wake_calls.load(relaxed);  // relaxed: counter
}

bool Parker::park(std::int64_t deadline_ns) noexcept {
    // acquire [park]: what the notifier did before unpark() is visible to us.
    std::uint32_t seen = empty;
    if (!state_.compare_exchange_strong(seen, parked, acq_rel, acquire)) {
        // acq_rel [park]: by an RMW, so that what came with a second notification is seen as well
        state_.exchange(empty, acq_rel);
        return true;
    }
    for (;;) {
        futex_wait(&state_, parked, deadline_ns);
        if (state_.load(acquire) == notified) {  // acquire [park]
            state_.exchange(empty, acq_rel);     // acq_rel [park]: as above
            return true;
        }
        if (deadline_ns != never && now_ns() >= deadline_ns) {
            // acq_rel [park]: either we withdraw, or the notification that came meanwhile counts.
            return state_.exchange(empty, acq_rel) == notified;
        }
    }
}

void Parker::unpark() noexcept {
    if (state_.exchange(notified, acq_rel) == parked) {  // acq_rel [park]: publishes the waker's work
        futex_wake_one(&state_);                         // *this may be gone: the address is only a key
    }
}

bool process_barrier() noexcept {
    const int saved = errno;
    static const bool registered =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    const bool passed = registered && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
    errno = saved;
    return passed;
}

}  // namespace heddle::detail
