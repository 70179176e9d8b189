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
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

// A wait for a Lock, a semaphore or an Event that is granted at the moment when its time is up.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class ParallelTimer : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelTimer);

enum class End : char { granted, timed_out, cancelled };

struct Outcome {
    std::atomic<bool> started{false};
    std::atomic<int> resumed{0};
    std::atomic<End> end{End::granted};
};

/// Waits until `when`; counts how often it went on, which must be once.
template <class Wait>
Coro<void> wait_until(Wait wait, Clock::time_point when, Outcome& outcome) {
    End end = End::granted;
    auto body = [&](Timeout&) -> Coro<void> { co_await wait(); };
    outcome.started = true;
    try {
        co_await timeout_at(when, body);
    } catch (const TimeoutError&) {
        end = End::timed_out;
    } catch (const CancelledError&) {
        end = End::cancelled;
    }
    outcome.end = end;
    ++outcome.resumed;
}

/// Rounds of: a task waits with a deadline, `grant` is called about then, perhaps while somebody cancels.
/// `check` looks whether what was waited for is accounted for.
template <class Wait, class Grant, class Check>
Coro<void> grant_at_the_deadline(Wait wait, Grant grant, bool also_cancel, Check check) {
    Racers racers(2);
    for (Rounds rounds; rounds.next();) {
        Outcome outcome;
        const auto when = Clock::now() + std::chrono::microseconds(20 * (rounds.number() % 20));
        const Task<void> task = create_task(wait_until(wait, when, outcome));
        auto started = [&] { return outcome.started.load(); };
        co_await until(started);
        auto give = [&] {
            until_blocking([&] { return Clock::now() >= when; });
            grant();
        };
        auto cancel = [&] {
            until_blocking([&] { return Clock::now() >= when; });
            if (also_cancel) {
                task.cancel();
            }
        };
        co_await racers.at_once(give, cancel);
        co_await settle(task);
        EXPECT_EQ(outcome.resumed, 1);
        EXPECT_TRUE(also_cancel || outcome.end != End::cancelled);
        check(outcome.end);
    }
}

Coro<void> lock_rounds(bool also_cancel) {
    Lock lock;
    auto wait = [&] { return lock.acquire(); };
    auto grant = [&] { lock.release(); };
    auto check = [&](End end) {
        EXPECT_EQ(waiters(lock), 0U);
        EXPECT_EQ(lock.try_acquire(), end != End::granted) << "the next round begins with the lock held";
    };
    co_await lock.acquire();
    co_await grant_at_the_deadline(wait, grant, also_cancel, check);
}

template <class Primitive>
Coro<void> semaphore_rounds(bool also_cancel) {
    Primitive semaphore(1);
    auto wait = [&] { return semaphore.acquire(); };
    auto grant = [&] { semaphore.release(); };
    auto check = [&](End end) {
        EXPECT_EQ(waiters(semaphore), 0U);
        EXPECT_EQ(semaphore.value(), end == End::granted ? 0 : 1);
        EXPECT_EQ(semaphore.try_acquire(), end != End::granted);
    };
    co_await semaphore.acquire();
    co_await grant_at_the_deadline(wait, grant, also_cancel, check);
}

Coro<void> event_rounds(bool also_cancel) {
    Event event;
    auto wait = [&] { return event.wait(); };
    auto grant = [&] { event.set(); };
    auto check = [&](End) {
        EXPECT_TRUE(event.is_set());
        EXPECT_EQ(waiters(event), 0U);
        event.clear();
    };
    co_await grant_at_the_deadline(wait, grant, also_cancel, check);
}

TEST_P(ParallelTimer, PAR_09_timeout_against_grant_lock) { run(lock_rounds(false)); }
TEST_P(ParallelTimer, PAR_09_timeout_against_grant_semaphore) { run(semaphore_rounds<Semaphore>(false)); }
TEST_P(ParallelTimer, PAR_09_timeout_against_grant_bounded) {
    run(semaphore_rounds<BoundedSemaphore>(false));
}
TEST_P(ParallelTimer, PAR_09_timeout_against_grant_event) { run(event_rounds(false)); }

TEST_P(ParallelTimer, PAR_15_granted_cancelled_and_timed_out_at_once_lock) { run(lock_rounds(true)); }
TEST_P(ParallelTimer, PAR_15_granted_cancelled_and_timed_out_at_once_semaphore) {
    run(semaphore_rounds<Semaphore>(true));
}
TEST_P(ParallelTimer, PAR_15_granted_cancelled_and_timed_out_at_once_event) { run(event_rounds(true)); }

TEST_P(ParallelTimer, PAR_41_the_frame_of_a_timed_wait_dies_while_its_timer_fires) {
    // The scope, the waiter and the lock are all in frames that are gone when the timer looks.
    auto short_life = [](Clock::time_point when, Lock*& published, std::atomic<bool>& ready) -> Coro<bool> {
        Lock lock;
        bool granted = true;
        EXPECT_TRUE(lock.try_acquire());
        published = &lock;
        auto body = [&](Timeout&) -> Coro<void> {
            ready = true;
            co_await lock.acquire();
        };
        try {
            co_await timeout_at(when, body);
        } catch (const TimeoutError&) {
            granted = false;
        }
        // The other side may still be in release(), which gave nothing to us: let it say that it is done.
        auto it_is_done = [&] { return !ready; };
        co_await until(it_is_done);
        co_return granted;
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Lock* lock = nullptr;
            std::atomic<bool> ready{false};
            const auto when = Clock::now() + std::chrono::microseconds(20 * (rounds.number() % 20));
            const Task<bool> task = create_task(short_life(when, lock, ready));
            auto is_ready = [&] { return ready.load(); };
            co_await until(is_ready);
            auto release = [&] {
                until_blocking([&] { return Clock::now() >= when; });
                lock->release();
                ready = false;
            };
            auto nothing = [] {};
            co_await racers.at_once(release, nothing);
            co_await settle(task);
            EXPECT_FALSE(task.cancelled());
        }
    });
}

}  // namespace
}  // namespace heddle::test
