#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

// asyncio.Condition with waiters that are cancelled or time out. A wait ends with the lock held whatever
// happens, and a notification that reaches a waiter which then gives up goes to another.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class ConditionCancel : public OverWorkers {};
HEDDLE_OVER_WORKERS(ConditionCancel);

std::size_t waiting(const heddle::Condition& condition) { return detail::Inspect::parked(condition); }

/// Waits for a notification under the lock and tells how that ended; the lock must be held at that moment.
Coro<std::string> wait_once(heddle::Condition& condition, std::atomic<int>& inside) {
    std::string how;
    const auto held = co_await condition.scoped();
    try {
        static_cast<void>(co_await condition.wait());
        how = "value";
    } catch (const CancelledError&) {
        how = describe(std::current_exception());
    }
    EXPECT_EQ(++inside, 1) << "out of wait() without the lock";
    EXPECT_TRUE(condition.locked());
    EXPECT_EQ(--inside, 0);
    co_return how;
}

/// What several of the tests below need: a condition on a visible lock.
struct Scene {
    Lock lock;
    heddle::Condition condition{lock};
    std::atomic<int> inside{0};

    /// A waiter that has its place in the queue when this returns.
    Coro<Task<std::string>> waiter() {
        const std::size_t before = waiting(condition);
        const Task<std::string> task = create_task(wait_once(condition, inside));
        auto is_there = [&] { return waiting(condition) == before + 1; };
        co_await until(is_there);
        co_await until_parked(task);
        co_return task;
    }
    /// A waiter that has been notified and wants the lock, which the caller holds when this returns.
    Coro<Task<std::string>> relocking_waiter() {
        const Task<std::string> task = co_await waiter();
        co_await lock.acquire();
        condition.notify();
        co_await until_waiters(lock, 1);
        co_await until_parked(task);
        co_return task;
    }
    void expect_idle() {
        EXPECT_EQ(waiting(condition), 0U);
        EXPECT_EQ(waiters(lock), 0U);
        EXPECT_TRUE(lock.try_acquire());
        lock.release();
    }
};

TEST_P(ConditionCancel, COND_18_a_cancelled_waiter_takes_the_lock_back_first) {
    Scene scene;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Task<std::string> waiter = co_await scene.waiter();
            EXPECT_TRUE(waiter.cancel());
            co_await settle(waiter);
            EXPECT_EQ(ending_of(waiter), "value");
            EXPECT_EQ(waiter.result(), "CancelledError");
            EXPECT_EQ(waiter.cancelling(), 1);
            scene.expect_idle();
        }
    });
}

TEST_P(ConditionCancel, COND_19_cancelled_while_it_takes_the_lock_back_it_still_waits_for_it) {
    Scene scene;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Task<std::string> waiter = co_await scene.relocking_waiter();
            EXPECT_TRUE(waiter.cancel());
            for (int i = 0; i < 10; ++i) {
                co_await yield();
            }
            EXPECT_FALSE(waiter.done());
            EXPECT_EQ(waiters(scene.lock), 1U);
            scene.lock.release();
            co_await settle(waiter);
            EXPECT_EQ(waiter.result(), "CancelledError");
            scene.expect_idle();
        }
    });
}

TEST_P(ConditionCancel, COND_20_the_request_is_not_lost_in_the_relock_and_the_guard_releases) {
    Scene scene;
    std::atomic<int> passed{0};
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await scene.condition.scoped();
        static_cast<void>(co_await scene.condition.wait());
        ++passed;
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Task<void> waiter = create_task(wait());
            auto is_there = [&] { return waiting(scene.condition) == 1; };
            co_await until(is_there);
            {
                const auto held = co_await scene.lock.scoped();
                scene.condition.notify();
                co_await until_waiters(scene.lock, 1);
                EXPECT_TRUE(waiter.cancel());
            }
            co_await settle(waiter);
            EXPECT_TRUE(waiter.cancelled());
            EXPECT_EQ(passed, 0);
            scene.expect_idle();
        }
    });
}

TEST_P(ConditionCancel, COND_21_COND_22_the_reason_of_a_cancellation_is_kept) {
    Scene scene;
    run([&]() -> Coro<void> {
        const Task<std::string> parked = co_await scene.waiter();
        parked.cancel("no more");
        co_await settle(parked);
        EXPECT_EQ(parked.result(), "CancelledError: no more");

        const Task<std::string> relocking = co_await scene.relocking_waiter();
        relocking.cancel("too late");
        scene.lock.release();
        co_await settle(relocking);
        EXPECT_EQ(relocking.result(), "CancelledError: too late");
        scene.expect_idle();
    });
}

TEST_P(ConditionCancel, COND_23_cancelled_twice_it_still_waits_for_the_lock) {
    Scene scene;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Task<std::string> waiter = co_await scene.waiter();
            co_await scene.lock.acquire();
            waiter.cancel("first");
            co_await until_waiters(scene.lock, 1);
            co_await until_parked(waiter);
            waiter.cancel("second");
            for (int i = 0; i < 10; ++i) {
                co_await yield();
            }
            EXPECT_FALSE(waiter.done());
            EXPECT_EQ(waiter.cancelling(), 2);
            scene.lock.release();
            co_await settle(waiter);
            EXPECT_EQ(waiter.result(), "CancelledError: second");
            EXPECT_EQ(waiter.cancelling(), 2);
            scene.expect_idle();
        }
    });
}

/// Two consumers of one item. The producer notifies the first and cancels it before it can consume: the other
/// must be woken.
struct Consumers {
    Lock lock;
    heddle::Condition condition{lock};
    int items = 0;
    int consumed = 0;

    Coro<void> consume() {
        const auto held = co_await condition.scoped();
        auto some = [&] { return items > 0; };
        static_cast<void>(co_await condition.wait_for(some));
        --items;
        ++consumed;
        condition.notify_all();
    }
    Coro<Task<void>> consumer(std::size_t already) {
        const Task<void> task = create_task(consume());
        auto is_there = [&] { return waiting(condition) == already + 1; };
        co_await until(is_there);
        co_return task;
    }
    Coro<void> produce(Task<void> victim, bool relocking) {
        const auto held = co_await lock.scoped();
        items = 1;
        condition.notify(1);
        if (relocking) {
            co_await until_waiters(lock, 1);
        }
        victim.cancel();
        auto done = [&] { return consumed == 1; };
        static_cast<void>(co_await condition.wait_for(done));
    }
    Coro<void> rounds(bool relocking) {
        for (int round = 0; round < 100; ++round) {
            consumed = 0;
            const Task<void> first = co_await consumer(0);
            const Task<void> second = co_await consumer(1);
            co_await create_task(produce(first, relocking));
            EXPECT_EQ(items, 0);
            co_await settle(first);
            {
                // The one that did not get the item is still waiting, or has been cancelled.
                const auto held = co_await lock.scoped();
                items = 1;
                condition.notify_all();
            }
            co_await settle(second);
            EXPECT_TRUE(first.cancelled());
            EXPECT_FALSE(second.cancelled());
            items = 0;
        }
    }
};

TEST_P(ConditionCancel, COND_24_a_notification_of_a_cancelled_waiter_goes_to_the_next) {
    Consumers consumers;
    run(consumers.rounds(false));
}

TEST_P(ConditionCancel, COND_25_also_if_it_was_taking_the_lock_back_already) {
    Consumers consumers;
    run(consumers.rounds(true));
}

TEST_P(ConditionCancel, COND_26_a_cancelled_waiter_may_wake_another_one_which_then_waits_on) {
    heddle::Condition condition;
    bool ready = false;
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        auto is_ready = [&] { return ready; };
        static_cast<void>(co_await condition.wait_for(is_ready));
    };
    run([&]() -> Coro<void> {
        const Task<void> a = create_task(wait());
        co_await until_parked(a);
        const Task<void> b = create_task(wait());
        auto both = [&] { return waiting(condition) == 2; };
        co_await until(both);
        a.cancel();
        co_await settle(a);
        EXPECT_TRUE(a.cancelled());
        auto b_waits = [&] { return waiting(condition) == 1; };
        co_await until(b_waits);
        {
            const auto held = co_await condition.scoped();
            EXPECT_FALSE(b.done());
            ready = true;
            condition.notify();
        }
        co_await b;
    });
}

TEST_P(ConditionCancel, COND_27_a_wait_that_times_out_inside_the_guard_holds_the_lock) {
    Scene scene;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 5; ++round) {
            std::string how;
            {
                const auto held = co_await scene.condition.scoped();
                auto timed = ending(heddle::wait_for(scene.condition.wait(), 2ms));
                how = co_await std::move(timed);
                EXPECT_TRUE(scene.lock.locked());
                EXPECT_FALSE(scene.lock.try_acquire());
            }
            EXPECT_EQ(how, "TimeoutError");
            scene.expect_idle();
        }
    });
}

TEST_P(ConditionCancel, COND_27_a_timeout_scope_around_a_wait_with_a_contested_lock) {
    Scene scene;
    std::string how;
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await scene.condition.scoped();
        auto body = [&](Timeout&) -> Coro<void> { static_cast<void>(co_await scene.condition.wait()); };
        auto timed = ending(timeout(5ms, body));
        how = co_await std::move(timed);
        EXPECT_TRUE(scene.lock.locked());
    };
    run([&]() -> Coro<void> {
        const Task<void> waiter = create_task(wait());
        auto is_there = [&] { return waiting(scene.condition) == 1; };
        co_await until(is_there);
        co_await scene.lock.acquire();
        co_await until_waiters(scene.lock, 1);  // has timed out and wants the lock
        EXPECT_FALSE(waiter.done());
        scene.lock.release();
        co_await waiter;
        EXPECT_EQ(how, "TimeoutError");
        scene.expect_idle();
    });
}

TEST_P(ConditionCancel, COND_28_a_cancelled_waiter_uses_up_no_notification) {
    Scene scene;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            const Task<std::string> dead = co_await scene.waiter();
            const Task<std::string> a = co_await scene.waiter();
            const Task<std::string> b = co_await scene.waiter();
            co_await scene.lock.acquire();
            dead.cancel();
            scene.condition.notify(2);
            scene.lock.release();
            co_await settle(dead, a, b);
            EXPECT_EQ(dead.result(), "CancelledError");
            EXPECT_EQ(a.result(), "value");
            EXPECT_EQ(b.result(), "value");
            scene.expect_idle();
        }
    });
}

TEST_P(ConditionCancel, COND_32_a_runtime_that_ends_leaves_no_waiter_behind) {
    Scene scene;
    run([&]() -> Coro<void> {
        // Cancelled by the end of run(): the wait takes the lock back and the guard releases it.
        const Task<std::string> left = co_await scene.waiter();
        EXPECT_FALSE(left.done());
    });
    scene.expect_idle();
    run([&]() -> Coro<void> {
        const Task<std::string> waiter = co_await scene.waiter();
        {
            const auto held = co_await scene.lock.scoped();
            scene.condition.notify();
        }
        co_await settle(waiter);
        EXPECT_EQ(waiter.result(), "value");
    });
}

TEST_P(ConditionCancel, COND_32_a_wait_that_was_never_awaited_leaves_nothing_behind) {
    Scene scene;
    run([&]() -> Coro<void> {
        co_await scene.lock.acquire();
        static_cast<void>(scene.condition.wait());
        {
            const Coro<std::string> never_started = wait_once(scene.condition, scene.inside);
        }
        EXPECT_EQ(waiting(scene.condition), 0U);
        EXPECT_TRUE(scene.lock.locked());
        scene.lock.release();
        scene.expect_idle();
    });
}

}  // namespace
}  // namespace heddle::test
