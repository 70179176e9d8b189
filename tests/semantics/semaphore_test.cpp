#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

// asyncio.Semaphore without cancellation; with it: semaphore_cancel_test.cpp.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Semaphore : public OverWorkers {
protected:
    /// Acquires and counts itself; the permit is not given back.
    Coro<void> take(heddle::Semaphore& semaphore) {
        co_await semaphore.acquire();
        ++passed;
    }

    std::atomic<int> passed{0};
};
HEDDLE_OVER_WORKERS(Semaphore);

TEST_P(Semaphore, SEM_01_initial_values) {
    const heddle::Semaphore one;
    EXPECT_EQ(one.value(), 1);
    EXPECT_FALSE(one.locked());
    const heddle::Semaphore none(0);
    EXPECT_EQ(none.value(), 0);
    EXPECT_TRUE(none.locked());
}

TEST_P(Semaphore, SEM_02_a_negative_initial_value_is_an_error) {
    for (const std::ptrdiff_t value : {std::ptrdiff_t{-1}, std::ptrdiff_t{-1000}}) {
        std::string what;
        try {
            const heddle::Semaphore semaphore(value);
        } catch (const std::invalid_argument& error) {
            what = error.what();
        }
        EXPECT_EQ(what, "Semaphore initial value must be >= 0");
    }
}

TEST_P(Semaphore, SEM_03_SEM_04_free_permits_are_taken_at_once_and_come_back) {
    heddle::Semaphore semaphore(2);
    auto raise = [](bool& flag) -> Coro<void> {
        flag = true;
        co_return;
    };
    run([&]() -> Coro<void> {
        bool ran = false;
        const Task<void> bystander = create_task(raise(ran));
        co_await semaphore.acquire();
        EXPECT_EQ(semaphore.value(), 1);
        EXPECT_FALSE(semaphore.locked());
        co_await semaphore.acquire();
        if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
            EXPECT_FALSE(ran) << "acquire() suspended";
        }
        EXPECT_EQ(semaphore.value(), 0);
        EXPECT_TRUE(semaphore.locked());
        semaphore.release();
        EXPECT_EQ(semaphore.value(), 1);
        EXPECT_FALSE(semaphore.locked());
        semaphore.release();
        EXPECT_EQ(semaphore.value(), 2);
        co_await bystander;
    });
}

TEST_P(Semaphore, SEM_05_releases_beyond_the_initial_value_are_kept) {
    heddle::Semaphore semaphore(1);
    run([&]() -> Coro<void> {
        semaphore.release();
        semaphore.release(3);
        EXPECT_EQ(semaphore.value(), 5);
        for (int i = 0; i < 5; ++i) {
            co_await semaphore.acquire();
        }
        EXPECT_TRUE(semaphore.locked());
        EXPECT_FALSE(semaphore.try_acquire());
    });
}

TEST_P(Semaphore, SEM_06_SEM_07_permits_go_to_those_who_parked_first) {
    heddle::Semaphore semaphore(3);
    run([&]() -> Coro<void> {
        co_await semaphore.acquire();
        co_await semaphore.acquire();
        const Task<void> t1 = create_task(take(semaphore));
        co_await t1;
        const Task<void> t2 = create_task(take(semaphore));
        co_await until_parked(t2);
        const Task<void> t3 = create_task(take(semaphore));
        co_await until_parked(t3);
        EXPECT_EQ(passed, 1);
        EXPECT_EQ(semaphore.value(), 0);
        EXPECT_TRUE(semaphore.locked());

        semaphore.release();
        EXPECT_EQ(semaphore.value(), 0);
        const Task<void> t4 = create_task(take(semaphore));
        semaphore.release();
        EXPECT_EQ(semaphore.value(), 0);
        co_await settle(t2, t3);
        co_await until_parked(t4);
        EXPECT_EQ(passed, 3);
        EXPECT_EQ(waiters(semaphore), 1U);
        EXPECT_TRUE(semaphore.locked());
        semaphore.release();
        co_await t4;
        EXPECT_EQ(passed, 4);
        EXPECT_EQ(semaphore.value(), 0);
    });
}

TEST_P(Semaphore, SEM_13_a_releaser_goes_behind_those_who_wait) {
    heddle::Semaphore semaphore(1);
    std::vector<int> log;
    std::array<Task<void>, 3> tasks;
    auto twice = [&](int id) -> Coro<void> {
        // Holds the permit until the next in line is parked, so that the arrivals are as written.
        auto others_wait = [&] {
            return std::ranges::count_if(tasks, [](const auto& task) { return detail::is_parked(task); }) ==
                   2;
        };
        for (int i = 0; i < 2; ++i) {
            co_await semaphore.acquire();
            log.push_back(id);
            if (log.size() <= 4) {
                co_await until(others_wait);
            }
            semaphore.release();
        }
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            log.clear();
            co_await semaphore.acquire();
            for (std::size_t i = 0; i < 3; ++i) {
                tasks[i] = create_task(twice(static_cast<int>(i) + 1));
                co_await until_parked(tasks[i]);
            }
            semaphore.release();
            co_await settle(tasks[0], tasks[1], tasks[2]);
            EXPECT_EQ(log, (std::vector<int>{1, 2, 3, 1, 2, 3}));
            EXPECT_EQ(semaphore.value(), 1);
        }
    });
    tasks = {};
}

TEST_P(Semaphore, SEM_14_a_granted_waiter_that_comes_back_is_behind_the_next) {
    heddle::Semaphore semaphore(1);
    std::vector<int> log;
    auto second = [&]() -> Coro<void> {
        co_await semaphore.acquire();
        semaphore.release();
        co_await semaphore.acquire();
        log.push_back(2);
        semaphore.release();
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            log.clear();
            co_await semaphore.acquire();
            const Task<void> t2 = create_task(second());
            co_await until_parked(t2);
            const Task<void> t3 = create_task(note(semaphore, log, 3));
            co_await until_parked(t3);
            semaphore.release();
            co_await settle(t2, t3);
            EXPECT_EQ(log, (std::vector<int>{3, 2}));
            EXPECT_EQ(semaphore.value(), 1);
        }
    });
}

TEST_P(Semaphore, SEM_16_released_permits_reach_all_who_queue) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            heddle::Semaphore semaphore(0);
            passed = 0;
            const Task<void> t1 = create_task(take(semaphore));
            co_await until_parked(t1);
            semaphore.release();
            semaphore.release();
            semaphore.release();
            const Task<void> t3 = create_task(take(semaphore));
            co_await take(semaphore);
            co_await settle(t1, t3);
            EXPECT_EQ(passed, 3);
            EXPECT_EQ(semaphore.value(), 0);
            EXPECT_EQ(waiters(semaphore), 0U);
        }
    });
}

TEST_P(Semaphore, SEM_17_nobody_overtakes_a_waiter) {
    heddle::Semaphore semaphore(0);
    std::atomic<bool> stop{false};
    std::atomic<int> snatched{0};
    auto snatch = [&]() -> Coro<void> {
        while (!stop) {
            if (semaphore.try_acquire()) {
                ++snatched;
            }
            co_await yield();
        }
    };
    run([&]() -> Coro<void> {
        const Task<void> thief = create_task(snatch());
        for (int round = 0; round < 300; ++round) {
            const Task<void> w = create_task(take(semaphore));
            co_await until_parked(w);
            EXPECT_TRUE(semaphore.locked());
            semaphore.release();
            EXPECT_TRUE(semaphore.locked()) << "the permit is on its way to the waiter";
            co_await w;
        }
        stop = true;
        co_await thief;
        EXPECT_EQ(snatched, 0);
        EXPECT_EQ(passed, 300);
        EXPECT_EQ(semaphore.value(), 0);
    });
}

TEST_P(Semaphore, SEM_20_the_guard_returns_its_permit_once) {
    heddle::Semaphore semaphore(2);
    heddle::Event never;
    std::atomic<int> grants{0};
    auto fail = [&]() -> Coro<void> {
        const auto held = co_await semaphore.scoped();
        EXPECT_EQ(semaphore.value(), 1);
        throw std::runtime_error("out of the body");
    };
    run([&]() -> Coro<void> {
        {
            const auto held = co_await semaphore.scoped();
            EXPECT_EQ(semaphore.value(), 1);
        }
        EXPECT_EQ(semaphore.value(), 2);
        bool failed = false;
        try {
            co_await fail();
        } catch (const std::runtime_error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        EXPECT_EQ(semaphore.value(), 2);
        const Task<void> w = create_task(hold(semaphore, grants, never));
        co_await until_parked(w);
        EXPECT_EQ(semaphore.value(), 1);
        w.cancel();
        co_await settle(w);
        EXPECT_TRUE(w.cancelled());
        EXPECT_EQ(semaphore.value(), 2);
    });
}

TEST_P(Semaphore, SEM_21_an_acquire_that_times_out_takes_nothing) {
    heddle::Semaphore semaphore(0);
    run([&]() -> Coro<void> {
        bool timed_out = false;
        try {
            co_await wait_for(semaphore.acquire(), 5ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(waiters(semaphore), 0U);
        semaphore.release();
        EXPECT_EQ(semaphore.value(), 1);
        co_await wait_for(semaphore.acquire(), 60s);
        EXPECT_EQ(semaphore.value(), 0);
    });
}

}  // namespace
}  // namespace heddle::test
