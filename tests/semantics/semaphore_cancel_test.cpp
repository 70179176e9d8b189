#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

// asyncio.Semaphore with waiters that are cancelled.

namespace heddle::test {
namespace {

class SemaphoreCancel : public OverWorkers {
protected:
    Coro<void> take(heddle::Semaphore& semaphore, std::atomic<int>& passed) {
        co_await semaphore.acquire();
        ++passed;
    }
    /// Takes a permit and keeps it; who got one is written in order.
    Coro<void> take_in_order(heddle::Semaphore& semaphore, int id) {
        co_await semaphore.acquire();
        order.push_back(id);
        entered.release();
    }
    /// Waits until one more of take_in_order() has been granted: with one permit at a time the order is that
    /// of the grants.
    Coro<void> one_more_in() { co_await entered.acquire(); }

    heddle::Semaphore entered{0};
    std::vector<int> order;
};
HEDDLE_OVER_WORKERS(SemaphoreCancel);

TEST_P(SemaphoreCancel, SEM_08_a_cancelled_waiter_leaves_nothing_behind) {
    heddle::Semaphore semaphore(0);
    std::atomic<int> passed{0};
    run([&]() -> Coro<void> {
        const Task<void> w = create_task(take(semaphore, passed));
        co_await until_parked(w);
        EXPECT_TRUE(w.cancel());
        co_await settle(w);
        EXPECT_TRUE(w.cancelled());
        EXPECT_EQ(waiters(semaphore), 0U);
        EXPECT_EQ(semaphore.value(), 0);
        EXPECT_EQ(passed, 0);
        semaphore.release();
        EXPECT_EQ(semaphore.value(), 1);
    });
}

TEST_P(SemaphoreCancel, SEM_09_a_release_reaches_the_first_live_waiter) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            heddle::Semaphore semaphore(0);
            std::vector<Task<void>> tasks;
            order.clear();
            for (int i = 1; i <= 4; ++i) {
                tasks.push_back(create_task(take_in_order(semaphore, i)));
                co_await until_parked(tasks.back());
            }
            tasks[0].cancel();
            tasks[1].cancel();
            semaphore.release();
            co_await settle(tasks[0], tasks[1], tasks[2]);
            co_await one_more_in();
            EXPECT_TRUE(tasks[0].cancelled() && tasks[1].cancelled());
            EXPECT_EQ(order, std::vector<int>{3});
            EXPECT_TRUE(detail::is_parked(tasks[3]));
            EXPECT_EQ(waiters(semaphore), 1U);
            semaphore.release();
            co_await settle(tasks[3]);
            co_await one_more_in();
            EXPECT_EQ(order, (std::vector<int>{3, 4}));
            EXPECT_EQ(semaphore.value(), 0);
        }
    });
}

TEST_P(SemaphoreCancel, SEM_10_the_second_passes_when_the_first_is_cancelled) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            heddle::Semaphore semaphore(0);
            std::atomic<int> passed{0};
            const Task<void> a = create_task(take(semaphore, passed));
            co_await until_parked(a);
            const Task<void> b = create_task(take(semaphore, passed));
            co_await until_parked(b);
            a.cancel();
            semaphore.release();
            co_await settle(a, b);
            EXPECT_TRUE(a.cancelled());
            EXPECT_FALSE(b.cancelled());
            EXPECT_EQ(passed, 1);
            EXPECT_TRUE(semaphore.locked());
            EXPECT_EQ(waiters(semaphore), 0U);
        }
    });
}

TEST_P(SemaphoreCancel, SEM_11_a_cancelled_winner_gives_its_permit_back) {
    heddle::Semaphore semaphore(1);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            std::atomic<int> grants{0};
            co_await semaphore.acquire();
            const Task<LateCancel> w = create_task(take_and_yield(semaphore, grants));
            co_await until_parked(w);
            semaphore.release();
            const bool accepted = w.cancel();
            co_await settle(w);
            expect_late_cancel(w, accepted, grants == 1, workers() == 1);
            EXPECT_EQ(semaphore.value(), 1);
            co_await semaphore.acquire();
            semaphore.release();
        }
    });
}

TEST_P(SemaphoreCancel, SEM_12_the_permit_of_a_cancelled_winner_goes_to_the_next) {
    heddle::Semaphore semaphore(1);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            std::atomic<int> grants{0};
            std::vector<int> log;
            co_await semaphore.acquire();
            const Task<LateCancel> w = create_task(take_and_yield(semaphore, grants));
            co_await until_parked(w);
            const Task<void> w2 = create_task(note(semaphore, log, 2));
            co_await until_parked(w2);
            semaphore.release();
            const bool accepted = w.cancel();
            co_await settle(w, w2);
            expect_late_cancel(w, accepted, grants == 1, workers() == 1);
            EXPECT_EQ(log, std::vector<int>{2});
            EXPECT_EQ(semaphore.value(), 1);
        }
    });
}

TEST_P(SemaphoreCancel, SEM_15_the_rest_is_served_in_order_after_a_cancellation) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            heddle::Semaphore semaphore(0);
            std::vector<Task<void>> tasks;
            order.clear();
            for (int i = 1; i <= 3; ++i) {
                tasks.push_back(create_task(take_in_order(semaphore, i)));
                co_await until_parked(tasks.back());
            }
            tasks[0].cancel();
            co_await settle(tasks[0]);
            semaphore.release();
            co_await one_more_in();
            semaphore.release();
            co_await one_more_in();
            co_await settle_all(tasks);
            EXPECT_EQ(order, (std::vector<int>{2, 3}));
        }
    });
}

TEST_P(SemaphoreCancel, SEM_18_a_cancellation_wakes_all_whom_permits_allow) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            const bool cancel_first = round % 2 == 0;
            heddle::Semaphore semaphore(0);
            std::atomic<int> first_passed{0};
            std::atomic<int> passed{0};
            const Task<void> first = create_task(take(semaphore, first_passed));
            co_await until_parked(first);
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 3; ++i) {
                tasks.push_back(create_task(take(semaphore, passed)));
                co_await until_parked(tasks.back());
            }
            if (cancel_first) {
                first.cancel();
                semaphore.release(3);
            } else {
                semaphore.release(3);
                first.cancel();
            }
            co_await settle(first);
            if (cancel_first || workers() == 1) {
                EXPECT_EQ(first_passed, 0);
            }
            // Three permits let three pass, without anything else happening.
            auto three_passed = [&] { return first_passed + passed == 3; };
            co_await until(three_passed);
            if (first_passed == 1) {
                EXPECT_EQ(waiters(semaphore), 1U);
                semaphore.release();
            }
            co_await settle_all(tasks);
            EXPECT_EQ(passed, 3);
            EXPECT_EQ(semaphore.value(), 0);
            EXPECT_EQ(waiters(semaphore), 0U);
        }
    });
}

TEST_P(SemaphoreCancel, SEM_19_cancelled_waiters_swallow_no_permit) {
    constexpr std::ptrdiff_t k = 20;
    run([&]() -> Coro<void> {
        for (int round = 0; round < 20; ++round) {
            heddle::Semaphore semaphore(0);
            std::atomic<int> passed{0};
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 10; ++i) {
                tasks.push_back(create_task(take(semaphore, passed)));
                co_await until_parked(tasks.back());
            }
            for (const Task<void>& task : tasks) {
                task.cancel();
            }
            if (round % 2 == 0) {
                co_await settle_all(tasks);
            }
            for (std::ptrdiff_t i = 0; i < k; ++i) {
                semaphore.release();
            }
            co_await settle_all(tasks);
            EXPECT_EQ(passed, 0);
            EXPECT_EQ(semaphore.value(), k);
        }
    });
}

TEST_P(SemaphoreCancel, SEM_22_permits_are_conserved) {
    constexpr std::ptrdiff_t initial = 2;
    heddle::Semaphore semaphore(initial);
    std::atomic<int> taken{0};
    std::atomic<int> given{0};
    auto give = [&] {
        ++given;
        semaphore.release();
    };
    // A task that is cancelled while it has a permit keeps it for good: taken and not given.
    auto work = [&](unsigned seed) -> Coro<void> {
        for (unsigned i = 0; i < 20; ++i) {
            co_await semaphore.acquire();
            ++taken;
            if ((seed + i) % 3 != 0) {
                co_await yield();
            }
            give();
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (unsigned i = 0; i < 40; ++i) {
            tasks.push_back(create_task(work(i)));
        }
        for (std::size_t i = 0; i < tasks.size(); i += 2) {
            co_await yield();
            tasks[i].cancel();
            give();
        }
        auto idle = [&] {
            return std::ranges::all_of(
                tasks, [](const Task<void>& task) { return task.done() || detail::is_parked(task); });
        };
        co_await until(idle);
        for (const Task<void>& task : tasks) {
            task.cancel();
        }
        co_await settle_all(tasks);
        EXPECT_EQ(waiters(semaphore), 0U);
        EXPECT_EQ(initial + given, semaphore.value() + taken);
        EXPECT_GT(taken, 100);
    });
}

}  // namespace
}  // namespace heddle::test
