#include "support/fixture.hpp"
#include "support/hold.hpp"
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
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

// A Lock, a semaphore or an Event may be destroyed as soon as one knows that its wait is over, though the
// call that ended it has not returned. What goes wrong here is seen by AddressSanitizer and ThreadSanitizer.

namespace heddle::test {
namespace {

class ParallelLifetime : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelLifetime);

struct OnePermitLock : heddle::Lock {
    explicit OnePermitLock(int permits) { EXPECT_EQ(permits, 1); }
};

template <class Primitive>
Coro<void> acquire_and_destroy(std::unique_ptr<Primitive> primitive) {
    auto mine = std::move(primitive);
    co_await mine->acquire();
    mine.reset();
}

/// The waiter destroys it while the release that granted it returns on another thread. In half of the rounds
/// it is still on its way into the queue.
template <class Primitive>
Coro<void> destroy_after_acquire() {
    Racers racers(2);
    for (Rounds rounds; rounds.next();) {
        auto owned = std::make_unique<Primitive>(1);
        Primitive* const primitive = owned.get();
        EXPECT_TRUE(primitive->try_acquire());
        const Task<void> waiter = create_task(acquire_and_destroy(std::move(owned)));
        if (rounds.number() % 4 < 2) {
            co_await until_parked(waiter);
        }
        auto release = [&] { primitive->release(); };
        auto nothing = [] {};
        co_await racers.at_once(release, nothing);
        co_await waiter;
    }
}

/// The same with a thread that waits in the blocking form.
template <class Primitive>
void destroy_after_acquire_blocking() {
    for (Rounds rounds; rounds.next();) {
        auto owned = std::make_unique<Primitive>(1);
        Primitive* const primitive = owned.get();
        EXPECT_TRUE(primitive->try_acquire());
        BlockingThread waiter([&] {
            owned->acquire_blocking();
            owned.reset();
        });
        if (rounds.number() % 2 == 0) {
            until_blocking([&] { return waiter.parked(); });
        }
        primitive->release();
    }
}

/// Of two waiters the first is cancelled while the release comes; when both have ended it is destroyed,
/// though the release has perhaps not returned.
template <class Primitive>
Coro<void> destroy_after_release_and_cancel() {
    Racers racers(2);
    for (Rounds rounds; rounds.next();) {
        auto primitive = std::make_unique<Primitive>(1);
        auto take = [&]() -> Coro<void> { const auto held = co_await primitive->scoped(); };
        EXPECT_TRUE(primitive->try_acquire());
        const Task<void> first = create_task(take());
        co_await until_parked(first);
        const Task<void> second = create_task(take());
        co_await until_parked(second);
        auto release = [raw = primitive.get()] { raw->release(); };
        auto cancel = [&] { first.cancel(); };
        const Task<void> race = create_task(racers.at_once(release, cancel));
        co_await settle(first, second);
        primitive.reset();
        co_await race;
    }
}

TEST_P(ParallelLifetime, PAR_36_the_acquirer_destroys_the_lock) {
    run(destroy_after_acquire<OnePermitLock>());
    destroy_after_acquire_blocking<OnePermitLock>();
}
TEST_P(ParallelLifetime, PAR_36_the_lock_dies_after_release_and_cancel) {
    run(destroy_after_release_and_cancel<OnePermitLock>());
}
TEST_P(ParallelLifetime, PAR_38_the_acquirer_destroys_the_semaphore) {
    run(destroy_after_acquire<Semaphore>());
    destroy_after_acquire_blocking<Semaphore>();
}
TEST_P(ParallelLifetime, PAR_38_the_semaphore_dies_after_release_and_cancel) {
    run(destroy_after_release_and_cancel<Semaphore>());
}
TEST_P(ParallelLifetime, PAR_38_the_acquirer_destroys_the_bounded_semaphore) {
    run(destroy_after_acquire<BoundedSemaphore>());
    destroy_after_acquire_blocking<BoundedSemaphore>();
}
TEST_P(ParallelLifetime, PAR_38_the_bounded_semaphore_dies_after_release_and_cancel) {
    run(destroy_after_release_and_cancel<BoundedSemaphore>());
}

TEST_P(ParallelLifetime, PAR_38_the_last_of_many_destroys_the_semaphore) {
    run([&]() -> Coro<void> {
        constexpr int n = 5;
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            auto semaphore = std::make_unique<Semaphore>(0);
            std::atomic<int> left{n};
            auto take = [&]() -> Coro<void> {
                co_await semaphore->acquire();
                if (--left == 0) {
                    semaphore.reset();
                }
            };
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(take()));
            }
            for (const Task<void>& task : tasks) {
                co_await until_parked(task);
            }
            auto release = [raw = semaphore.get()] { raw->release(n); };
            auto nothing = [] {};
            co_await racers.at_once(release, nothing);
            co_await settle_all(tasks);
            EXPECT_EQ(semaphore, nullptr);
        }
    });
}

TEST_P(ParallelLifetime, PAR_37_an_event_in_the_waiters_frame) {
    auto wait = [](std::atomic<Event*>& published) -> Coro<void> {
        Event mine;
        published = &mine;
        co_await mine.wait();
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::atomic<Event*> published{nullptr};
            const Task<void> waiter = create_task(wait(published));
            auto set = [&] {
                until_blocking([&] { return published != nullptr; });
                published.load()->set();
            };
            auto nothing = [] {};
            auto is_there = [&] { return published != nullptr; };
            co_await until(is_there);
            co_await racers.at_once(set, nothing);
            co_await waiter;
        }
    });
    for (Rounds rounds; rounds.next();) {
        std::atomic<Event*> published{nullptr};
        const BlockingThread waiter([&] {
            Event mine;
            published = &mine;
            mine.wait_blocking();
        });
        until_blocking([&] { return published != nullptr; });
        published.load()->set();
    }
}

TEST_P(ParallelLifetime, PAR_37_the_last_of_many_destroys_the_event) {
    run([&]() -> Coro<void> {
        constexpr int n = 8;
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            auto event = std::make_unique<Event>();
            std::atomic<int> left{n};
            auto wait = [&]() -> Coro<void> {
                try {
                    co_await event->wait();
                } catch (const CancelledError&) {
                    static_cast<void>(0);
                }
                if (--left == 0) {
                    event.reset();
                }
            };
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(wait()));
            }
            for (const Task<void>& task : tasks) {
                co_await until_parked(task);
            }
            auto set = [raw = event.get()] { raw->set(); };
            auto cancel = [&] { tasks[rounds.number() % n].cancel(); };
            co_await racers.at_once(set, cancel);
            co_await settle_all(tasks);
            EXPECT_EQ(event, nullptr);
        }
    });
}

TEST_P(ParallelLifetime, PAR_42_the_frame_of_a_cancelled_wait_dies_at_once) {
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

TEST_P(ParallelLifetime, PAR_45_shutdown_unwinds_who_waits) {
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

TEST_P(ParallelLifetime, PAR_47_a_destructor_may_release_set_and_cancel) {
    struct Waker {
        Lock* lock;
        Event* event;
        Task<void> other;
        Waker(Lock& l, Event& e, Task<void> t) : lock(&l), event(&e), other(std::move(t)) {}
        Waker(Waker&& from) noexcept
            : lock(std::exchange(from.lock, nullptr)), event(from.event), other(from.other) {}
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

TEST_P(ParallelLifetime, PAR_48_the_last_user_takes_the_lock_with_it) {
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
