// Tasks and coroutines that do next to nothing.

#include "support/on_runtime.hpp"
#include <heddle/task_group.hpp>

#include <vector>

namespace {

using heddle::Coro;
using heddle::Task;

Coro<std::int64_t> give(std::int64_t i) { co_return i; }

Coro<> await_coroutines(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await give(i);
    }
    benchmark::DoNotOptimize(sum);
}

Coro<> await_tasks(std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await heddle::create_task(give(i));
    }
    benchmark::DoNotOptimize(sum);
}

Coro<> create_then_await(std::int64_t n) {
    std::vector<Task<std::int64_t>> tasks;
    tasks.reserve(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        tasks.push_back(heddle::create_task(give(i)));
    }
    std::int64_t sum = 0;
    for (auto& task : tasks) {
        sum += co_await std::move(task);
    }
    benchmark::DoNotOptimize(sum);
}

Coro<> create_in_group(std::int64_t n) {
    const auto body = [n](heddle::TaskGroup& group) -> Coro<> {
        for (std::int64_t i = 0; i < n; ++i) {
            group.create_task(give(i));
        }
        co_return;
    };
    co_await heddle::task_group(body);
}

void await_coroutine(benchmark::State& state) {
    bench::on_runtime(state, 100'000, [] { return await_coroutines(100'000); });
}
BENCHMARK(await_coroutine)->Name("spawn/await_coroutine")->Apply(bench::one_worker);

void await_one(benchmark::State& state) {
    bench::on_runtime(state, 10'000, [] { return await_tasks(10'000); });
}
BENCHMARK(await_one)->Name("spawn/create_and_await_one")->Apply(bench::one_and_two_workers);

template <std::int64_t N>
void create_many(benchmark::State& state) {
    bench::on_runtime(state, N, [] { return create_then_await(N); });
}
BENCHMARK(create_many<100>)->Name("spawn/create_100_then_await")->Apply(bench::one_and_two_workers);
BENCHMARK(create_many<100'000>)->Name("spawn/create_100000_then_await")->Apply(bench::one_and_two_workers);

template <std::int64_t N>
void group_of(benchmark::State& state) {
    bench::on_runtime(state, N, [] { return create_in_group(N); });
}
BENCHMARK(group_of<100>)->Name("spawn/task_group_of_100")->Apply(bench::one_and_two_workers);
BENCHMARK(group_of<10'000>)->Name("spawn/task_group_of_10000")->Apply(bench::one_and_two_workers);

/// From a plain thread: each iteration hands a task over and blocks until it has ended.
void run_from_thread(benchmark::State& state) {
    heddle::Runtime runtime({.workers = 1});
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(runtime.run(give(1)));
    }
}
BENCHMARK(run_from_thread)->Name("spawn/run_from_a_thread")->UseRealTime();

}  // namespace
