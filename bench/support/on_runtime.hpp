#pragma once

#include <heddle/coro.hpp>
#include <heddle/runtime.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>

namespace bench {

/// The column that counts: time divided by what an iteration does.
inline void per_op(benchmark::State& state, std::int64_t ops) {
    state.counters["per_op"] =
        benchmark::Counter(static_cast<double>(ops),
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <class Batch>
heddle::Coro<double> seconds_of(Batch& batch) {
    const auto start = std::chrono::steady_clock::now();
    co_await batch();
    co_return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Each iteration runs the coroutine `batch()`, which does `ops` operations, as a task of a runtime with
/// range(0) workers. Timed inside the task: handing it over to the runtime does not count.
template <class Batch>
void on_runtime(benchmark::State& state, std::int64_t ops, Batch batch) {
    heddle::Runtime runtime({.workers = static_cast<unsigned>(state.range(0))});
    runtime.run(seconds_of(batch));
    for ([[maybe_unused]] auto iteration : state) {
        state.SetIterationTime(runtime.run(seconds_of(batch)));
    }
    per_op(state, ops);
}

/// For BENCHMARK(...)->Apply: what on_runtime needs.
inline void one_worker(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgName("workers")->Arg(1)->UseManualTime()->Unit(benchmark::kMicrosecond);
}
inline void one_and_two_workers(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgName("workers")->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMicrosecond);
}

}  // namespace bench
