#pragma once

#include "support/progress.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What every harness is made of: options, random numbers from one seed, checks, and outcomes of operations.
//
// A harness runs in rounds. Each round makes a runtime of its own, lets tasks and plain threads do random
// things for a tenth of a second or so, waits until all of them have ended, and checks what must hold then.

namespace heddle::stress {

struct Options {
    double seconds = 10;
    std::uint64_t seed = 0;      ///< 0: from the clock
    unsigned workers = 4;        ///< at most so many; each round takes a number of its own
    unsigned threads = 2;        ///< plain threads in each round
    unsigned hang = 0;           ///< seconds without progress; 0: 20, or 120 under a sanitizer
    bool oversubscribe = false;  ///< three times as many workers as cores, and busy threads beside them
    bool plant = false;          ///< plant the fault that the harness has to find
};

/// Splitmix64: small, and any seed is as good as any other.
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }
    /// 0 … n-1.
    unsigned below(unsigned n) noexcept { return static_cast<unsigned>(next() >> 32U) % n; }
    /// True once in `n` times.
    bool one_in(unsigned n) noexcept { return below(n) == 0; }
    /// Mostly short, sometimes long: up to `most` microseconds.
    std::chrono::microseconds delay(unsigned most) noexcept {
        return std::chrono::microseconds(below(one_in(4) ? most : 1 + most / 20));
    }

private:
    std::uint64_t state_;
};

/// How one operation ended.
enum class Outcome : std::uint8_t { value, cancelled, timed_out, error };

/// One run of one harness.
class Run {
public:
    Run(const char* harness, const Options& options);

    [[nodiscard]] const Options& options() const noexcept { return options_; }
    [[nodiscard]] bool over() const noexcept { return Clock::now() >= end_; }
    /// True in a round of the run until its time is up: parties look at it between two operations.
    [[nodiscard]] bool round_goes_on() const noexcept {
        return Clock::now() < round_end_.load(std::memory_order_relaxed);
    }
    /// Begins the next round; false when the run is over.
    bool next_round();

    /// A stream of its own for each caller.
    Random random() noexcept { return Random(options_.seed + streams_.fetch_add(1) * 0x632BE59BD9B4E019U); }
    /// For a runtime of this round.
    RuntimeOptions runtime();
    /// True now and then if a fault is to be planted, and never otherwise.
    bool fault() noexcept { return options_.plant && faults_.fetch_add(1) % 64 == 63; }

    Counter& count(const char* name) { return counters_[name]; }
    void count(Outcome outcome) noexcept { outcomes_[static_cast<std::size_t>(outcome)]->add(); }
    [[nodiscard]] std::string counters() const { return counters_.text(); }

    void check(bool ok, const char* what) {
        if (!ok) [[unlikely]] {
            fail(what);
        }
    }
    [[noreturn]] void fail(const std::string& what) {
        report_failure(harness_, options_.seed, what, counters_, options_.plant);
    }

private:
    using Clock = std::chrono::steady_clock;

    const char* harness_;
    Options options_;
    Clock::time_point end_;
    std::atomic<Clock::time_point> round_end_;
    std::atomic<std::uint64_t> streams_{1};
    std::atomic<std::uint64_t> faults_{0};
    Random rounds_;
    Counters counters_;
    std::array<Counter*, 4> outcomes_;
    Watchdog watchdog_;  // last: looks at the rest
};

/// Runs `operation` in the calling task and tells how it ended. A cancellation is taken as meant for the
/// operation: the task goes on.
Coro<Outcome> outcome_of(Coro<void> operation);
/// The same with a deadline.
Coro<Outcome> outcome_within(Coro<void> operation, std::chrono::microseconds deadline);

/// Waits for all of them, however they end, even while the caller is cancelled.
Coro<void> settle(std::vector<Task<void>> tasks);

/// Runs n tasks `make(i)` and cancels random ones of them until the round is over; returns when all have
/// ended. `finish`, if any, is called when the round is over: it ends what the parties would wait for for
/// ever.
Coro<void> parties(Run& run, unsigned n, std::function<Coro<void>(unsigned)> make,
                   std::function<void()> finish = {});

/// One operation of a party, with its own deadline now and then; counted by how it ended.
Coro<Outcome> attempt(Run& run, Random& random, Coro<void> operation);

/// Plain threads of a round: each runs `fn(random)` once; joined by the destructor.
class Threads {
public:
    Threads() = default;
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    Threads(Threads&&) = delete;
    Threads& operator=(Threads&&) = delete;
    ~Threads() { join(); }

    void start(Run& run, unsigned n, const std::function<void(Random&)>& fn);
    void join();

private:
    std::vector<std::thread> threads_;
};

/// Keeps the calling thread busy for about `turns` nanoseconds, without suspending.
void spin(unsigned turns) noexcept;

struct Harness {
    const char* name;
    const char* what;
    const char* finds;  ///< what it must say when a fault is planted
    void (*run)(Run& run);
};

/// All of them, in the order of the help text.
std::span<const Harness> harnesses();

}  // namespace heddle::stress
