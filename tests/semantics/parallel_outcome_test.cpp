#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <vector>

// A wait for a Lock, a semaphore or an Event has exactly one outcome, whoever ends it at the same moment.

namespace heddle::test {
namespace {

class ParallelOutcome : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelOutcome);

/// One permit that is held goes to the first of two waiters, or past it if it is cancelled at that moment.
template <class Primitive>
Coro<void> release_against_cancel() {
    Racers racers(2);
    Primitive primitive(1);
    for (Rounds rounds; rounds.next();) {
        std::atomic<int> grants{0};
        std::vector<int> log;
        co_await primitive.acquire();
        const Task<LateCancel> head = create_task(take_and_yield(primitive, grants));
        co_await until_parked(head);
        const Task<void> next = create_task(note(primitive, log, 2));
        co_await until_parked(next);
        bool accepted = false;
        auto release = [&] { primitive.release(); };
        auto cancel = [&] { accepted = head.cancel(); };
        co_await racers.at_once(release, cancel);
        co_await settle(head, next);
        expect_late_cancel(head, accepted, grants == 1, false);
        EXPECT_FALSE(next.cancelled());
        EXPECT_EQ(log, std::vector<int>{2});
        EXPECT_EQ(waiters(primitive), 0U);
        EXPECT_TRUE(primitive.try_acquire());
        EXPECT_FALSE(primitive.try_acquire());
        primitive.release();
    }
}

struct OnePermitLock : heddle::Lock {
    explicit OnePermitLock(int permits) { EXPECT_EQ(permits, 1); }
};

TEST_P(ParallelOutcome, PAR_01_release_against_cancel_of_the_head_lock) {
    run(release_against_cancel<OnePermitLock>());
}
TEST_P(ParallelOutcome, PAR_02_release_against_cancel_of_the_head_semaphore) {
    run(release_against_cancel<Semaphore>());
}
TEST_P(ParallelOutcome, PAR_03_release_against_cancel_of_the_head_bounded) {
    run(release_against_cancel<BoundedSemaphore>());
}

/// Many tasks that come and go, while others cancel them: never more than `k` inside, `k` free at the end.
template <class Primitive>
Coro<void> many_under_cancellation(std::ptrdiff_t k) {
    constexpr std::size_t tasks_at_once = 24;
    Primitive semaphore(k);
    std::atomic<std::ptrdiff_t> inside{0};
    std::atomic<bool> stop{false};
    auto work = [&](std::uint32_t seed) -> Coro<void> {
        Jitter jitter(seed);
        while (!stop) {
            const auto held = co_await semaphore.scoped();
            EXPECT_LE(++inside, k);
            jitter();
            const bool suspend = jitter.random() % 2 == 0;
            if (suspend) {
                // A cancellation must not leave this task counted as inside.
                try {
                    co_await yield();
                } catch (const CancelledError&) {
                    --inside;
                    throw;
                }
            }
            --inside;
        }
    };
    std::vector<Task<void>> tasks;
    std::vector<Task<void>> victims;  // they use what is above, until they have ended
    Jitter jitter(99);
    for (Rounds rounds; rounds.next();) {
        while (tasks.size() < tasks_at_once) {
            tasks.push_back(create_task(work(jitter.random())));
        }
        co_await yield();
        for (int i = 0; i < 4; ++i) {
            const std::size_t victim = jitter.random() % tasks.size();
            tasks[victim].cancel();
            victims.push_back(std::exchange(tasks[victim], create_task(work(jitter.random()))));
        }
        EXPECT_LE(semaphore.value(), k);
    }
    stop = true;
    auto nobody_left = [&] { return inside == 0 && semaphore.value() == k && waiters(semaphore) == 0; };
    co_await until(nobody_left);
    co_await settle_all(tasks);
    co_await settle_all(victims);
    for (std::ptrdiff_t i = 0; i < k; ++i) {
        EXPECT_TRUE(semaphore.try_acquire());
    }
    EXPECT_FALSE(semaphore.try_acquire());
    semaphore.release(k);
}

TEST_P(ParallelOutcome, PAR_02_many_waiters_and_cancellers_semaphore) {
    run(many_under_cancellation<Semaphore>(1));
    run(many_under_cancellation<Semaphore>(3));
}
TEST_P(ParallelOutcome, PAR_03_many_waiters_and_cancellers_bounded) {
    run(many_under_cancellation<BoundedSemaphore>(1));
    run(many_under_cancellation<BoundedSemaphore>(3));
}

TEST_P(ParallelOutcome, PAR_03_of_surplus_releases_at_once_exactly_the_surplus_fails) {
    constexpr std::ptrdiff_t bound = 2;
    BoundedSemaphore semaphore(bound);
    run([&]() -> Coro<void> {
        Racers racers(3);
        for (Rounds rounds; rounds.next();) {
            std::atomic<int> refused{0};
            co_await semaphore.acquire();
            auto release = [&] {
                try {
                    semaphore.release();
                } catch (const std::invalid_argument&) {
                    ++refused;
                }
            };
            co_await racers.at_once(release, release, release);
            EXPECT_EQ(refused, 2);
            EXPECT_EQ(semaphore.value(), bound);
        }
    });
}

TEST_P(ParallelOutcome, PAR_03_releases_and_an_acquire_at_once_conserve_permits) {
    BoundedSemaphore semaphore(1);
    run([&]() -> Coro<void> {
        Racers racers(3);
        for (Rounds rounds; rounds.next();) {
            std::atomic<int> refused{0};
            std::atomic<int> taken{1};
            co_await semaphore.acquire();
            auto release = [&] {
                try {
                    semaphore.release();
                } catch (const std::invalid_argument&) {
                    ++refused;
                }
            };
            auto take = [&] { taken += semaphore.try_acquire() ? 1 : 0; };
            co_await racers.at_once(release, release, take);
            const int given = 2 - refused;
            EXPECT_EQ(semaphore.value(), 1 - (taken - given));
            if (taken == 1) {
                EXPECT_EQ(refused, 1);
            }
            semaphore.release(1 - semaphore.value());
        }
    });
}

TEST_P(ParallelOutcome, PAR_07_set_against_cancel_of_one_waiter) {
    Event event;
    auto wait = [&]() -> Coro<bool> {
        const bool result = co_await event.wait();
        co_await yield();
        co_return result;
    };
    run([&]() -> Coro<void> {
        constexpr std::size_t n = 5;
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::vector<Task<bool>> tasks;
            event.clear();
            for (std::size_t i = 0; i < n; ++i) {
                tasks.push_back(create_task(wait()));
            }
            for (const Task<bool>& task : tasks) {
                co_await until_parked(task);
            }
            const std::size_t victim = rounds.number() % n;
            auto set = [&] { event.set(); };
            auto cancel = [&] { tasks[victim].cancel(); };
            co_await racers.at_once(set, cancel);
            co_await settle_all(tasks);
            for (std::size_t i = 0; i < n; ++i) {
                EXPECT_TRUE(i == victim || !tasks[i].cancelled());
                EXPECT_TRUE(tasks[i].cancelled() || tasks[i].result());
            }
            EXPECT_EQ(waiters(event), 0U);
            EXPECT_TRUE(event.is_set());
        }
    });
}

/// Cancels a task just when it suspends: not before, as it says that it will, and perhaps already after.
template <class Wait>
Coro<void> cancel_while_it_parks(Wait wait) {
    std::atomic<int> about_to{0};
    std::atomic<int> cancelled{0};
    auto victim = [&]() -> Coro<void> {
        bool seen = false;
        about_to = 1;
        try {
            co_await wait();
        } catch (const CancelledError&) {
            seen = true;
            ++cancelled;
        }
        // Once and not again: nothing is left to be delivered here.
        co_await yield();
        EXPECT_TRUE(seen);
    };
    Racers racers(2);
    int round = 0;
    for (Rounds rounds; rounds.next();) {
        about_to = 0;
        const Task<void> task = create_task(victim());
        Jitter jitter(rounds.number());
        auto cancel = [&] {
            until_blocking([&] { return about_to == 1; });
            jitter();
            EXPECT_TRUE(task.cancel());
        };
        auto nothing = [] {};
        if (rounds.number() % 2 == 1) {
            // In a task of its own: starts when the victim has.
            auto started = [&] { return about_to == 1; };
            co_await until(started);
        }
        co_await racers.at_once(cancel, nothing);
        co_await task;
        ++round;
        EXPECT_EQ(cancelled, round);
        EXPECT_EQ(task.cancelling(), 1);
    }
}

TEST_P(ParallelOutcome, PAR_25_cancel_while_it_parks_lock) {
    Lock lock;
    EXPECT_TRUE(lock.try_acquire());
    auto wait = [&] { return lock.acquire(); };
    run(cancel_while_it_parks(wait));
    EXPECT_EQ(waiters(lock), 0U);
    lock.release();
    EXPECT_FALSE(lock.locked());
}
TEST_P(ParallelOutcome, PAR_25_cancel_while_it_parks_semaphore) {
    Semaphore semaphore(0);
    auto wait = [&] { return semaphore.acquire(); };
    run(cancel_while_it_parks(wait));
    EXPECT_EQ(waiters(semaphore), 0U);
    EXPECT_EQ(semaphore.value(), 0);
}
TEST_P(ParallelOutcome, PAR_25_cancel_while_it_parks_event) {
    Event event;
    auto wait = [&] { return event.wait(); };
    run(cancel_while_it_parks(wait));
    EXPECT_EQ(waiters(event), 0U);
}

TEST_P(ParallelOutcome, PAR_100_cancel_of_the_awaiter_of_a_task_being_granted) {
    Lock lock;
    std::atomic<int> grants{0};
    auto outer = [&](Task<LateCancel> inner) -> Coro<LateCancel> {
        const LateCancel how = co_await std::move(inner);
        co_return how;
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            grants = 0;
            co_await lock.acquire();
            const Task<LateCancel> b = create_task(take_and_yield(lock, grants));
            co_await until_parked(b);
            const Task<LateCancel> a = create_task(outer(b));
            co_await until_parked(a);
            bool accepted = false;
            auto release = [&] { lock.release(); };
            auto cancel = [&] { accepted = a.cancel(); };
            co_await racers.at_once(release, cancel);
            co_await settle(a, b);
            EXPECT_TRUE(accepted || grants == 1);
            // The request went on to B, unless B had ended: then it stays with A.
            const LateCancel how = b.cancelled() ? LateCancel::after : b.result();
            EXPECT_EQ(grants == 1, how != LateCancel::at_wait);
            if (how != LateCancel::none && !b.cancelled()) {
                EXPECT_TRUE(a.cancelled() || a.result() == how);
            }
            EXPECT_EQ(waiters(lock), 0U);
            EXPECT_TRUE(lock.try_acquire());
            lock.release();
        }
    });
}

}  // namespace
}  // namespace heddle::test
