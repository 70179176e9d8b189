#pragma once

#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/sync/clock.hpp>

#include <cstdint>

namespace heddle::detail {

/// Sleeps while the 32 bits at `address` are `expected`, until woken, a signal, or `deadline_ns` (steady
/// clock). May return for no reason: callers look again.
void futex_wait(const void* address, std::uint32_t expected, std::int64_t deadline_ns) noexcept;
/// Wakes at most one thread that sleeps on `address`. The object there may have been recycled meanwhile: the
/// address is only a key, and a stray wake is harmless.
void futex_wake_one(const void* address) noexcept;
/// Number of futex_wake system calls this process has made (for tests and benches).
[[nodiscard]] std::uint64_t futex_wake_calls() noexcept;

/// Parking place of one thread.
///
/// EMPTY -park-> PARKED -unpark-> NOTIFIED -park returns-> EMPTY; unpark before park leaves NOTIFIED,
/// and the next park returns at once. [park]: either unpark sees PARKED and wakes the sleeper, or park
/// sees NOTIFIED and does not sleep; both sides are RMWs on the one word.
class Parker {
public:
    /// Returns true when notified, false at the deadline.
    bool park(std::int64_t deadline_ns) noexcept;
    void unpark() noexcept;

private:
    enum State : std::uint32_t { empty, parked, notified };
    Atomic<std::uint32_t> state_{empty};
};

/// Makes every other thread of the process pass a full memory barrier; false where the kernel cannot.
bool process_barrier() noexcept;

}  // namespace heddle::detail
