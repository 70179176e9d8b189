#pragma once

#include <cstdint>

// Faults of the system, made to order. This executable has its own pthread_create(), clock_gettime() and
// syscall(), through which the library and the C++ library go (faults.cpp); they do what the originals do
// until one of these objects exists. One of a kind at a time.

namespace heddle::test {

/// While it exists, `more` threads can be started, and then no further one: EAGAIN.
class ThreadLimit {
public:
    explicit ThreadLimit(int more);
    ThreadLimit(const ThreadLimit&) = delete;
    ThreadLimit& operator=(const ThreadLimit&) = delete;
    ThreadLimit(ThreadLimit&&) = delete;
    ThreadLimit& operator=(ThreadLimit&&) = delete;
    ~ThreadLimit();

    [[nodiscard]] static int refused();
};

/// While it exists, futexes lie at random: waits return at once (as if woken, EINTR, EAGAIN), wakes are made
/// that nobody asked for, and every other membarrier fails.
class FutexNoise {
public:
    FutexNoise();
    FutexNoise(const FutexNoise&) = delete;
    FutexNoise& operator=(const FutexNoise&) = delete;
    FutexNoise(FutexNoise&&) = delete;
    FutexNoise& operator=(FutexNoise&&) = delete;
    ~FutexNoise();

    /// Calls that were lied to so far.
    [[nodiscard]] static std::uint64_t lies();
};

/// While it exists, the test sets the clocks. Threads that exist already, but for the calling one, keep the
/// real time: the watchdog. Sleeping threads notice a change within a millisecond.
class SetClock {
public:
    SetClock();
    SetClock(const SetClock&) = delete;
    SetClock& operator=(const SetClock&) = delete;
    SetClock(SetClock&&) = delete;
    SetClock& operator=(SetClock&&) = delete;
    ~SetClock();

    /// CLOCK_MONOTONIC, from now on by so much later (or earlier).
    static void jump(std::int64_t ns);
    /// CLOCK_REALTIME.
    static void jump_wall(std::int64_t ns);
    /// CLOCK_MONOTONIC stands still.
    static void stop();
    static void go_on();

    /// How often CLOCK_REALTIME was asked for.
    [[nodiscard]] static std::uint64_t wall_looks();
};

}  // namespace heddle::test
