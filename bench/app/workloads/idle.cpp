// What a runtime with nothing to do costs. numbers: seconds.

#include "app/workloads/workloads.hpp"
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>

#include <ctime>
#include <thread>

namespace peer {
namespace {

std::int64_t cpu_ns() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<std::int64_t>(used.tv_sec) * 1'000'000'000 + used.tv_nsec;
}

heddle::Coro<> nap() { co_await heddle::sleep(std::chrono::milliseconds(1)); }

}  // namespace

Measured idle(const Args& args) {
    const std::chrono::seconds duration(args.number(0, 3));
    heddle::Runtime runtime({.workers = args.workers});
    runtime.run(nap());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // all workers have gone to sleep
    const std::int64_t before = cpu_ns();
    std::this_thread::sleep_for(duration);
    const std::int64_t used = cpu_ns() - before;
    return {.ops = 1,
            .wall = std::chrono::nanoseconds(used),
            .note = "idle: " + std::to_string(args.workers) + " workers, " +
                    std::to_string(duration.count()) + " s: " + std::to_string(used / 1000) +
                    " us of CPU time\n"};
}

}  // namespace peer
