#include "support/many.hpp"
#include "support/on_runtime.hpp"
#include <heddle/sleep.hpp>
#include <heddle/timeout.hpp>

namespace {

using heddle::Coro;
using namespace std::chrono_literals;

Coro<> doze() { co_await heddle::sleep(1ms); }

/// The millisecond and what starting, waking and joining the sleepers adds to it.
template <std::int64_t Sleepers>
void sleepers(benchmark::State& state) {
    bench::on_runtime(state, Sleepers, [] { return bench::many_tasks(Sleepers, &doze); });
}
BENCHMARK(sleepers<1>)->Name("sleep/1_task_of_1_ms")->Apply(bench::one_and_two_workers);
BENCHMARK(sleepers<100'000>)->Name("sleep/100000_tasks_of_1_ms")->Apply(bench::one_and_two_workers);

Coro<int> give() { co_return 1; }

/// A timer that is armed and taken back.
Coro<> time_out_never(std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        benchmark::DoNotOptimize(co_await heddle::wait_for(give(), 1s));
    }
}

void unused_timeout(benchmark::State& state) {
    bench::on_runtime(state, 20'000, [] { return time_out_never(20'000); });
}
BENCHMARK(unused_timeout)->Name("sleep/wait_for_that_does_not_time_out")->Apply(bench::one_and_two_workers);

}  // namespace
