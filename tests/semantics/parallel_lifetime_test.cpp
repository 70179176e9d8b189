#include "support/fixture.hpp"
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

/// A waiter is cancelled while the release comes, in half of the rounds with another one behind it; when all
/// have ended it is destroyed, though the release has perhaps not returned.
template <class Primitive>
Coro<void> destroy_after_release_and_cancel() {
    Racers racers(2);
    for (Rounds rounds; rounds.next();) {
        auto primitive = std::make_unique<Primitive>(1);
        auto take = [&]() -> Coro<void> { const auto held = co_await primitive->scoped(); };
        std::vector<Task<void>> tasks;
        EXPECT_TRUE(primitive->try_acquire());
        for (unsigned i = 0; i < 1 + rounds.number() / 2 % 2; ++i) {
            tasks.push_back(create_task(take()));
            co_await until_parked(tasks.back());
        }
        auto release = [raw = primitive.get()] { raw->release(); };
        auto cancel = [&] { tasks[0].cancel(); };
        const Task<void> race = create_task(racers.at_once(release, cancel));
        co_await settle_all(tasks);
        auto released = [&] { return !primitive->locked(); };
        co_await until(released);
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

TEST_P(ParallelLifetime, PAR_37_the_event_dies_after_set_and_cancel) {
    // The only waiter is cancelled; the flag is seen up, so nobody will call again: it is destroyed, though
    // set() has perhaps not returned.
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            auto event = std::make_unique<Event>();
            auto wait = [&]() -> Coro<void> { co_await event->wait(); };
            const Task<void> waiter = create_task(wait());
            co_await until_parked(waiter);
            auto set = [raw = event.get()] { raw->set(); };
            auto cancel = [&] { waiter.cancel(); };
            const Task<void> race = create_task(racers.at_once(set, cancel));
            co_await settle(waiter);
            auto is_set = [&] { return event->is_set(); };
            co_await until(is_set);
            event.reset();
            co_await race;
        }
    });
}

}  // namespace
}  // namespace heddle::test
