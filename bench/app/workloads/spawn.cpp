// Tasks that do next to nothing, and tasks that sleep. numbers: tasks (sleepers also: milliseconds). op = a
// task.

#include "app/workloads/workloads.hpp"
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>

namespace peer {
namespace {

using heddle::Coro;

Coro<std::uint64_t> give(std::uint64_t i) { co_return i; }

Coro<> doze(std::chrono::milliseconds delay) { co_await heddle::sleep(delay); }

}  // namespace

Coro<Measured> await_each_root(const Args& args) {
    const std::uint64_t n = args.number(0, 1'000'000);
    std::uint64_t sum = 0;
    const Stopwatch watch;
    for (std::uint64_t i = 0; i < n; ++i) {
        sum += co_await heddle::create_task(give(i));
    }
    const Measured measured{.ops = n, .wall = watch.elapsed()};
    require(sum == n * (n - 1) / 2, "await_seq");
    co_return measured;
}

Coro<Measured> spawn_all_root(const Args& args) {
    const std::uint64_t n = args.number(0, 1'000'000);
    std::uint64_t sum = 0;
    const Stopwatch watch;
    std::vector<heddle::Task<std::uint64_t>> tasks;
    tasks.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
        tasks.push_back(heddle::create_task(give(i)));
    }
    for (auto& task : tasks) {
        sum += co_await std::move(task);
    }
    const Measured measured{.ops = n, .wall = watch.elapsed()};
    require(sum == n * (n - 1) / 2, "spawn_all");
    co_return measured;
}

Coro<Measured> sleepers_root(const Args& args) {
    const std::uint64_t n = args.number(0, 1'000'000);
    const std::chrono::milliseconds delay(args.number(1, 1000));
    const Stopwatch watch;
    std::vector<heddle::Task<>> tasks;
    tasks.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
        tasks.push_back(heddle::create_task(doze(delay)));
    }
    const auto started = std::chrono::duration_cast<std::chrono::microseconds>(watch.elapsed());
    for (auto& task : tasks) {
        co_await std::move(task);
    }
    co_return Measured{
        .ops = n, .wall = watch.elapsed(), .note = "spawn_us=" + std::to_string(started.count()) + " "};
}

}  // namespace peer
