// Two tasks that wake each other in turn; per_op is one round trip.

#include "support/on_runtime.hpp"
#include <heddle/event.hpp>
#include <heddle/queue.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

namespace {

using heddle::Coro;

constexpr std::int64_t trips = 20'000;

struct Semaphores {
    heddle::Semaphore ping{0};
    heddle::Semaphore pong{0};

    Coro<> answer() {
        for (std::int64_t i = 0; i < trips; ++i) {
            co_await ping.acquire();
            pong.release();
        }
    }
    Coro<> serve() {
        for (std::int64_t i = 0; i < trips; ++i) {
            ping.release();
            co_await pong.acquire();
        }
    }
};

struct Events {
    heddle::Event ping;
    heddle::Event pong;

    Coro<> answer() {
        for (std::int64_t i = 0; i < trips; ++i) {
            co_await ping.wait();
            ping.clear();
            pong.set();
        }
    }
    Coro<> serve() {
        for (std::int64_t i = 0; i < trips; ++i) {
            ping.set();
            co_await pong.wait();
            pong.clear();
        }
    }
};

struct Queues {
    heddle::Queue<std::int64_t> there{1};
    heddle::Queue<std::int64_t> back{1};

    Coro<> answer() {
        for (std::int64_t i = 0; i < trips; ++i) {
            const std::int64_t number = co_await there.get();
            co_await back.put(number);
        }
    }
    Coro<> serve() {
        for (std::int64_t i = 0; i < trips; ++i) {
            co_await there.put(i);
            const std::int64_t number = co_await back.get();
            benchmark::DoNotOptimize(number);
        }
    }
};

template <class Pair>
Coro<> play() {
    Pair pair;
    const auto answering = heddle::create_task(pair.answer());
    co_await pair.serve();
    co_await answering;
}

template <class Pair>
void ping_pong(benchmark::State& state) {
    bench::on_runtime(state, trips, [] { return play<Pair>(); });
}
BENCHMARK(ping_pong<Semaphores>)->Name("ping_pong/semaphores")->Apply(bench::one_and_two_workers);
BENCHMARK(ping_pong<Events>)->Name("ping_pong/events")->Apply(bench::one_and_two_workers);
BENCHMARK(ping_pong<Queues>)->Name("ping_pong/queues_of_1")->Apply(bench::one_and_two_workers);

/// Each side on a runtime of its own, so that each wake-up crosses threads.
void across(benchmark::State& state) {
    heddle::Runtime one({.workers = 1});
    heddle::Runtime two({.workers = 1});
    for ([[maybe_unused]] auto iteration : state) {
        Semaphores pair;
        const auto answering = one.spawn(pair.answer());
        const auto serving = two.spawn(pair.serve());
        answering.wait_blocking();
        serving.wait_blocking();
    }
    bench::per_op(state, trips);
}
BENCHMARK(across)->Name("ping_pong/semaphores_across_runtimes")->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
