// Many tasks on one primitive. numbers: tasks, rounds of each.

#include "app/workloads/workloads.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>

#include <atomic>

namespace peer {
namespace {

using heddle::Coro;
using namespace std::chrono_literals;

/// Starts `tasks` coroutines of `make()`, waits for all; op = one round of one task.
template <class Make>
Coro<Measured> many(std::uint64_t tasks, std::uint64_t rounds, Make make) {
    std::vector<heddle::Task<>> started;
    started.reserve(tasks);
    const Stopwatch watch;
    for (std::uint64_t i = 0; i < tasks; ++i) {
        started.push_back(heddle::create_task(make()));
    }
    for (const auto& task : started) {
        co_await task;
    }
    co_return Measured{.ops = tasks * rounds, .wall = watch.elapsed()};
}

struct Guarded {
    heddle::Lock lock;
    std::uint64_t value = 0;
};

Coro<> count_up(Guarded& guarded, std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        co_await guarded.lock.acquire();
        ++guarded.value;
        guarded.lock.release();
    }
}

Coro<> count_up_slowly(Guarded& guarded, std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        co_await guarded.lock.acquire();
        ++guarded.value;
        co_await heddle::yield();
        guarded.lock.release();
    }
}

Coro<> pass_through(heddle::Semaphore& semaphore, std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        co_await semaphore.acquire();
        co_await heddle::yield();
        semaphore.release();
    }
}

Coro<> yield_often(std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        co_await heddle::yield();
    }
}

Coro<> wait_for(heddle::Event& event, std::atomic<std::uint64_t>& waiting) {
    waiting.fetch_add(1);
    co_await event.wait();
}

}  // namespace

Coro<Measured> lock_uncontended_root(const Args& args) {
    const std::uint64_t rounds = args.number(0, 20'000'000);
    Guarded guarded;
    const Stopwatch watch;
    co_await count_up(guarded, rounds);
    const Measured measured{.ops = rounds, .wall = watch.elapsed()};
    require(guarded.value == rounds, "mutex_unc");
    co_return measured;
}

Coro<Measured> lock_contended_root(const Args& args) {
    const std::uint64_t tasks = args.number(0, 1000);
    const std::uint64_t rounds = args.number(1, 1000);
    Guarded guarded;
    const auto make = [&guarded, rounds] { return count_up(guarded, rounds); };
    const Measured measured = co_await many(tasks, rounds, make);
    require(guarded.value == tasks * rounds, "mutex_cont");
    co_return measured;
}

Coro<Measured> lock_held_root(const Args& args) {
    const std::uint64_t tasks = args.number(0, 1000);
    const std::uint64_t rounds = args.number(1, 1000);
    Guarded guarded;
    const auto make = [&guarded, rounds] { return count_up_slowly(guarded, rounds); };
    const Measured measured = co_await many(tasks, rounds, make);
    require(guarded.value == tasks * rounds, "mutex_hold");
    co_return measured;
}

Coro<Measured> semaphore_root(const Args& args) {
    const std::uint64_t tasks = args.number(0, 1000);
    const std::uint64_t rounds = args.number(1, 1000);
    heddle::Semaphore semaphore(static_cast<std::ptrdiff_t>(args.number(2, 10)));
    const auto make = [&semaphore, rounds] { return pass_through(semaphore, rounds); };
    const Measured measured = co_await many(tasks, rounds, make);
    require(semaphore.value() == static_cast<std::ptrdiff_t>(args.number(2, 10)), "sem");
    co_return measured;
}

Coro<Measured> yield_root(const Args& args) {
    const std::uint64_t rounds = args.number(1, 1000);
    const auto make = [rounds] { return yield_often(rounds); };
    const Measured measured = co_await many(args.number(0, 1000), rounds, make);
    co_return measured;
}

/// Timed from set() until all waiters have been joined; op = one waiter.
Coro<Measured> broadcast_root(const Args& args) {
    const std::uint64_t tasks = args.number(0, 100'000);
    heddle::Event event;
    std::atomic<std::uint64_t> waiting{0};
    std::vector<heddle::Task<>> waiters;
    waiters.reserve(tasks);
    for (std::uint64_t i = 0; i < tasks; ++i) {
        waiters.push_back(heddle::create_task(wait_for(event, waiting)));
    }
    while (waiting.load() != tasks) {
        co_await heddle::yield();
    }
    co_await heddle::sleep(20ms);  // the last ones have counted, but may not wait yet
    const Stopwatch watch;
    event.set();
    for (const auto& task : waiters) {
        co_await task;
    }
    const Measured measured{.ops = tasks, .wall = watch.elapsed()};
    co_return measured;
}

}  // namespace peer
