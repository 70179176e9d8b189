// Tasks that meet again and again on one Barrier. numbers: tasks, phases. op = one arrival.

#include "app/workloads/workloads.hpp"
#include <heddle/barrier.hpp>
#include <heddle/task.hpp>

namespace peer {
namespace {

heddle::Coro<> meet(heddle::Barrier& barrier, std::uint64_t phases) {
    for (std::uint64_t i = 0; i < phases; ++i) {
        co_await barrier.wait();
    }
}

}  // namespace

heddle::Coro<Measured> barrier_root(const Args& args) {
    const std::uint64_t tasks = args.number(0, 100);
    const std::uint64_t phases = args.number(1, 10'000);
    heddle::Barrier barrier(static_cast<std::ptrdiff_t>(tasks));
    std::vector<heddle::Task<>> started;
    started.reserve(tasks);
    const Stopwatch watch;
    for (std::uint64_t i = 0; i < tasks; ++i) {
        started.push_back(heddle::create_task(meet(barrier, phases)));
    }
    for (const auto& task : started) {
        co_await task;
    }
    const Measured measured{.ops = tasks * phases, .wall = watch.elapsed()};
    co_return measured;
}

}  // namespace peer
