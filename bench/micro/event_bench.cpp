#include "support/many.hpp"
#include "support/on_runtime.hpp"
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/event.hpp>

namespace {

using heddle::Coro;

Coro<> set_and_clear(heddle::Event& event, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        event.set();
        co_await event.wait();
        event.clear();
    }
}

void nobody_waits(benchmark::State& state) {
    heddle::Event event;
    bench::on_runtime(state, 100'000, [&event] { return set_and_clear(event, 100'000); });
}
BENCHMARK(nobody_waits)->Name("event/set_wait_clear")->Apply(bench::one_worker);

Coro<> wait(heddle::Event& event) { co_await event.wait(); }

/// Seconds from set() until all waiters have been joined.
Coro<double> broadcast(std::size_t waiters) {
    heddle::Event event;
    std::vector<heddle::Task<>> tasks;
    tasks.reserve(waiters);
    for (std::size_t i = 0; i < waiters; ++i) {
        tasks.push_back(heddle::create_task(wait(event)));
    }
    while (heddle::detail::Inspect::parked(event) != waiters) {
        co_await heddle::yield();
    }
    const auto start = std::chrono::steady_clock::now();
    event.set();
    for (const auto& task : tasks) {
        co_await task;
    }
    co_return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <std::int64_t Waiters>
void wake_all(benchmark::State& state) {
    heddle::Runtime runtime({.workers = static_cast<unsigned>(state.range(0))});
    for ([[maybe_unused]] auto iteration : state) {
        state.SetIterationTime(runtime.run(broadcast(Waiters)));
    }
    bench::per_op(state, Waiters);
}
BENCHMARK(wake_all<1>)->Name("event/wake_1")->Apply(bench::one_and_two_workers);
BENCHMARK(wake_all<1000>)->Name("event/wake_1000")->Apply(bench::one_and_two_workers);
BENCHMARK(wake_all<100'000>)->Name("event/wake_100000")->Apply(bench::one_and_two_workers)->Iterations(20);

}  // namespace
