#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

// asyncio.Lock without cancellation; with it: lock_cancel_test.cpp.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Lock : public OverWorkers {};
HEDDLE_OVER_WORKERS(Lock);

Coro<void> raise(bool& flag) {
    flag = true;
    co_return;
}

TEST_P(Lock, LOCK_01_a_free_lock_is_taken_at_once) {
    heddle::Lock lock;
    EXPECT_FALSE(lock.locked());
    run([&]() -> Coro<void> {
        bool ran = false;
        const Task<void> bystander = create_task(raise(ran));
        co_await lock.acquire();
        if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
            EXPECT_FALSE(ran) << "acquire() suspended";
        }
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
        co_await bystander;
    });
}

TEST_P(Lock, LOCK_02_the_guard_holds_the_lock_in_its_scope) {
    heddle::Lock lock;
    run([&]() -> Coro<void> {
        {
            const auto held = co_await lock.scoped();
            EXPECT_TRUE(lock.locked());
        }
        EXPECT_FALSE(lock.locked());
        co_await lock.acquire();
        lock.release();
    });
}

TEST_P(Lock, LOCK_03_the_guard_releases_once_on_error_and_cancellation) {
    heddle::Lock lock;
    Event never;
    Event go;
    std::atomic<int> grants{0};
    auto fail = [&]() -> Coro<void> {
        const auto held = co_await lock.scoped();
        co_await yield();
        throw std::runtime_error("out of the body");
    };
    run([&]() -> Coro<void> {
        std::string what;
        try {
            co_await fail();
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        EXPECT_EQ(what, "out of the body");
        EXPECT_FALSE(lock.locked());

        const Task<void> a = create_task(hold(lock, grants, never));
        co_await until_parked(a);
        const Task<void> b = create_task(hold(lock, grants, go));
        co_await until_parked(b);
        const Task<void> c = create_task(hold(lock, grants, go));
        co_await until_parked(c);
        EXPECT_EQ(grants, 1);
        a.cancel();
        co_await settle(a);
        EXPECT_TRUE(a.cancelled());
        auto b_is_in = [&] { return grants == 2 && detail::is_parked(b); };
        co_await until(b_is_in);
        EXPECT_TRUE(detail::is_parked(c));
        EXPECT_EQ(waiters(lock), 1U);
        go.set();
        co_await settle(b, c);
        EXPECT_EQ(grants, 3);
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(Lock, LOCK_04_LOCK_05_served_in_order_of_arrival_newcomers_at_the_tail) {
    heddle::Lock lock;
    Event go[3];
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        const Task<void> w1 = create_task(hold(lock, grants, go[0]));
        co_await until_parked(w1);
        const Task<void> w2 = create_task(hold(lock, grants, go[1]));
        co_await until_parked(w2);
        EXPECT_EQ(grants, 0);

        lock.release();
        auto one_in = [&] { return grants == 1 && detail::is_parked(w1); };
        co_await until(one_in);
        EXPECT_TRUE(detail::is_parked(w2));
        const Task<void> w3 = create_task(hold(lock, grants, go[2]));
        co_await until_parked(w3);
        EXPECT_EQ(waiters(lock), 2U);

        go[0].set();
        co_await w1;
        auto two_in = [&] { return grants == 2 && detail::is_parked(w2); };
        co_await until(two_in);
        EXPECT_TRUE(detail::is_parked(w3));
        EXPECT_EQ(waiters(lock), 1U);
        go[1].set();
        co_await w2;
        go[2].set();
        co_await w3;
        EXPECT_EQ(grants, 3);
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(Lock, LOCK_06_a_releaser_that_comes_back_queues_behind_the_waiter) {
    heddle::Lock lock;
    std::vector<int> log;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            log.clear();
            co_await lock.acquire();
            const Task<void> w1 = create_task(note(lock, log, 1));
            co_await until_parked(w1);
            lock.release();
            co_await lock.acquire();
            log.push_back(0);
            lock.release();
            co_await w1;
            EXPECT_EQ(log, (std::vector<int>{1, 0}));
        }
    });
}

TEST_P(Lock, LOCK_07_a_newcomer_does_not_overtake_a_woken_waiter) {
    heddle::Lock lock;
    std::vector<int> log;
    std::atomic<bool> released{false};
    auto newcomer = [&]() -> Coro<void> {
        auto is_released = [&] { return released.load(); };
        co_await until(is_released);
        co_await note(lock, log, 2);
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            log.clear();
            released = false;
            co_await lock.acquire();
            const Task<void> w1 = create_task(note(lock, log, 1));
            co_await until_parked(w1);
            const Task<void> w2 = create_task(newcomer());
            co_await yield();
            lock.release();
            released = true;
            co_await settle(w1, w2);
            EXPECT_EQ(log, (std::vector<int>{1, 2}));
        }
    });
}

TEST_P(Lock, LOCK_08_a_lock_that_is_handed_over_cannot_be_snatched) {
    heddle::Lock lock;
    Event go;
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        for (int round = 1; round <= 100; ++round) {
            go.clear();
            EXPECT_TRUE(lock.try_acquire());
            const Task<void> w1 = create_task(hold(lock, grants, go));
            co_await until_parked(w1);
            lock.release();
            while (grants != round) {
                EXPECT_FALSE(lock.try_acquire());
                co_await yield();
            }
            EXPECT_FALSE(lock.try_acquire());
            go.set();
            co_await w1;
        }
        EXPECT_TRUE(lock.try_acquire());
        lock.release();
    });
}

TEST_P(Lock, LOCK_09_release_of_a_free_lock_is_an_error_and_changes_nothing) {
    heddle::Lock lock;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 2; ++round) {
            std::string what;
            try {
                lock.release();
            } catch (const std::runtime_error& error) {
                what = error.what();
            }
            EXPECT_EQ(what, "Lock is not acquired.");
            EXPECT_FALSE(lock.locked());
            co_await lock.acquire();
            EXPECT_TRUE(lock.locked());
            EXPECT_FALSE(lock.try_acquire());
            lock.release();
        }
    });
}

TEST_P(Lock, LOCK_10_one_release_too_many_loses_no_waiter) {
    std::atomic<int> grants{0};
    std::atomic<int> refused{0};
    auto release = [&](heddle::Lock& lock) {
        try {
            lock.release();
        } catch (const std::runtime_error&) {
            ++refused;
        }
    };
    auto wait = [&](heddle::Lock& lock) -> Coro<void> {
        co_await lock.acquire();
        ++grants;
        co_await yield();
        release(lock);
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            heddle::Lock lock;
            grants = 0;
            refused = 0;
            co_await lock.acquire();
            const Task<void> w1 = create_task(wait(lock));
            co_await until_parked(w1);
            const Task<void> w2 = create_task(wait(lock));
            co_await until_parked(w2);
            release(lock);
            release(lock);
            co_await settle(w1, w2);
            EXPECT_EQ(grants, 2);
            EXPECT_EQ(refused, 1) << "three acquisitions and four releases";
            EXPECT_FALSE(lock.locked());
            EXPECT_TRUE(lock.try_acquire());
            release(lock);
        }
    });
}

TEST_P(Lock, LOCK_11_any_task_may_release) {
    heddle::Lock lock;
    auto take = [&]() -> Coro<void> { co_await lock.acquire(); };
    auto give = [&]() -> Coro<void> {
        lock.release();
        co_return;
    };
    run([&]() -> Coro<void> {
        co_await create_task(take());
        EXPECT_TRUE(lock.locked());
        co_await create_task(give());
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(Lock, LOCK_12_the_lock_is_not_reentrant) {
    heddle::Lock lock;
    run([&]() -> Coro<void> {
        bool timed_out = false;
        co_await lock.acquire();
        try {
            co_await wait_for(lock.acquire(), 5ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
        EXPECT_THROW(lock.release(), std::runtime_error);
    });
}

}  // namespace
}  // namespace heddle::test
