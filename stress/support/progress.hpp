#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

// Counters of what happens, and a watchdog that ends the process when nothing happens any more.

namespace heddle::stress {

/// One named counter. Any thread may count; nothing is ordered by it.
class Counter {
public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    void take(std::uint64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    friend class Counters;
    const char* name_ = nullptr;
    std::atomic<std::uint64_t> value_{0};
};

/// The counters of one harness, printed in the order in which they were first asked for.
class Counters {
public:
    static constexpr std::size_t most = 24;

    /// The counter called `name`, which lives as long as the process. Not for inner loops.
    Counter& operator[](const char* name);
    /// Changes whenever anything has been counted.
    [[nodiscard]] std::uint64_t sum() const noexcept;
    [[nodiscard]] std::string text() const;

private:
    mutable std::mutex lock_;
    std::array<Counter, most> counters_;
    std::size_t used_ = 0;
};

/// Fails the harness `name` when its counters have not moved for `seconds`: prints where everybody stands.
class Watchdog {
public:
    Watchdog(std::string name, std::uint64_t seed, const Counters& counters, unsigned seconds, bool planted);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    Watchdog(Watchdog&&) = delete;
    Watchdog& operator=(Watchdog&&) = delete;
    ~Watchdog();

private:
    void watch();

    const std::string name_;
    const std::uint64_t seed_;
    const Counters& counters_;
    const std::chrono::seconds period_;
    const bool planted_;
    std::mutex lock_;
    std::condition_variable changed_;
    bool stop_ = false;
    std::thread thread_;  // last: starts when the rest is there
};

/// Prints the harness, the seed, what is wrong, the counters and all tasks, and ends the process: by abort(),
/// or quietly if a fault had been planted.
[[noreturn]] void report_failure(const std::string& name, std::uint64_t seed, const std::string& what,
                                 const Counters& counters, bool planted);

/// Tasks and children that are alive now, of all runtimes.
[[nodiscard]] std::size_t living_tasks();

}  // namespace heddle::stress
