#pragma once

#include <cstdint>

// The allocator of this program: plain malloc behind every operator new and behind what the frame pool asks
// oneTBB for, with a count of live blocks, which can be told to fail.

namespace heddle::test {

enum class Failing : std::uint8_t {
    once,      ///< the n-th allocation, of any thread
    from_then  ///< the n-th and all that follow
};

/// Counts from here on and fails as told; n = 0: only counts.
void fail_allocation(std::uint64_t n, Failing how) noexcept;
/// No more failures. How many allocations there were since fail_allocation().
std::uint64_t stop_failing() noexcept;

/// Blocks allocated and not freed.
[[nodiscard]] std::int64_t live_blocks() noexcept;

/// While one exists nothing fails nor counts, on any thread; then it goes on where it was.
class Paused {
public:
    Paused() noexcept;
    ~Paused();
    Paused(const Paused&) = delete;
    Paused& operator=(const Paused&) = delete;
    Paused(Paused&&) = delete;
    Paused& operator=(Paused&&) = delete;
};

/// On this thread nothing fails nor counts while one exists: what the test does for itself.
class Unfailing {
public:
    Unfailing() noexcept;
    ~Unfailing();
    Unfailing(const Unfailing&) = delete;
    Unfailing& operator=(const Unfailing&) = delete;
    Unfailing(Unfailing&&) = delete;
    Unfailing& operator=(Unfailing&&) = delete;
};

}  // namespace heddle::test
