#include "support/many.hpp"
#include "support/on_runtime.hpp"

namespace {

using heddle::Coro;

Coro<> yield_often(std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        co_await heddle::yield();
    }
}

void alone(benchmark::State& state) {
    bench::on_runtime(state, 100'000, [] { return yield_often(100'000); });
}
BENCHMARK(alone)->Name("yield/alone")->Apply(bench::one_and_two_workers);

template <std::int64_t Tasks>
void among(benchmark::State& state) {
    constexpr std::int64_t rounds = 100'000 / Tasks;
    bench::on_runtime(state, Tasks * rounds,
                      [] { return bench::many_tasks(Tasks, [] { return yield_often(rounds); }); });
}
BENCHMARK(among<10>)->Name("yield/among_10_tasks")->Apply(bench::one_and_two_workers);
BENCHMARK(among<1000>)->Name("yield/among_1000_tasks")->Apply(bench::one_and_two_workers);

}  // namespace
