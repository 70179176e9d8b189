#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

// asyncio.Condition without cancellation; with it: condition_cancel_test.cpp.

namespace heddle::test {
namespace {

class Condition : public OverWorkers {};
HEDDLE_OVER_WORKERS(Condition);

constexpr const char* cannot_wait = "cannot wait on un-acquired lock";
constexpr const char* cannot_notify = "cannot notify on un-acquired lock";

std::size_t waiting(const heddle::Condition& condition) { return detail::Inspect::parked(condition); }

/// Waits once and writes `id` into `log` with the lock held.
Coro<void> wait_and_note(heddle::Condition& condition, std::vector<int>& log, int id) {
    const auto held = co_await condition.scoped();
    const bool told = co_await condition.wait();
    EXPECT_TRUE(told);
    EXPECT_TRUE(condition.locked());
    log.push_back(id);
}

/// A waiter that has its place in the queue when this returns.
Coro<Task<void>> parked_waiter(heddle::Condition& condition, std::vector<int>& log, int id) {
    const std::size_t before = waiting(condition);
    const Task<void> waiter = create_task(wait_and_note(condition, log, id));
    auto is_there = [&] { return waiting(condition) == before + 1; };
    co_await until(is_there);
    co_await until_parked(waiter);
    co_return waiter;
}

TEST_P(Condition, COND_01_a_new_condition_has_a_lock_of_its_own) {
    heddle::Condition condition;
    EXPECT_FALSE(condition.locked());
    run([&]() -> Coro<void> {
        co_await condition.acquire();
        EXPECT_TRUE(condition.locked());
        EXPECT_FALSE(condition.try_acquire());
        condition.release();
        EXPECT_FALSE(condition.locked());
        {
            const auto held = co_await condition.scoped();
            EXPECT_TRUE(condition.locked());
        }
        EXPECT_FALSE(condition.locked());
        EXPECT_EQ(ending_of([&] { condition.release(); }), "Lock is not acquired.");
    });
}

TEST_P(Condition, COND_02_a_given_lock_is_the_conditions_lock) {
    Lock lock;
    heddle::Condition condition(lock);
    std::vector<int> log;
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        EXPECT_TRUE(condition.locked());
        condition.release();
        EXPECT_FALSE(lock.locked());
        co_await condition.acquire();
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(condition.locked());

        const Task<void> waiter = co_await parked_waiter(condition, log, 1);
        EXPECT_FALSE(lock.locked());
        {
            const auto held = co_await lock.scoped();
            condition.notify();
        }
        co_await waiter;
        EXPECT_EQ(log, std::vector<int>{1});
    });
}

TEST_P(Condition, COND_03_two_conditions_on_one_lock_do_not_wake_each_other) {
    Lock lock;
    heddle::Condition not_empty(lock);
    heddle::Condition not_full(lock);
    std::vector<int> log;
    run([&]() -> Coro<void> {
        const Task<void> a = co_await parked_waiter(not_empty, log, 1);
        const Task<void> b = co_await parked_waiter(not_full, log, 2);
        {
            const auto held = co_await lock.scoped();
            not_full.notify_all();
            not_full.notify(8);
        }
        co_await b;
        EXPECT_EQ(log, std::vector<int>{2});
        EXPECT_TRUE(detail::is_parked(a));
        EXPECT_EQ(waiting(not_empty), 1U);
        {
            const auto held = co_await lock.scoped();
            not_empty.notify();
        }
        co_await a;
        EXPECT_EQ(log, (std::vector<int>{2, 1}));
    });
}

TEST_P(Condition, COND_04_wait_needs_the_lock) {
    heddle::Condition condition;
    auto wait = [&]() -> Coro<void> { static_cast<void>(co_await condition.wait()); };
    run([&]() -> Coro<void> {
        const std::string how = co_await ending(wait());
        EXPECT_EQ(how, cannot_wait);
        EXPECT_EQ(waiting(condition), 0U);
        EXPECT_TRUE(condition.try_acquire());
        condition.release();
    });
}

TEST_P(Condition, COND_05_notify_needs_the_lock) {
    heddle::Condition condition;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        EXPECT_EQ(ending_of([&] { condition.notify(); }), cannot_notify);
        EXPECT_EQ(ending_of([&] { condition.notify_all(); }), cannot_notify);
        const Task<void> waiter = co_await parked_waiter(condition, log, 1);
        EXPECT_EQ(ending_of([&] { condition.notify(); }), cannot_notify);
        EXPECT_EQ(ending_of([&] { condition.notify_all(); }), cannot_notify);
        EXPECT_EQ(waiting(condition), 1U) << "woken by a notify that failed";
        {
            const auto held = co_await condition.scoped();
            condition.notify();
        }
        co_await waiter;
    });
}

TEST_P(Condition, COND_06_whoever_holds_the_lock_others_may_notify) {
    heddle::Condition condition;
    std::vector<int> log;
    auto notify = [&]() -> Coro<void> {
        condition.notify();
        co_return;
    };
    run([&]() -> Coro<void> {
        const Task<void> waiter = co_await parked_waiter(condition, log, 1);
        co_await condition.acquire();
        co_await create_task(notify());
        EXPECT_TRUE(condition.locked());
        EXPECT_TRUE(log.empty());
        condition.release();
        co_await waiter;
        EXPECT_FALSE(condition.locked());
    });
}

TEST_P(Condition, COND_07_waiting_gives_the_lock_away) {
    heddle::Condition condition;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 3; ++i) {
            const Task<void> waiter = co_await parked_waiter(condition, log, i);
            tasks.push_back(waiter);
        }
        EXPECT_EQ(waiting(condition), 3U);
        EXPECT_FALSE(condition.locked());
        {
            const auto held = co_await condition.scoped();
            EXPECT_TRUE(log.empty());
            condition.notify_all();
        }
        co_await settle_all(tasks);
    });
}

TEST_P(Condition, COND_08_COND_10_a_notified_waiter_returns_true_when_the_notifier_has_released) {
    Lock lock;
    heddle::Condition condition(lock);
    std::vector<int> log;
    run([&]() -> Coro<void> {
        const Task<void> first = co_await parked_waiter(condition, log, 1);
        const Task<void> second = co_await parked_waiter(condition, log, 2);
        co_await lock.acquire();
        condition.notify();
        co_await until_waiters(lock, 1);  // the one that is to go on wants the lock now
        EXPECT_TRUE(log.empty());
        EXPECT_FALSE(first.done());
        lock.release();
        co_await first;
        EXPECT_EQ(log, std::vector<int>{1});
        EXPECT_TRUE(detail::is_parked(second));
        EXPECT_EQ(waiting(condition), 1U);
        {
            const auto held = co_await lock.scoped();
            condition.notify();
        }
        co_await second;
        EXPECT_EQ(log, (std::vector<int>{1, 2}));
    });
}

TEST_P(Condition, COND_09_two_notified_waiters_return_one_after_the_other) {
    Lock lock;
    heddle::Condition condition(lock);
    std::vector<int> log;
    Event go;
    auto wait = [&](int id) -> Coro<void> {
        const auto held = co_await condition.scoped();
        static_cast<void>(co_await condition.wait());
        log.push_back(id);
        co_await go.wait();
        log.push_back(id + 10);
    };
    run([&]() -> Coro<void> {
        const Task<void> a = create_task(wait(0));
        co_await until_parked(a);
        const Task<void> b = create_task(wait(1));
        co_await until_parked(b);
        {
            const auto held = co_await lock.scoped();
            condition.notify(2);
            EXPECT_EQ(waiting(condition), 0U);
        }
        co_await until_waiters(lock, 1);  // the one holds the lock and waits for `go`, the other wants it
        go.set();
        co_await settle(a, b);
        // They are woken in order; which one comes first to the lock is theirs to decide when they run in
        // parallel.
        if (workers() == 1 || log.front() == 0) {
            EXPECT_EQ(log, (std::vector<int>{0, 10, 1, 11}));
        } else {
            EXPECT_EQ(log, (std::vector<int>{1, 11, 0, 10}));
        }
    });
}

TEST_P(Condition, COND_11_notifications_that_nobody_waits_for_are_forgotten) {
    heddle::Condition condition;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 3; ++i) {
            const Task<void> waiter = co_await parked_waiter(condition, log, i);
            tasks.push_back(waiter);
        }
        {
            const auto held = co_await condition.scoped();
            condition.notify(1);
        }
        co_await tasks[0];
        EXPECT_EQ(log, std::vector<int>{0});
        EXPECT_TRUE(all_parked(tasks[1], tasks[2]));
        EXPECT_EQ(waiting(condition), 2U);
        {
            const auto held = co_await condition.scoped();
            condition.notify(1);
            condition.notify(2048);
        }
        co_await settle_all(tasks);
        EXPECT_EQ(log.size(), 3U);
        const Task<void> late = co_await parked_waiter(condition, log, 9);
        EXPECT_EQ(log.size(), 3U) << "a surplus notification was stored";
        {
            const auto held = co_await condition.scoped();
            condition.notify();
        }
        co_await late;
    });
}

TEST_P(Condition, COND_12_notify_all_wakes_each_waiter_once_one_at_a_time) {
    constexpr std::size_t n = 50;
    heddle::Condition condition;
    std::atomic<int> inside{0};
    std::vector<int> returned(n);
    auto wait = [&](std::size_t id) -> Coro<void> {
        const auto held = co_await condition.scoped();
        static_cast<void>(co_await condition.wait());
        EXPECT_EQ(++inside, 1);
        co_await yield();
        ++returned[id];
        EXPECT_EQ(--inside, 0);
    };
    run([&]() -> Coro<void> {
        for (int round = 1; round <= 5; ++round) {
            std::vector<Task<void>> tasks;
            for (std::size_t i = 0; i < n; ++i) {
                tasks.push_back(create_task(wait(i)));
            }
            auto all_there = [&] { return waiting(condition) == n; };
            co_await until(all_there);
            {
                const auto held = co_await condition.scoped();
                condition.notify_all();
                EXPECT_EQ(waiting(condition), 0U);
            }
            co_await settle_all(tasks);
            EXPECT_EQ(returned, std::vector<int>(n, round));
        }
    });
}

TEST_P(Condition, COND_13_notify_without_waiters_or_of_none_does_nothing) {
    heddle::Condition condition;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        {
            const auto held = co_await condition.scoped();
            condition.notify();
            condition.notify_all();
            condition.notify(5);
        }
        const Task<void> waiter = co_await parked_waiter(condition, log, 1);
        {
            const auto held = co_await condition.scoped();
            condition.notify(0);
            EXPECT_EQ(waiting(condition), 1U);
        }
        EXPECT_TRUE(detail::is_parked(waiter));
        {
            const auto held = co_await condition.scoped();
            condition.notify(1);
        }
        co_await waiter;
    });
}

TEST_P(Condition, COND_14_a_predicate_that_holds_needs_no_lock) {
    heddle::Condition condition;
    run([&]() -> Coro<void> {
        auto seven = [] { return 7; };
        const int value = co_await condition.wait_for(seven);
        EXPECT_EQ(value, 7);
        EXPECT_FALSE(condition.locked());
        EXPECT_EQ(waiting(condition), 0U);
    });
}

TEST_P(Condition, COND_15_a_predicate_that_does_not_hold_needs_the_lock) {
    heddle::Condition condition;
    auto wait = [&]() -> Coro<void> {
        auto never = [] { return false; };
        static_cast<void>(co_await condition.wait_for(never));
    };
    run([&]() -> Coro<void> {
        const std::string how = co_await ending(wait());
        EXPECT_EQ(how, cannot_wait);
        EXPECT_EQ(waiting(condition), 0U);
        EXPECT_TRUE(condition.try_acquire());
        condition.release();
    });
}

TEST_P(Condition, COND_16_wait_for_goes_on_waiting_until_the_predicate_holds) {
    heddle::Condition condition;
    int calls = 0;
    int value = 0;
    int got = 0;
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        auto ready = [&] {
            ++calls;
            return value;
        };
        got = co_await condition.wait_for(ready);
        EXPECT_TRUE(condition.locked());
        EXPECT_EQ(value, 5);
    };
    run([&]() -> Coro<void> {
        const Task<void> waiter = create_task(wait());
        for (int i = 1; i <= 10; ++i) {
            auto is_back = [&] { return waiting(condition) == 1; };
            co_await until(is_back);
            const auto held = co_await condition.scoped();
            EXPECT_EQ(calls, i);
            condition.notify();
        }
        auto is_back = [&] { return waiting(condition) == 1; };
        co_await until(is_back);
        {
            const auto held = co_await condition.scoped();
            value = 5;
            condition.notify();
        }
        co_await waiter;
        EXPECT_EQ(got, 5);
        EXPECT_EQ(calls, 12);
        EXPECT_FALSE(condition.locked());
    });
}

TEST_P(Condition, COND_17_the_predicate_runs_under_the_lock_and_may_throw) {
    heddle::Condition condition;
    std::atomic<int> calls{0};
    std::string how;
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        auto predicate = [&] {
            EXPECT_TRUE(condition.locked());
            EXPECT_FALSE(condition.try_acquire());
            if (++calls == 3) {
                throw Boom("third time");
            }
            return false;
        };
        auto waited = ending(condition.wait_for(predicate));
        how = co_await std::move(waited);
        EXPECT_TRUE(condition.locked());
    };
    run([&]() -> Coro<void> {
        const Task<void> waiter = create_task(wait());
        for (int i = 0; i < 2; ++i) {
            auto is_back = [&] { return waiting(condition) == 1; };
            co_await until(is_back);
            const auto held = co_await condition.scoped();
            condition.notify();
        }
        co_await waiter;
        EXPECT_EQ(how, "third time");
        EXPECT_EQ(calls, 3);
        EXPECT_FALSE(condition.locked());
    });
}

TEST_P(Condition, COND_29_who_gets_the_lock_after_a_waiter_finds_it_parked) {
    Lock lock;
    heddle::Condition condition(lock);
    std::vector<int> log;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 300; ++round) {
            log.clear();
            co_await lock.acquire();
            const Task<void> waiter = create_task(wait_and_note(condition, log, 1));
            co_await until_parked(waiter);
            lock.release();           // the waiter's now
            co_await lock.acquire();  // only when the waiter has given it away in wait()
            EXPECT_EQ(waiting(condition), 1U);
            condition.notify();
            lock.release();
            co_await waiter;
            EXPECT_EQ(log, std::vector<int>{1});
        }
    });
}

}  // namespace
}  // namespace heddle::test
