#include "support/many.hpp"
#include "support/on_runtime.hpp"
#include <heddle/barrier.hpp>

namespace {

using heddle::Coro;

Coro<> meet(heddle::Barrier& barrier, std::int64_t phases) {
    for (std::int64_t i = 0; i < phases; ++i) {
        co_await barrier.wait();
    }
}

template <std::int64_t Parties>
void arrivals(benchmark::State& state) {
    constexpr std::int64_t phases = 50'000 / Parties;
    heddle::Barrier barrier(Parties);
    const auto make = [&barrier] { return meet(barrier, phases); };
    bench::on_runtime(state, Parties * phases, [&make] { return bench::many_tasks(Parties, make); });
}
BENCHMARK(arrivals<2>)->Name("barrier/2_tasks")->Apply(bench::one_and_two_workers);
BENCHMARK(arrivals<100>)->Name("barrier/100_tasks")->Apply(bench::one_and_two_workers);

}  // namespace
