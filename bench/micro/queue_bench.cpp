// Queue between tasks beside oneTBB's between threads; per_op is one element.

#include "support/many.hpp"
#include "support/on_runtime.hpp"
#include <heddle/queue.hpp>
#include <heddle/task.hpp>

#include <oneapi/tbb/concurrent_queue.h>

namespace {

using heddle::Coro;
using Numbers = heddle::Queue<std::int64_t>;

constexpr std::int64_t elements = 200'000;

Coro<> produce(Numbers& queue, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        co_await queue.put(i);
    }
}

Coro<> consume(Numbers& queue, std::int64_t n) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum += co_await queue.get();
    }
    benchmark::DoNotOptimize(sum);
}

Coro<> pass(std::int64_t ends, std::ptrdiff_t capacity) {
    Numbers queue(capacity);
    std::vector<heddle::Task<>> tasks;
    for (std::int64_t i = 0; i < ends; ++i) {
        tasks.push_back(heddle::create_task(produce(queue, elements / ends)));
        tasks.push_back(heddle::create_task(consume(queue, elements / ends)));
    }
    for (const auto& task : tasks) {
        co_await task;
    }
}

template <int Ends, int Capacity>
void between_tasks(benchmark::State& state) {
    bench::on_runtime(state, elements, [] { return pass(Ends, Capacity); });
}
BENCHMARK(between_tasks<1, 1024>)->Name("queue/1p1c_bounded")->Apply(bench::one_and_two_workers);
BENCHMARK(between_tasks<4, 1024>)->Name("queue/4p4c_bounded")->Apply(bench::one_and_two_workers);
BENCHMARK(between_tasks<1, 1>)->Name("queue/1p1c_capacity_1")->Apply(bench::one_and_two_workers);
BENCHMARK(between_tasks<1, 0>)->Name("queue/1p1c_unbounded")->Apply(bench::one_and_two_workers);
BENCHMARK(between_tasks<4, 0>)->Name("queue/4p4c_unbounded")->Apply(bench::one_and_two_workers);

void without_waiting(benchmark::State& state) {
    Numbers queue(16);
    for ([[maybe_unused]] auto iteration : state) {
        queue.put_nowait(1);
        benchmark::DoNotOptimize(queue.get_nowait());
    }
}
BENCHMARK(without_waiting)->Name("queue/put_nowait_get_nowait");

template <int Ends, std::int64_t Elements>
void between_threads(benchmark::State& state) {
    constexpr std::int64_t each = Elements / Ends;
    for ([[maybe_unused]] auto iteration : state) {
        tbb::concurrent_bounded_queue<std::int64_t> queue;
        queue.set_capacity(1024);
        std::atomic<int> role{0};
        state.SetIterationTime(bench::seconds_on_threads(2 * Ends, [&queue, &role] {
            const bool producer = role.fetch_add(1) % 2 == 0;
            std::int64_t value = 0;
            for (std::int64_t i = 0; i < each; ++i) {
                if (producer) {
                    queue.push(i);
                } else {
                    queue.pop(value);
                }
            }
            benchmark::DoNotOptimize(value);
        }));
    }
    bench::per_op(state, each * Ends);
}
BENCHMARK(between_threads<1, 10 * elements>)
    ->Name("queue/tbb_1p1c_threads")
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(between_threads<4, elements / 4>)
    ->Name("queue/tbb_4p4c_threads")
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
