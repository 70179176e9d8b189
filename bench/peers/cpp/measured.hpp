#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

// What the C++ peers share: the command line `PROGRAM WORKLOAD THREADS [numbers]` and the line RESULT.

namespace measured {

using Clock = std::chrono::steady_clock;

struct Args {
    Args(int argc, char** argv) : argc_(argc), argv_(argv) {
        if (argc < 3) {
            std::fprintf(stderr, "usage: %s WORKLOAD THREADS [numbers]\n", argv[0]);
            std::exit(2);
        }
        work = argv[1];
        threads = std::atoi(argv[2]);
    }
    [[nodiscard]] std::uint64_t number(int i, std::uint64_t fallback) const {
        return argc_ > 3 + i ? std::strtoull(argv_[3 + i], nullptr, 10) : fallback;
    }

    std::string_view work;
    int threads = 0;

private:
    int argc_;
    char** argv_;
};

/// The most memory this process ever had; not ru_maxrss, which a process inherits from who started it.
inline long high_water_kib() {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word) {
        if (word == "VmHWM:") {
            long kib = 0;
            status >> kib;
            return kib;
        }
    }
    return 0;
}

inline void report(const Args& args, std::uint64_t ops, Clock::duration wall) {
    const double ns = std::chrono::duration<double, std::nano>(wall).count();
    std::printf("RESULT w=%.*s t=%d ops=%llu ns=%.2f wall_us=%.0f rss_kib=%ld\n",
                static_cast<int>(args.work.size()), args.work.data(), args.threads,
                static_cast<unsigned long long>(ops), ns / static_cast<double>(ops), ns / 1e3,
                high_water_kib());
}

inline void require(bool ok, const char* what) {
    if (!ok) {
        std::fprintf(stderr, "wrong result: %s\n", what);
        std::exit(3);
    }
}

}  // namespace measured
