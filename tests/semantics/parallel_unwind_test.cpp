#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
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
#include <memory>
#include <utility>
#include <vector>

// Frames that hold or wait for a Lock, a semaphore or an Event, when they come to their end.

namespace heddle::test {
namespace {

class ParallelUnwind : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelUnwind);

TEST_P(ParallelUnwind, PAR_42_the_frame_of_a_cancelled_wait_dies_at_once) {
    // Each wait is a frame of its own, gone when its CancelledError is caught; the primitives live on and are
    // used at that moment.
    Lock lock;
    Event event;
    Semaphore semaphore(0);
    EXPECT_TRUE(lock.try_acquire());
    auto wait = [&](unsigned which) -> Coro<void> {
        ProbeCounts counts;
        const Probe probe(counts);
        switch (which % 3) {
            case 0:
                co_await lock.acquire();
                break;
            case 1:
                co_await semaphore.acquire();
                break;
            default:
                co_await event.wait();
        }
    };
    std::atomic<int> granted{0};
    auto outer = [&](unsigned which) -> Coro<void> {
        try {
            co_await wait(which);
            ++granted;
        } catch (const CancelledError&) {
            static_cast<void>(0);
        }
        co_await yield();
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            const unsigned which = rounds.number();
            granted = 0;
            event.clear();
            const Task<void> task = create_task(outer(which));
            co_await until_parked(task);
            auto cancel = [&] { task.cancel(); };
            auto grant = [&] {
                switch (which % 3) {
                    case 0:
                        lock.release();
                        break;
                    case 1:
                        semaphore.release();
                        break;
                    default:
                        event.set();
                }
            };
            co_await racers.at_once(cancel, grant);
            co_await settle(task);
            EXPECT_EQ(waiters(lock) + waiters(semaphore) + waiters(event), 0U);
            if (which % 3 == 0) {
                EXPECT_EQ(lock.try_acquire(), granted == 0);
            } else if (which % 3 == 1) {
                EXPECT_EQ(semaphore.try_acquire(), granted == 0);
            }
        }
    });
}

TEST_P(ParallelUnwind, PAR_45_shutdown_unwinds_who_waits) {
    Lock lock;
    Event event;
    Semaphore semaphore(0);
    ProbeCounts counts;
    EXPECT_TRUE(lock.try_acquire());
    auto wait = [&](auto& primitive) -> Coro<void> {
        const Probe probe(counts);
        co_await primitive.acquire();
    };
    auto look = [&]() -> Coro<void> {
        const Probe probe(counts);
        co_await event.wait();
    };
    run([&]() -> Coro<void> {
        const Task<void> a = create_task(wait(lock));
        const Task<void> b = create_task(wait(semaphore));
        const Task<void> c = create_task(look());
        co_await until_parked(a, b, c);
        EXPECT_EQ(counts.alive, 3);
    });
    EXPECT_EQ(counts.alive, 0);
    EXPECT_EQ(waiters(lock) + waiters(semaphore) + waiters(event), 0U);
    lock.release();
    EXPECT_FALSE(lock.locked());
}

TEST_P(ParallelUnwind, PAR_47_a_destructor_may_release_set_and_cancel) {
    struct Waker {
        Lock* lock;
        Event* event;
        Task<void> other;
        Waker(Lock& l, Event& e, Task<void> t) : lock(&l), event(&e), other(std::move(t)) {}
        Waker(Waker&& from) noexcept
            : lock(std::exchange(from.lock, nullptr)), event(from.event), other(std::move(from.other)) {}
        Waker& operator=(Waker&&) = delete;
        Waker(const Waker&) = delete;
        Waker& operator=(const Waker&) = delete;
        ~Waker() {
            if (lock != nullptr) {
                lock->release();
                event->set();
                other.cancel();
            }
        }
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 60; ++round) {
            Lock lock;
            Event event;
            Event never;
            auto wait_lock = [&]() -> Coro<void> { co_await lock.acquire(); };
            auto wait_event = [&]() -> Coro<void> { co_await event.wait(); };
            auto wait_never = [&]() -> Coro<void> { co_await never.wait(); };
            auto keep = [](Waker waker) -> Coro<Waker> {
                co_await yield();
                co_return std::move(waker);
            };
            EXPECT_TRUE(lock.try_acquire());
            const Task<void> a = create_task(wait_lock());
            const Task<void> b = create_task(wait_event());
            const Task<void> c = create_task(wait_never());
            co_await until_parked(a, b, c);
            Waker waker(lock, event, c);
            Task<Waker> keeper = create_task(keep(std::move(waker)));
            if (round % 2 == 0) {
                auto ended = [&] { return keeper.done(); };
                co_await until(ended);
            }
            // The result dies with the last handle, here or where the task ends.
            keeper = Task<Waker>();
            co_await settle(a, b, c);
            EXPECT_TRUE(c.cancelled());
        }
    });
}

TEST_P(ParallelUnwind, PAR_48_the_last_user_takes_the_lock_with_it) {
    struct Shared {
        Lock lock;
        Event event;
        Semaphore semaphore{2};
        int users = 0;  // guarded by the lock
    };
    auto use = [](std::shared_ptr<Shared> given) -> Coro<void> {
        const auto shared = std::move(given);
        co_await shared->event.wait();
        const auto permit = co_await shared->semaphore.scoped();
        const auto held = co_await shared->lock.scoped();
        ++shared->users;
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            auto shared = std::make_shared<Shared>();
            const std::weak_ptr<Shared> watch = shared;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 6; ++i) {
                tasks.push_back(create_task(use(shared)));
            }
            shared->event.set();
            shared.reset();
            co_await settle_all(tasks);
            EXPECT_TRUE(watch.expired());
        }
    });
}

}  // namespace
}  // namespace heddle::test
