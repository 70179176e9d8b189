// A child at every node, no cutoff: what forking and joining costs.

#include "support/on_runtime.hpp"
#include <heddle/gather.hpp>

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <array>
#include <utility>
#include <vector>

namespace {

using heddle::Coro;
using heddle::gather;

constexpr unsigned fib_of = 22;
constexpr std::int64_t fib_calls = 57313;
constexpr std::int64_t skynet_leaves = 10'000;
constexpr std::int64_t skynet_nodes = 11'111;

[[gnu::noinline]] unsigned serial_fib(unsigned n) {
    return n < 2 ? n : serial_fib(n - 1) + serial_fib(n - 2);
}

Coro<unsigned> fib(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    const auto both = co_await gather(fib(n - 1), fib(n - 2));
    co_return std::get<0>(both) + std::get<1>(both);
}

Coro<unsigned> awaited_fib(unsigned n) {
    if (n < 2) {
        co_return n;
    }
    const unsigned x = co_await awaited_fib(n - 1);
    const unsigned y = co_await awaited_fib(n - 2);
    co_return x + y;
}

unsigned tbb_fib(unsigned n) {
    if (n < 2) {
        return n;
    }
    unsigned x = 0;
    tbb::task_group group;
    group.run([&x, n] { x = tbb_fib(n - 1); });
    const unsigned y = tbb_fib(n - 2);
    group.wait();
    return x + y;
}

Coro<std::int64_t> skynet(std::int64_t first, std::int64_t leaves) {
    if (leaves == 1) {
        co_return first;
    }
    const std::int64_t each = leaves / 10;
    const auto children = [first, each]<std::size_t... I>(std::index_sequence<I...>) {
        return gather(skynet(first + static_cast<std::int64_t>(I) * each, each)...);
    };
    auto ten = children(std::make_index_sequence<10>{});
    const auto sums = co_await std::move(ten);
    co_return std::apply([](auto... sum) { return (sum + ...); }, sums);
}

Coro<std::int64_t> skynet_vector(std::int64_t first, std::int64_t leaves) {
    if (leaves == 1) {
        co_return first;
    }
    const std::int64_t each = leaves / 10;
    std::vector<Coro<std::int64_t>> children;
    children.reserve(10);
    for (std::int64_t i = 0; i < 10; ++i) {
        children.push_back(skynet_vector(first + i * each, each));
    }
    const auto sums = co_await gather(std::move(children));
    std::int64_t sum = 0;
    for (const std::int64_t n : sums) {
        sum += n;
    }
    co_return sum;
}

std::int64_t tbb_skynet(std::int64_t first, std::int64_t leaves) {
    if (leaves == 1) {
        return first;
    }
    const std::int64_t each = leaves / 10;
    std::array<std::int64_t, 10> sums{};
    tbb::task_group group;
    for (std::size_t i = 0; i < 10; ++i) {
        const std::int64_t child = first + static_cast<std::int64_t>(i) * each;
        group.run([&sums, child, each, i] { sums[i] = tbb_skynet(child, each); });
    }
    group.wait();
    std::int64_t sum = 0;
    for (const std::int64_t n : sums) {
        sum += n;
    }
    return sum;
}

template <class Body>
void on_arena(benchmark::State& state, std::int64_t ops, Body body) {
    tbb::task_arena arena(static_cast<int>(state.range(0)));
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(arena.execute(body));
    }
    bench::per_op(state, ops);
}

void on_arena_workers(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgName("workers")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

void fib_serial(benchmark::State& state) {
    unsigned n = fib_of;
    for ([[maybe_unused]] auto iteration : state) {
        benchmark::DoNotOptimize(n);
        benchmark::DoNotOptimize(serial_fib(n));
    }
    bench::per_op(state, fib_calls);
}
BENCHMARK(fib_serial)->Name("fib/serial")->Unit(benchmark::kMicrosecond);

void fib_await(benchmark::State& state) {
    bench::on_runtime(state, fib_calls,
                      []() -> Coro<> { benchmark::DoNotOptimize(co_await awaited_fib(fib_of)); });
}
BENCHMARK(fib_await)->Name("fib/heddle_await")->Apply(bench::one_worker);

void fib_gather(benchmark::State& state) {
    bench::on_runtime(state, fib_calls, []() -> Coro<> { benchmark::DoNotOptimize(co_await fib(fib_of)); });
}
BENCHMARK(fib_gather)->Name("fib/heddle_gather")->Apply(bench::one_and_two_workers);

void fib_tbb(benchmark::State& state) {
    on_arena(state, fib_calls, [] { return tbb_fib(fib_of); });
}
BENCHMARK(fib_tbb)->Name("fib/tbb_task_group")->Apply(on_arena_workers);

void skynet_gather(benchmark::State& state) {
    bench::on_runtime(state, skynet_nodes,
                      []() -> Coro<> { benchmark::DoNotOptimize(co_await skynet(0, skynet_leaves)); });
}
BENCHMARK(skynet_gather)->Name("skynet/heddle_gather")->Apply(bench::one_and_two_workers);

void skynet_gather_vector(benchmark::State& state) {
    bench::on_runtime(state, skynet_nodes,
                      []() -> Coro<> { benchmark::DoNotOptimize(co_await skynet_vector(0, skynet_leaves)); });
}
BENCHMARK(skynet_gather_vector)->Name("skynet/heddle_gather_vector")->Apply(bench::one_and_two_workers);

void skynet_tbb(benchmark::State& state) {
    on_arena(state, skynet_nodes, [] { return tbb_skynet(0, skynet_leaves); });
}
BENCHMARK(skynet_tbb)->Name("skynet/tbb_task_group")->Apply(on_arena_workers);

}  // namespace
