#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

// What single operations cost on this machine: median, least and most of seven runs.

namespace machine {

inline double now_ns() {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

inline void bind_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/// Neither computed away nor kept in a register.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "g"(value) : "memory");
}

/// `body` does `ops` operations.
template <class Body>
void cost(const char* what, long ops, Body body) {
    std::array<double, 7> runs;
    for (double& ns : runs) {
        const double start = now_ns();
        body(ops);
        ns = (now_ns() - start) / static_cast<double>(ops);
    }
    std::sort(runs.begin(), runs.end());
    std::printf("%-48s %10.2f ns  [%.2f .. %.2f]\n", what, runs[3], runs[0], runs[6]);
    std::fflush(stdout);
}

void coroutines();
void atomics();
void system_calls();
void across_cores();
void wake_ups();

}  // namespace machine
