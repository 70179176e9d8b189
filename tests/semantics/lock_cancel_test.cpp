#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

// asyncio.Lock with waiters that are cancelled or time out.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class LockCancel : public OverWorkers {};
HEDDLE_OVER_WORKERS(LockCancel);

/// Nobody holds the lock or waits for it.
void expect_free(heddle::Lock& lock) {
    EXPECT_EQ(waiters(lock), 0U);
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
}

TEST_P(LockCancel, LOCK_13_a_cancelled_waiter_leaves_nothing_behind) {
    heddle::Lock lock;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        const Task<void> w = create_task(note(lock, log, 1));
        co_await until_parked(w);
        EXPECT_TRUE(w.cancel());
        co_await settle(w);
        EXPECT_TRUE(w.cancelled());
        EXPECT_EQ(waiters(lock), 0U);
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
        EXPECT_TRUE(log.empty());
    });
}

TEST_P(LockCancel, LOCK_14_a_cancelled_waiter_grants_nobody) {
    heddle::Lock lock;
    Event go;
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        const Task<void> w1 = create_task(hold(lock, grants, go));
        co_await until_parked(w1);
        const Task<void> w2 = create_task(hold(lock, grants, go));
        co_await until_parked(w2);
        w1.cancel();
        co_await settle(w1);
        co_await yield();
        EXPECT_TRUE(detail::is_parked(w2));
        EXPECT_EQ(waiters(lock), 1U);
        EXPECT_EQ(grants, 0);
        EXPECT_TRUE(lock.locked());
        go.set();
        lock.release();
        co_await w2;
        EXPECT_EQ(grants, 1);
        expect_free(lock);
    });
}

TEST_P(LockCancel, LOCK_15_release_passes_over_a_waiter_being_cancelled) {
    heddle::Lock lock;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            log.clear();
            co_await lock.acquire();
            const Task<void> b = create_task(note(lock, log, 1));
            co_await until_parked(b);
            const Task<void> c = create_task(note(lock, log, 2));
            co_await until_parked(c);
            b.cancel();
            lock.release();
            co_await settle(b, c);
            EXPECT_TRUE(b.cancelled());
            EXPECT_FALSE(c.cancelled());
            EXPECT_EQ(log, std::vector<int>{2});
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_16_cancel_then_release_grants_once) {
    heddle::Lock lock;
    Event go;
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            grants = 0;
            go.clear();
            co_await lock.acquire();
            const Task<void> w1 = create_task(hold(lock, grants, go));
            co_await until_parked(w1);
            const Task<void> w2 = create_task(hold(lock, grants, go));
            co_await until_parked(w2);
            const Task<void> w3 = create_task(hold(lock, grants, go));
            co_await until_parked(w3);
            w1.cancel();
            lock.release();
            co_await settle(w1);
            EXPECT_TRUE(w1.cancelled());
            auto w2_is_in = [&] { return grants == 1 && detail::is_parked(w2); };
            co_await until(w2_is_in);
            EXPECT_TRUE(detail::is_parked(w3));
            EXPECT_EQ(waiters(lock), 1U);
            EXPECT_EQ(grants, 1);
            go.set();
            co_await settle(w2, w3);
            EXPECT_EQ(grants, 2);
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_17_a_queue_of_cancelled_waiters_does_not_block) {
    heddle::Lock lock;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            log.clear();
            co_await lock.acquire();
            const Task<void> b = create_task(note(lock, log, 1));
            co_await until_parked(b);
            b.cancel();
            lock.release();
            co_await lock.acquire();
            log.push_back(3);
            lock.release();
            co_await settle(b);
            EXPECT_TRUE(b.cancelled());
            EXPECT_EQ(log, std::vector<int>{3});
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_18_a_cancelled_winner_passes_the_lock_on) {
    heddle::Lock lock;
    std::vector<int> log;
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            log.clear();
            grants = 0;
            co_await lock.acquire();
            const Task<LateCancel> b = create_task(take_and_yield(lock, grants));
            co_await until_parked(b);
            const Task<void> c = create_task(note(lock, log, 2));
            co_await until_parked(c);
            lock.release();
            const bool accepted = b.cancel();
            co_await settle(b, c);
            EXPECT_EQ(log, std::vector<int>{2});
            expect_late_cancel(b, accepted, grants == 1, workers() == 1);
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_19_a_cancelled_winner_leaves_the_lock_free) {
    heddle::Lock lock;
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            grants = 0;
            co_await lock.acquire();
            const Task<LateCancel> b = create_task(take_and_yield(lock, grants));
            co_await until_parked(b);
            lock.release();
            const bool accepted = b.cancel();
            co_await settle(b);
            expect_late_cancel(b, accepted, grants == 1, workers() == 1);
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_20_the_lock_gets_past_any_number_of_cancelled_waiters) {
    constexpr std::size_t k = 100;
    heddle::Lock lock;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 10; ++round) {
            std::vector<Task<void>> tasks;
            log.clear();
            co_await lock.acquire();
            for (std::size_t i = 0; i < k; ++i) {
                tasks.push_back(create_task(note(lock, log, static_cast<int>(i))));
                co_await until_parked(tasks.back());
            }
            for (std::size_t i = 1; i < k - 1; i += 2) {
                tasks[i].cancel();
            }
            lock.release();
            for (std::size_t i = 0; i < k - 1; i += 2) {
                tasks[i].cancel();
            }
            co_await settle_all(tasks);
            EXPECT_FALSE(tasks.back().cancelled());
            EXPECT_FALSE(log.empty());
            if (!log.empty()) {
                EXPECT_EQ(log.back(), static_cast<int>(k - 1));
            }
            for (const int id : log) {
                EXPECT_TRUE(id % 2 == 0 || id == k - 1) << id << " was cancelled while it waited";
            }
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_21_cancelling_one_in_the_middle_keeps_the_order) {
    constexpr std::size_t k = 9;
    heddle::Lock lock;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        for (std::size_t out = 0; out < k; ++out) {
            std::vector<Task<void>> tasks;
            std::vector<int> expected;
            log.clear();
            co_await lock.acquire();
            for (std::size_t i = 0; i < k; ++i) {
                tasks.push_back(create_task(note(lock, log, static_cast<int>(i))));
                co_await until_parked(tasks.back());
                if (i != out) {
                    expected.push_back(static_cast<int>(i));
                }
            }
            tasks[out].cancel();
            co_await settle(tasks[out]);
            lock.release();
            co_await settle_all(tasks);
            EXPECT_EQ(log, expected);
            EXPECT_TRUE(tasks[out].cancelled());
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_22_an_acquire_that_times_out_leaves_nothing_behind) {
    heddle::Lock lock;
    auto take = [&]() -> Coro<void> { co_await wait_for(lock.acquire(), 5ms); };
    run([&]() -> Coro<void> {
        bool timed_out = false;
        co_await lock.acquire();
        const Task<void> w = create_task(take());
        try {
            co_await w;
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(waiters(lock), 0U);
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
        co_await wait_for(lock.acquire(), 60s);
        EXPECT_TRUE(lock.locked());
        lock.release();
    });
}

TEST_P(LockCancel, LOCK_23_release_and_timeout_of_the_head_at_the_same_moment) {
    heddle::Lock lock;
    std::atomic<int> inside{0};
    auto take = [&](Timeout::time_point when) -> Coro<bool> {
        auto body = [&](Timeout&) -> Coro<void> { co_await lock.acquire(); };
        try {
            co_await timeout_at(when, body);
        } catch (const TimeoutError&) {
            co_return false;
        }
        EXPECT_EQ(++inside, 1);
        --inside;
        lock.release();
        co_return true;
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 60; ++round) {
            const auto when = std::chrono::steady_clock::now() + 2ms;
            co_await lock.acquire();
            const Task<bool> head = create_task(take(when));
            auto head_waits = [&] { return detail::is_parked(head) || head.done(); };
            co_await until(head_waits);
            const Task<bool> next = create_task(take(when + 60s));
            co_await until_parked(next);
            co_await sleep_until(when);
            lock.release();
            co_await settle(head, next);
            EXPECT_TRUE(next.result());
            expect_free(lock);
        }
    });
}

TEST_P(LockCancel, LOCK_24_acquire_with_a_cancellation_pending) {
    heddle::Lock lock;
    auto on_a_free_lock = [&]() -> Coro<bool> {
        bool cancelled = false;
        current_task().cancel();
        co_await lock.acquire();
        try {
            co_await yield();
        } catch (const CancelledError&) {
            cancelled = true;
        }
        lock.release();
        co_return cancelled;
    };
    auto on_a_held_lock = [&]() -> Coro<bool> {
        bool cancelled = false;
        current_task().cancel();
        try {
            co_await lock.acquire();
        } catch (const CancelledError&) {
            cancelled = true;
        }
        co_return cancelled;
    };
    run([&]() -> Coro<void> {
        const bool first = co_await create_task(on_a_free_lock());
        EXPECT_TRUE(first);
        EXPECT_FALSE(lock.locked());
        co_await lock.acquire();
        const bool second = co_await create_task(on_a_held_lock());
        EXPECT_TRUE(second);
        EXPECT_EQ(waiters(lock), 0U);
        EXPECT_TRUE(lock.locked());
        lock.release();
        expect_free(lock);
    });
}

}  // namespace
}  // namespace heddle::test
