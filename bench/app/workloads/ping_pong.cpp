// Two tasks that wake each other in turn. numbers: round trips. op = one round trip. An auto-reset event is a
// semaphore that starts at 0: set is release, wait is acquire, and no round leaves a permit behind.

#include "app/workloads/workloads.hpp"
#include <heddle/queue.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

namespace peer {
namespace {

using heddle::Coro;
using heddle::Semaphore;
using Numbers = heddle::Queue<std::uint64_t>;

Coro<> serve(Semaphore& mine, Semaphore& other, std::uint64_t trips) {
    for (std::uint64_t i = 0; i < trips; ++i) {
        mine.release();
        co_await other.acquire();
    }
}

Coro<> answer(Semaphore& mine, Semaphore& other, std::uint64_t trips) {
    for (std::uint64_t i = 0; i < trips; ++i) {
        co_await mine.acquire();
        other.release();
    }
}

Coro<> send_numbers(Numbers& there, Numbers& back, std::uint64_t trips) {
    for (std::uint64_t i = 0; i < trips; ++i) {
        co_await there.put(i);
        const std::uint64_t echoed = co_await back.get();
        require(echoed == i, "pp_chan");
    }
}

Coro<> echo_numbers(Numbers& there, Numbers& back, std::uint64_t trips) {
    for (std::uint64_t i = 0; i < trips; ++i) {
        const std::uint64_t number = co_await there.get();
        co_await back.put(number);
    }
}

Coro<Measured> both(Coro<> first, Coro<> second, std::uint64_t trips) {
    const Stopwatch watch;
    const auto one = heddle::create_task(std::move(first));
    const auto two = heddle::create_task(std::move(second));
    co_await one;
    co_await two;
    co_return Measured{.ops = trips, .wall = watch.elapsed()};
}

}  // namespace

Coro<Measured> ping_pong_root(const Args& args) {
    const std::uint64_t trips = args.number(0, 1'000'000);
    Semaphore ping(0);
    Semaphore pong(0);
    const Measured measured = co_await both(answer(ping, pong, trips), serve(ping, pong, trips), trips);
    co_return measured;
}

Coro<Measured> ping_pong_channel_root(const Args& args) {
    const std::uint64_t trips = args.number(0, 1'000'000);
    Numbers there(1);
    Numbers back(1);
    const Measured measured =
        co_await both(echo_numbers(there, back, trips), send_numbers(there, back, trips), trips);
    co_return measured;
}

/// Each task has a runtime with one worker to itself, so that every wake-up crosses threads.
Measured ping_pong_across(const Args& args) {
    const std::uint64_t trips = args.number(0, 200'000);
    Semaphore ping(0);
    Semaphore pong(0);
    const Stopwatch watch;
    heddle::Runtime one({.workers = 1, .name = "one"});
    heddle::Runtime two({.workers = 1, .name = "two"});
    const auto answering = one.spawn(answer(ping, pong, trips));
    const auto serving = two.spawn(serve(ping, pong, trips));
    answering.wait_blocking();
    serving.wait_blocking();
    return {.ops = trips, .wall = watch.elapsed()};
}

}  // namespace peer
