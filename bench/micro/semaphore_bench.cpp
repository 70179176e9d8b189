#include "support/many.hpp"
#include "support/on_runtime.hpp"
#include <heddle/semaphore.hpp>

#include <semaphore>

namespace {

using heddle::Coro;

constexpr std::int64_t rounds = 100'000;

Coro<> take_and_give(heddle::Semaphore& semaphore, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        co_await semaphore.acquire();
        semaphore.release();
    }
}

Coro<> pass_through(heddle::Semaphore& semaphore, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        co_await semaphore.acquire();
        co_await heddle::yield();
        semaphore.release();
    }
}

void uncontended(benchmark::State& state) {
    heddle::Semaphore semaphore(10);
    bench::on_runtime(state, rounds, [&semaphore] { return take_and_give(semaphore, rounds); });
}
BENCHMARK(uncontended)->Name("semaphore/uncontended")->Apply(bench::one_worker);

void std_uncontended(benchmark::State& state) {
    std::counting_semaphore<> semaphore(10);
    for ([[maybe_unused]] auto iteration : state) {
        semaphore.acquire();
        semaphore.release();
    }
}
BENCHMARK(std_uncontended)->Name("semaphore/std_uncontended");

template <std::int64_t Tasks, int Permits>
void crowd(benchmark::State& state) {
    heddle::Semaphore semaphore(Permits);
    const auto make = [&semaphore] { return pass_through(semaphore, rounds / Tasks); };
    bench::on_runtime(state, rounds, [&make] { return bench::many_tasks(Tasks, make); });
}
BENCHMARK(crowd<1000, 10>)->Name("semaphore/1000_tasks_10_permits")->Apply(bench::one_and_two_workers);
BENCHMARK(crowd<100, 50>)->Name("semaphore/100_tasks_50_permits")->Apply(bench::one_and_two_workers);

}  // namespace
