#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <random>
#include <vector>

// Who waits is served in order of arrival and in time that grows with the number of waiters, not faster. A
// test that would need quadratic time is ended by the watchdog.

namespace heddle::test {
namespace {

class ParallelFairness : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelFairness);

#if HEDDLE_SANITIZED
constexpr int very_many = 20'000;
#else
constexpr int very_many = 100'000;
#endif

/// k waiters that arrive one by one, from tasks on any worker, are granted in that order.
template <class Primitive>
Coro<void> in_order_of_arrival() {
    constexpr int k = 40;
    Primitive primitive(1);
    std::vector<int> log;
    for (int round = 0; round < 10; ++round) {
        std::vector<Task<void>> tasks;
        std::vector<int> expected;
        log.clear();
        co_await primitive.acquire();
        for (int i = 0; i < k; ++i) {
            tasks.push_back(create_task(note(primitive, log, i)));
            co_await until_parked(tasks.back());
            expected.push_back(i);
        }
        primitive.release();
        co_await settle_all(tasks);
        EXPECT_EQ(log, expected);
    }
}

struct OnePermitLock : heddle::Lock {
    explicit OnePermitLock(int permits) { EXPECT_EQ(permits, 1); }
};

TEST_P(ParallelFairness, PAR_59_granted_in_order_of_arrival) {
    run(in_order_of_arrival<OnePermitLock>());
    run(in_order_of_arrival<Semaphore>());
    run(in_order_of_arrival<BoundedSemaphore>());
}

TEST_P(ParallelFairness, PAR_60_at_most_those_before_it_pass_a_waiter) {
    // Tasks that loop on the lock: whoever is parked is granted after at most as many others as there are.
    constexpr int others = 6;
    Lock lock;
    int grants = 0;  // guarded by the lock
    std::atomic<bool> stop{false};
    auto loop = [&]() -> Coro<void> {
        while (!stop) {
            {
                const auto held = co_await lock.scoped();
                ++grants;
            }
            co_await yield();
        }
    };
    auto slow = [&](std::atomic<int>& granted_at) -> Coro<void> {
        const auto held = co_await lock.scoped();
        granted_at = grants;
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < others; ++i) {
            tasks.push_back(create_task(loop()));
        }
        for (int round = 0; round < 100; ++round) {
            // Held here, so that it is certain how many grants there were when the slow one parked.
            std::atomic<int> granted_at{0};
            co_await lock.acquire();
            const Task<void> one = create_task(slow(granted_at));
            co_await until_parked(one);
            const int before = grants;
            lock.release();
            co_await one;
            EXPECT_LE(granted_at - before, others);
        }
        stop = true;
        co_await settle_all(tasks);
    });
}

TEST_P(ParallelFairness, PAR_61_a_backlog_of_permits_reaches_all_who_wait) {
    constexpr int n = 200;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 5; ++round) {
            Semaphore semaphore(0);
            std::atomic<int> passed{0};
            std::atomic<bool> stop{false};
            std::atomic<int> snatched{0};
            auto wait = [&]() -> Coro<void> {
                co_await semaphore.acquire();
                ++passed;
            };
            auto newcomer = [&]() -> Coro<void> {
                while (!stop) {
                    snatched += semaphore.try_acquire() ? 1 : 0;
                    co_await yield();
                }
            };
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(wait()));
            }
            for (const Task<void>& task : tasks) {
                co_await until_parked(task);
            }
            const Task<void> thief = create_task(newcomer());
            for (int i = 0; i < n; ++i) {
                semaphore.release();
            }
            co_await settle_all(tasks);
            stop = true;
            co_await thief;
            EXPECT_EQ(passed, n);
            EXPECT_EQ(snatched, 0);
            EXPECT_EQ(semaphore.value(), 0);
        }
    });
}

TEST_P(ParallelFairness, PAR_62_ping_pong_does_not_starve_a_third_task) {
    Event ping;
    Event pong;
    std::atomic<bool> stop{false};
    std::atomic<long> turns{0};
    auto side = [&](Event& mine, Event& theirs) -> Coro<void> {
        while (!stop) {
            co_await mine.wait();
            mine.clear();
            ++turns;
            theirs.set();
        }
    };
    run([&]() -> Coro<void> {
        const Task<void> a = create_task(side(ping, pong));
        const Task<void> b = create_task(side(pong, ping));
        ping.set();
        // Main is the third task: it comes to run again and again.
        for (int i = 0; i < 100; ++i) {
            const long before = turns;
            auto they_play = [&] { return turns > before; };
            co_await until(they_play);
        }
        stop = true;
        // Whoever waits for an answer now gets none.
        auto over = [&] {
            ping.set();
            pong.set();
            return a.done() && b.done();
        };
        co_await until(over);
        co_await settle(a, b);
    });
}

TEST_P(ParallelFairness, PAR_65_a_million_waits_that_do_not_suspend) {
    constexpr int n = HEDDLE_SANITIZED ? 100'000 : 1'000'000;
    Lock lock;
    Event event;
    Semaphore semaphore(1);
    event.set();
    run([&]() -> Coro<void> {
        int acquired = 0;
        for (int i = 0; i < n / 4; ++i) {
            co_await lock.acquire();
            ++acquired;
            lock.release();
            co_await event.wait();
            co_await semaphore.acquire();
            semaphore.release();
            const auto held = co_await lock.scoped();
        }
        EXPECT_EQ(acquired, n / 4);
    });
}

TEST_P(ParallelFairness, PAR_65_a_lock_handed_along_very_many_waiters) {
    Lock lock;
    int passed = 0;  // guarded by the lock
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await lock.scoped();
        ++passed;
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        tasks.reserve(very_many);
        co_await lock.acquire();
        for (int i = 0; i < very_many; ++i) {
            tasks.push_back(create_task(wait()));
        }
        co_await until_waiters(lock, very_many);
        lock.release();
        co_await settle_all(tasks);
        EXPECT_EQ(passed, very_many);
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(ParallelFairness, PAR_65_an_event_wakes_very_many) {
    Event event;
    std::atomic<int> woken{0};
    auto wait = [&]() -> Coro<void> {
        co_await event.wait();
        ++woken;
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        tasks.reserve(very_many);
        for (int i = 0; i < very_many; ++i) {
            tasks.push_back(create_task(wait()));
        }
        for (const Task<void>& task : tasks) {
            co_await until_parked(task);
        }
        EXPECT_EQ(woken, 0);
        event.set();
        co_await settle_all(tasks);
        EXPECT_EQ(woken, very_many);
    });
}

TEST_P(ParallelFairness, PAR_67_a_storm_of_cancellations_is_linear) {
    Lock lock;
    Event event;
    auto wait_lock = [&]() -> Coro<void> { co_await lock.acquire(); };
    auto wait_event = [&]() -> Coro<void> { co_await event.wait(); };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        tasks.reserve(very_many);
        co_await lock.acquire();
        for (int i = 0; i < very_many; ++i) {
            tasks.push_back(i % 2 == 0 ? create_task(wait_lock()) : create_task(wait_event()));
        }
        for (const Task<void>& task : tasks) {
            co_await until_parked(task);
        }
        // From the tail, then the rest in random order.
        std::shuffle(tasks.begin(), tasks.begin() + very_many / 2, std::minstd_rand(1));
        for (std::size_t i = tasks.size(); i-- > 0;) {
            tasks[i].cancel();
        }
        co_await settle_all(tasks);
        EXPECT_TRUE(std::ranges::all_of(tasks, [](const Task<void>& t) { return t.cancelled(); }));
        EXPECT_EQ(waiters(lock) + waiters(event), 0U);
        lock.release();
        EXPECT_TRUE(lock.try_acquire());
        lock.release();
    });
}

TEST_P(ParallelFairness, PAR_105_a_releaser_stays_itself_and_may_lock_again) {
    // release() and set() only make others ready: who calls them is the same task afterwards, and holds
    // nothing inside the library that the woken would need.
    Lock lock;
    Event event;
    run([&]() -> Coro<void> {
        std::atomic<int> woken{0};
        auto use_both = [&]() -> Coro<void> {
            co_await event.wait();
            const auto held = co_await lock.scoped();
            ++woken;
        };
        auto use_lock = [&]() -> Coro<void> {
            const auto held = co_await lock.scoped();
            ++woken;
        };
        const Task<void> me = current_task();
        for (int round = 1; round <= 100; ++round) {
            event.clear();
            co_await lock.acquire();
            const Task<void> a = create_task(use_both());
            const Task<void> b = create_task(use_lock());
            co_await until_parked(a, b);
            event.set();
            EXPECT_TRUE(current_task() == me);
            lock.release();
            EXPECT_TRUE(current_task() == me);
            co_await lock.acquire();
            lock.release();
            co_await settle(a, b);
            EXPECT_EQ(woken, 2 * round);
        }
    });
}

}  // namespace
}  // namespace heddle::test
