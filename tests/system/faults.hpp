#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

/// Holds one thread up, as if the system did not let it run: it stands still inside of the program's own code
/// until this object goes. Never inside of the C library, whose locks would then hold up everybody.
class HeldThread {
public:
    enum class Where : char {
        anywhere,   ///< at any instruction: in a signal handler. Not with sanitizers, whose locks are in our
                    ///< code
        at_a_call,  ///< at its n-th call of the system from here on, or look at the clock
    };
    explicit HeldThread(int thread, Where where = Where::at_a_call, unsigned n = 1);
    HeldThread(const HeldThread&) = delete;
    HeldThread& operator=(const HeldThread&) = delete;
    HeldThread(HeldThread&&) = delete;
    HeldThread& operator=(HeldThread&&) = delete;
    ~HeldThread();

    void until_held() const;

private:
    int thread_;
    Where where_;
};

/// The threads of this process whose names begin so, by their system ids.
[[nodiscard]] std::vector<int> threads_named(const std::string& prefix);
/// True while it sleeps in the kernel.
[[nodiscard]] bool thread_sleeps(int thread);

}  // namespace heddle::test
