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
#include <thread>
#include <utility>

// No wake-up is lost between a waiter that goes to sleep and whoever wakes it.

namespace heddle::test {
namespace {

class ParallelWakeup : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelWakeup);

/// A task and a plain thread pass one permit back and forth with no other traffic: `give` against `take`,
/// with the queue empty when they meet.
template <class Primitive>
Coro<void> acquire_against_release() {
    Racers racers(2);
    Primitive primitive(1);
    co_await primitive.acquire();
    auto take = [&]() -> Coro<void> { co_await primitive.acquire(); };
    for (Rounds rounds; rounds.next();) {
        Task<void> taker;
        auto release = [&] { primitive.release(); };
        auto nothing = [] {};
        if (rounds.number() % 2 == 0) {
            taker = create_task(take());
        }
        co_await racers.at_once(release, nothing);
        if (!taker) {
            taker = create_task(take());
        }
        co_await taker;
        EXPECT_FALSE(primitive.try_acquire());
        EXPECT_EQ(waiters(primitive), 0U);
    }
}

struct OnePermitLock : heddle::Lock {
    explicit OnePermitLock(int permits) { EXPECT_EQ(permits, 1); }
};

TEST_P(ParallelWakeup, PAR_16_acquire_enqueues_while_release_looks_lock) {
    run(acquire_against_release<OnePermitLock>());
}
TEST_P(ParallelWakeup, PAR_16_acquire_enqueues_while_release_looks_semaphore) {
    run(acquire_against_release<Semaphore>());
}
TEST_P(ParallelWakeup, PAR_16_acquire_enqueues_while_release_looks_bounded) {
    run(acquire_against_release<BoundedSemaphore>());
}

/// The same between plain threads, in the blocking form.
TEST_P(ParallelWakeup, PAR_16_acquire_blocking_enqueues_while_release_looks) {
    Lock lock;
    std::atomic<unsigned> round{0};
    std::atomic<bool> stop{false};
    std::atomic<unsigned> taken{0};
    lock.acquire_blocking();
    std::thread releaser([&] {
        Jitter jitter(7);
        for (unsigned seen = 0;;) {
            until_blocking([&] { return round != seen || stop; });
            if (stop) {
                return;
            }
            seen = round;
            jitter();
            lock.release();
        }
    });
    Jitter jitter(11);
    for (Rounds rounds; rounds.next();) {
        ++round;
        jitter();
        lock.acquire_blocking();
        ++taken;
        EXPECT_EQ(taken, rounds.number());
        EXPECT_TRUE(lock.locked());
    }
    stop = true;
    releaser.join();
}

TEST_P(ParallelWakeup, PAR_17_wait_parks_while_set_looks) {
    run([&]() -> Coro<void> {
        Racers racers(2);
        Event event;
        auto wait = [&](std::atomic<bool>& about_to) -> Coro<bool> {
            bool result = false;
            about_to = true;
            result = co_await event.wait();
            co_return result;
        };
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> about_to{false};
            event.clear();
            const Task<bool> waiter = create_task(wait(about_to));
            auto is_about_to = [&] { return about_to.load(); };
            co_await until(is_about_to);
            auto set = [&] { event.set(); };
            auto nothing = [] {};
            co_await racers.at_once(set, nothing);
            const bool result = co_await waiter;
            EXPECT_TRUE(result);
        }
    });
}

TEST_P(ParallelWakeup, PAR_17_set_is_the_last_thing_that_happens) {
    // All workers sleep; the thread that sets the event does nothing else, before or after.
    for (Rounds rounds; rounds.next();) {
        Event event;
        Runtime runtime(options());
        auto wait = [&]() -> Coro<bool> { co_return co_await event.wait(); };
        const Task<bool> waiter = runtime.spawn(wait());
        if (rounds.number() % 2 == 0) {
            until_parked_blocking(waiter);
        }
        std::thread setter([&] { event.set(); });
        waiter.wait_blocking();
        EXPECT_TRUE(waiter.result());
        setter.join();
    }
}

TEST_P(ParallelWakeup, PAR_17_wait_blocking_parks_while_set_looks) {
    Event event;
    std::atomic<unsigned> round{0};
    std::atomic<bool> stop{false};
    std::thread setter([&] {
        Jitter jitter(3);
        for (unsigned seen = 0;;) {
            until_blocking([&] { return round != seen || stop; });
            if (stop) {
                return;
            }
            seen = round;
            jitter();
            event.set();
        }
    });
    Jitter jitter(5);
    for (Rounds rounds; rounds.next();) {
        ++round;
        jitter();
        event.wait_blocking();
        EXPECT_TRUE(event.is_set());
        event.clear();
    }
    stop = true;
    setter.join();
}

TEST_P(ParallelWakeup, PAR_23_an_idle_runtime_hears_of_a_release) {
    // Idle and awake in turn, with nothing else going on: the waker is a plain thread, this one.
    Runtime runtime(options());
    Semaphore ping(0);
    Semaphore pong(0);
    constexpr int turns = 300;
    auto answer = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            co_await ping.acquire();
            pong.release();
        }
    };
    const Task<void> task = runtime.spawn(answer());
    for (int i = 0; i < turns; ++i) {
        if (i % 3 == 0) {
            until_parked_blocking(task);
        }
        ping.release();
        pong.acquire_blocking();
    }
    task.wait_blocking();
    EXPECT_EQ(ping.value(), 0);
    EXPECT_EQ(pong.value(), 0);
}

}  // namespace
}  // namespace heddle::test
