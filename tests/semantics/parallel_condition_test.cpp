#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/condition.hpp>
#include <heddle/coro.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// A Condition whose waiters, notifiers and cancellers are on different workers.

namespace heddle::test {
namespace {

class ParallelCondition : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelCondition);

TEST_P(ParallelCondition, PAR_06_notify_against_cancel_of_the_waiter_it_wakes) {
    Condition condition;
    int items = 0;  // guarded by the condition
    std::atomic<int> consumed{0};
    auto consume = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        auto has_items = [&] { return items > 0; };
        co_await condition.wait_for(has_items);
        --items;
        ++consumed;
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            const Task<void> first = create_task(consume());
            co_await until_waiters(condition, 1);
            const Task<void> second = create_task(consume());
            co_await until_waiters(condition, 2);
            co_await until_parked(first, second);
            co_await condition.acquire();
            ++items;
            auto notify = [&] {
                condition.notify();
                condition.release();
            };
            auto cancel = [&] { first.cancel(); };
            co_await racers.at_once(notify, cancel);
            // Would hang if the notification had died with the first.
            const int round = static_cast<int>(rounds.number());
            auto has_arrived = [&] { return consumed == round; };
            co_await until(has_arrived);
            first.cancel();
            second.cancel();
            co_await settle(first, second);
            EXPECT_EQ(items, 0);
            EXPECT_EQ(consumed, round);
            EXPECT_FALSE(condition.locked());
            EXPECT_EQ(waiters(condition), 0U);
        }
    });
}

/// Granted at the moment when its time is up, perhaps while it is cancelled as well (PAR-15).
TEST_P(ParallelCondition, PAR_09_PAR_15_notify_against_the_deadline) {
    Condition condition;
    int items = 0;  // guarded by the condition
    std::atomic<int> resumed{0};
    std::string how;
    auto consume = [&](Clock::time_point when) -> Coro<void> {
        auto body = [&](Timeout&) -> Coro<void> {
            const auto held = co_await condition.scoped();
            auto has_items = [&] { return items > 0; };
            co_await condition.wait_for(has_items);
            --items;
        };
        how = co_await ending(timeout_at(when, body));
        ++resumed;
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            resumed = 0;
            how.clear();
            const auto when = Clock::now() + std::chrono::microseconds(100 + 20 * (rounds.number() % 10));
            const Task<void> task = create_task(consume(when));
            auto waits = [&] { return task.done() || waiters(condition) == 1; };
            co_await until(waits);
            co_await condition.acquire();
            ++items;
            auto notify = [&] {
                busy_until(when);
                condition.notify();
                condition.release();
            };
            auto cancel = [&] {
                busy_until(when);
                if (rounds.number() % 3 == 0) {
                    task.cancel();
                }
            };
            co_await racers.at_once(notify, cancel);
            co_await settle(task);
            EXPECT_EQ(resumed, 1);
            EXPECT_TRUE(how == "value" || how == "TimeoutError" ||
                        (how == "CancelledError" && rounds.number() % 3 == 0))
                << how;
            // Value xor error, and the item is there exactly if it was not taken.
            EXPECT_EQ(items, how == "value" ? 0 : 1);
            EXPECT_FALSE(condition.locked());
            EXPECT_EQ(waiters(condition), 0U);
            items = 0;
        }
    });
}

/// A waiter tells that it is about to wait, with the lock held; whoever gets the lock next notifies.
TEST_P(ParallelCondition, PAR_18_notified_while_it_gives_the_lock_away) {
    Condition condition;
    std::atomic<bool> about_to{false};
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        about_to = true;
        co_await condition.wait();
    };
    auto is_about_to = [&] { return about_to.load(); };
    auto notify = [&]() -> Coro<void> {
        co_await until(is_about_to);
        const auto held = co_await condition.scoped();
        condition.notify();
    };
    auto notify_blocking = [&] {
        until_blocking(is_about_to);
        condition.acquire_blocking();
        condition.notify();
        condition.release();
    };
    Runtime runtime(options());
    for (Rounds rounds; rounds.next();) {
        about_to = false;
        Task<void> notifier;
        std::thread thread;
        if (rounds.number() % 2 == 0) {
            notifier = runtime.spawn(notify());
        } else {
            thread = std::thread(notify_blocking);
        }
        const Task<void> waiter = runtime.spawn(wait());
        waiter.wait_blocking();  // hangs if the notification came between release and wait
        if (notifier) {
            notifier.wait_blocking();
        } else {
            thread.join();
        }
        EXPECT_FALSE(condition.locked());
    }
}

TEST_P(ParallelCondition, PAR_18_notified_while_a_thread_gives_the_lock_away) {
    Condition condition;
    std::atomic<bool> about_to{false};
    Runtime runtime(options());
    auto notify = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        condition.notify_all();
    };
    for (Rounds rounds; rounds.next();) {
        about_to = false;
        BlockingThread waiter([&] {
            condition.acquire_blocking();
            about_to = true;
            condition.wait_blocking();
            EXPECT_TRUE(condition.locked());
            condition.release();
        });
        until_blocking([&] { return about_to.load(); });
        runtime.run(notify());
        waiter.join();
    }
}

TEST_P(ParallelCondition, PAR_28_notify_from_a_plain_thread_needs_the_lock) {
    Condition condition;
    int items = 0;  // guarded by the condition
    Runtime runtime(options());
    auto consume = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        auto has_items = [&] { return items > 0; };
        co_await condition.wait_for(has_items);
        --items;
    };
    auto produce = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        ++items;
        condition.notify();
    };
    for (int round = 0; round < 60; ++round) {
        const Task<void> task = runtime.spawn(consume());
        until_waiters_blocking(condition, 1);
        until_parked_blocking(task);
        std::thread thread([&] {
            for (int i = 0; i < 3; ++i) {
                EXPECT_EQ(ending_of([&] { condition.notify(); }), "cannot notify on un-acquired lock");
                EXPECT_EQ(ending_of([&] { condition.notify_all(); }), "cannot notify on un-acquired lock");
                EXPECT_EQ(ending_of([&] { condition.wait_blocking(); }), "cannot wait on un-acquired lock");
            }
            EXPECT_FALSE(task.done());
            EXPECT_EQ(waiters(condition), 1U);
            switch (round % 3) {
                case 0:
                    until_blocking([&] { return condition.try_acquire(); });
                    ++items;
                    condition.notify();
                    condition.release();
                    break;
                case 1:
                    condition.acquire_blocking();
                    ++items;
                    condition.notify_all();
                    condition.release();
                    break;
                default:
                    runtime.run(produce());
            }
        });
        task.wait_blocking();
        thread.join();
        EXPECT_EQ(items, 0);
        EXPECT_FALSE(condition.locked());
    }
}

/// The last of many waiters destroys it while the notifier's release() returns, and those of the waiters
/// before.
TEST_P(ParallelCondition, PAR_38_the_last_waiter_out_may_destroy_the_condition) {
    constexpr int n = 4;
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            auto condition = std::make_unique<Condition>();
            int left = n;  // guarded by the condition
            auto wait = [&]() -> Coro<void> {
                Condition& mine = *condition;
                co_await mine.acquire();
                co_await mine.wait();
                const bool last = --left == 0;
                mine.release();
                if (last) {
                    condition.reset();
                }
            };
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(wait()));
            }
            co_await until_waiters(*condition, n);
            co_await condition->acquire();
            auto notify = [raw = condition.get()] {
                raw->notify_all();
                raw->release();
            };
            auto nothing = [] {};
            co_await racers.at_once(notify, nothing);
            co_await settle_all(tasks);
            EXPECT_EQ(condition, nullptr);
        }
    });
}

TEST_P(ParallelCondition, PAR_59_the_lock_comes_back_in_order_of_arrival) {
    constexpr int k = 40;
    Condition condition;
    std::vector<int> log;  // guarded by the condition
    auto wait = [&](int id) -> Coro<void> {
        const auto held = co_await condition.scoped();
        co_await condition.wait();
        log.push_back(id);
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 30; ++round) {
            std::vector<Task<void>> tasks;
            std::vector<int> expected;
            log.clear();
            for (int i = 0; i < k; ++i) {
                tasks.push_back(create_task(wait(i)));
                co_await until_waiters(condition, tasks.size());
                expected.push_back(i);
            }
            if (round % 3 == 0) {
                co_await condition.acquire();
                condition.notify_all();
                condition.release();
            } else if (round % 3 == 1) {  // several times in one hold
                co_await condition.acquire();
                for (int i = 0; i < k; i += 4) {
                    condition.notify(4);
                }
                condition.release();
            } else {  // in a hold for each, while those before return
                for (int i = 0; i < k; ++i) {
                    co_await condition.acquire();
                    condition.notify();
                    condition.release();
                }
            }
            co_await settle_all(tasks);
            EXPECT_EQ(log, expected);
        }
    });
}

}  // namespace
}  // namespace heddle::test
