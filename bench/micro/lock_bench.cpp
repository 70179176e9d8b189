// Lock beside mutexes that block threads.

#include "support/many.hpp"
#include "support/on_runtime.hpp"
#include <heddle/lock.hpp>

#include <oneapi/tbb/mutex.h>
#include <oneapi/tbb/queuing_mutex.h>

#include <mutex>

namespace {

using heddle::Coro;

constexpr std::int64_t rounds = 100'000;

struct Guarded {
    heddle::Lock lock;
    std::int64_t value = 0;

    Coro<> acquire_release(std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
            co_await lock.acquire();
            ++value;
            lock.release();
        }
    }
    Coro<> scoped(std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
            const auto guard = co_await lock.scoped();
            ++value;
        }
    }
    Coro<> try_acquire(std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
            if (lock.try_acquire()) {
                ++value;
                lock.release();
            }
        }
        co_return;
    }
    Coro<> hold_over_yield(std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
            co_await lock.acquire();
            ++value;
            co_await heddle::yield();
            lock.release();
        }
    }
};

template <Coro<> (Guarded::*Use)(std::int64_t)>
void uncontended(benchmark::State& state) {
    Guarded guarded;
    bench::on_runtime(state, rounds, [&guarded] { return (guarded.*Use)(rounds); });
}
BENCHMARK(uncontended<&Guarded::acquire_release>)->Name("lock/uncontended")->Apply(bench::one_worker);
BENCHMARK(uncontended<&Guarded::scoped>)->Name("lock/uncontended_scoped")->Apply(bench::one_worker);
BENCHMARK(uncontended<&Guarded::try_acquire>)->Name("lock/uncontended_try_acquire")->Apply(bench::one_worker);

template <Coro<> (Guarded::*Use)(std::int64_t), std::int64_t Tasks>
void contended(benchmark::State& state) {
    Guarded guarded;
    const auto make = [&guarded] { return (guarded.*Use)(rounds / Tasks); };
    bench::on_runtime(state, rounds, [&make] { return bench::many_tasks(Tasks, make); });
}
BENCHMARK(contended<&Guarded::acquire_release, 2>)->Name("lock/2_tasks")->Apply(bench::one_and_two_workers);
BENCHMARK(contended<&Guarded::acquire_release, 1000>)
    ->Name("lock/1000_tasks")
    ->Apply(bench::one_and_two_workers);
BENCHMARK(contended<&Guarded::hold_over_yield, 2>)
    ->Name("lock/2_tasks_yielding_inside")
    ->Apply(bench::one_and_two_workers);
BENCHMARK(contended<&Guarded::hold_over_yield, 1000>)
    ->Name("lock/1000_tasks_yielding_inside")
    ->Apply(bench::one_and_two_workers);

template <class Mutex>
void count_up(Mutex& mutex, std::int64_t& value, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        const typename Mutex::scoped_lock hold(mutex);
        benchmark::DoNotOptimize(++value);
    }
}

struct StdMutex : std::mutex {
    using scoped_lock = std::lock_guard<std::mutex>;  // NOLINT(readability-identifier-naming): TBB's name
};

template <class Mutex>
void on_threads(benchmark::State& state) {
    Mutex mutex;
    std::int64_t value = 0;
    const std::int64_t threads = state.range(0);
    const std::int64_t all = 20 * rounds;
    for ([[maybe_unused]] auto iteration : state) {
        state.SetIterationTime(bench::seconds_on_threads(static_cast<std::size_t>(threads),
                                                         [&] { count_up(mutex, value, all / threads); }));
    }
    bench::per_op(state, all);
}
void threads(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgName("threads")->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMicrosecond);
}
BENCHMARK(on_threads<StdMutex>)->Name("lock/std_mutex")->Apply(threads);
BENCHMARK(on_threads<tbb::mutex>)->Name("lock/tbb_mutex")->Apply(threads);
BENCHMARK(on_threads<tbb::queuing_mutex>)->Name("lock/tbb_queuing_mutex")->Apply(threads);

}  // namespace
