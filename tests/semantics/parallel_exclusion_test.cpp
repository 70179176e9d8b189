#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

// Who is inside alone is alone, and what the snapshots say is possible.

namespace heddle::test {
namespace {

class ParallelExclusion : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelExclusion);

TEST_P(ParallelExclusion, PAR_68_a_plain_counter_under_the_lock_is_exact) {
    constexpr int tasks = 16;
    constexpr int turns = 300;
    Lock lock;
    int counter = 0;  // guarded by the lock
    std::atomic<int> inside{0};
    auto work = [&](std::uint32_t seed) -> Coro<void> {
        Jitter jitter(seed);
        for (int i = 0; i < turns; ++i) {
            const auto held = co_await lock.scoped();
            EXPECT_EQ(++inside, 1);
            ++counter;
            if (i % 16 == 0) {
                jitter();
            }
            --inside;
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> started;
        for (int i = 0; i < tasks; ++i) {
            started.push_back(create_task(work(static_cast<std::uint32_t>(i))));
        }
        co_await settle_all(started);
        EXPECT_EQ(counter, tasks * turns);
        EXPECT_FALSE(lock.locked());
    });
}

/// At most `k` are inside; and `k` do get inside at the same time.
template <class Primitive>
Coro<void> at_most(int k) {
    constexpr int turns = 100;
    Primitive semaphore(k);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    auto work = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            const auto held = co_await semaphore.scoped();
            const int now = ++inside;
            EXPECT_LE(now, k);
            int seen = most;
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            co_await yield();
            --inside;
        }
    };
    // The first k stay until all of them are in.
    std::atomic<int> met{0};
    auto meet = [&]() -> Coro<void> {
        const auto held = co_await semaphore.scoped();
        ++met;
        auto all_in = [&] { return met == k; };
        co_await until(all_in);
    };
    std::vector<Task<void>> tasks;
    for (int i = 0; i < k; ++i) {
        tasks.push_back(create_task(meet()));
    }
    co_await settle_all(tasks);
    EXPECT_EQ(met, k);
    tasks.clear();
    for (int i = 0; i < 3 * k + 1; ++i) {
        tasks.push_back(create_task(work()));
    }
    co_await settle_all(tasks);
    EXPECT_LE(most, k);
    EXPECT_EQ(semaphore.value(), k);
}

TEST_P(ParallelExclusion, PAR_69_a_semaphore_lets_k_in_and_no_more) {
    for (const int k : {1, 2, 5}) {
        run(at_most<Semaphore>(k));
        run(at_most<BoundedSemaphore>(k));
    }
}

TEST_P(ParallelExclusion, PAR_70_the_holder_may_go_on_on_another_worker) {
    // Woken by a plain thread it goes on wherever a worker is free.
    constexpr int tasks = 6;
    constexpr int turns = 60;
    Lock lock;
    Semaphore question(0);
    Semaphore answer(0);
    int counter = 0;  // guarded by the lock
    std::atomic<int> inside{0};
    auto work = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            const auto held = co_await lock.scoped();
            EXPECT_EQ(++inside, 1);
            const int seen = counter;
            question.release();
            co_await answer.acquire();
            co_await yield();
            EXPECT_EQ(counter, seen);
            counter = seen + 1;
            EXPECT_EQ(--inside, 0);
        }
    };
    std::thread foreign([&] {
        for (int i = 0; i < tasks * turns; ++i) {
            question.acquire_blocking();
            answer.release();
        }
    });
    run([&]() -> Coro<void> {
        std::vector<Task<void>> started;
        for (int i = 0; i < tasks; ++i) {
            started.push_back(create_task(work()));
        }
        co_await settle_all(started);
        EXPECT_EQ(counter, tasks * turns);
    });
    foreign.join();
}

TEST_P(ParallelExclusion, PAR_50_values_are_never_out_of_bounds) {
    constexpr std::ptrdiff_t k = 3;
    BoundedSemaphore bounded(k);
    Semaphore semaphore(k);
    std::atomic<bool> stop{false};
    auto work = [&](std::uint32_t seed) -> Coro<void> {
        Jitter jitter(seed);
        while (!stop) {
            const auto a = co_await bounded.scoped();
            const auto b = co_await semaphore.scoped();
            jitter();
            co_await yield();
        }
    };
    auto look = [&] {
        const std::ptrdiff_t b = bounded.value();
        EXPECT_TRUE(b >= 0 && b <= k) << b;
        const std::ptrdiff_t s = semaphore.value();
        EXPECT_TRUE(s >= 0 && s <= k) << s;
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (std::uint32_t i = 0; i < 8; ++i) {
            tasks.push_back(create_task(work(i)));
        }
        std::thread foreign([&] {
            while (!stop) {
                look();
            }
        });
        Jitter jitter(5);
        for (Rounds rounds; rounds.next();) {
            for (int i = 0; i < 20; ++i) {
                look();
            }
            const std::size_t victim = jitter.random() % tasks.size();
            tasks[victim].cancel();
            co_await settle(tasks[victim]);
            tasks[victim] = create_task(work(rounds.number()));
        }
        stop = true;
        foreign.join();
        co_await settle_all(tasks);
        EXPECT_EQ(bounded.value(), k);
        EXPECT_EQ(semaphore.value(), k);
    });
}

TEST_P(ParallelExclusion, PAR_51_the_holder_sees_the_lock_locked) {
    Lock lock;
    Semaphore semaphore(1);
    auto work = [&]() -> Coro<void> {
        for (int i = 0; i < 300; ++i) {
            const auto held = co_await lock.scoped();
            EXPECT_TRUE(lock.locked());
            const auto permit = co_await semaphore.scoped();
            EXPECT_TRUE(semaphore.locked());
            EXPECT_FALSE(lock.try_acquire());
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 6; ++i) {
            tasks.push_back(create_task(work()));
        }
        co_await settle_all(tasks);
    });
}

TEST_P(ParallelExclusion, PAR_57_a_set_that_has_returned_is_seen) {
    Event event;
    std::atomic<unsigned> set_in{0};
    std::atomic<unsigned> seen_in{0};
    std::atomic<bool> stop{false};
    std::thread observer([&] {
        for (unsigned round = 1;; ++round) {
            until_blocking([&] { return set_in >= round || stop; });
            if (stop) {
                return;
            }
            EXPECT_TRUE(event.is_set());
            event.wait_blocking();
            seen_in = round;
        }
    });
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            event.set();
            set_in = rounds.number();
            EXPECT_TRUE(event.is_set());
            auto seen = [&] { return seen_in == rounds.number(); };
            co_await until(seen);
            event.clear();
            EXPECT_FALSE(event.is_set());
        }
    });
    stop = true;
    observer.join();
}

TEST_P(ParallelExclusion, PAR_58_an_old_set_does_not_leak_through) {
    Event event;
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::atomic<int> returned{0};
            auto wait = [&]() -> Coro<void> {
                co_await event.wait();
                ++returned;
            };
            // Sets that race each other and waiters of before, all over when clear() is called.
            const Task<void> early = create_task(wait());
            auto set = [&] { event.set(); };
            co_await racers.at_once(set, set);
            co_await early;
            event.clear();
            const Task<void> late = create_task(wait());
            co_await until_parked(late);
            for (int i = 0; i < 3; ++i) {
                co_await yield();
            }
            EXPECT_EQ(returned, 1);
            EXPECT_EQ(waiters(event), 1U);
            event.set();
            co_await late;
            EXPECT_EQ(returned, 2);
        }
    });
}

}  // namespace
}  // namespace heddle::test
