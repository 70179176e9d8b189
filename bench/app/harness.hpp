#pragma once

#include <heddle/coro.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// What the workloads of heddle_peer have in common. All programs that are compared take
// `PROGRAM WORKLOAD THREADS [numbers]` and print one line that begins with RESULT.

namespace peer {

struct Args {
    std::string_view work;
    unsigned workers = 1;
    std::vector<std::uint64_t> numbers;

    [[nodiscard]] std::uint64_t number(std::size_t i, std::uint64_t fallback) const {
        return i < numbers.size() ? numbers[i] : fallback;
    }
};

/// What one run gave: `ops` is what the time is divided by.
struct Measured {
    std::uint64_t ops = 1;
    std::chrono::nanoseconds wall{0};
    std::string note = {};  ///< printed in front of the result
};

class Stopwatch {
public:
    [[nodiscard]] std::chrono::nanoseconds elapsed() const { return Clock::now() - start_; }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

/// A wrong result is no result: the comparison drops a program that does not end with status 0.
inline void require(bool ok, const char* what) {
    if (!ok) {
        std::fprintf(stderr, "heddle_peer: wrong result: %s\n", what);
        std::exit(3);  // NOLINT(concurrency-mt-unsafe): nobody else calls it
    }
}

/// A workload whose root is a task on a worker, as in all programs that are compared.
using Root = heddle::Coro<Measured> (*)(const Args&);
/// A workload that brings its own runtimes.
using Program = Measured (*)(const Args&);

}  // namespace peer
