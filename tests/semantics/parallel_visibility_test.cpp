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
#include <thread>
#include <utility>
#include <vector>

// What was done before release() or set() is seen after the acquire() or wait() that it ended. The data are
// plain: ThreadSanitizer sees a hand-over without an order even where the value happens to be right.

namespace heddle::test {
namespace {

class ParallelVisibility : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelVisibility);

/// Plain data, written before and read after.
struct Plain {
    int a = 0;
    int b = 0;
    std::vector<int> grown;

    void write(int n) {
        a = n;
        grown.push_back(n);
        b = n;
    }
    void expect(int n) const {
        EXPECT_EQ(a, n);
        EXPECT_EQ(b, n);
        EXPECT_EQ(grown.size(), static_cast<std::size_t>(n));
    }
};

TEST_P(ParallelVisibility, PAR_74_release_is_seen_by_the_next_acquire) {
    constexpr int turns = 200;
    Lock lock;
    Plain data;
    int n = 0;  // guarded by the lock
    auto step = [&] {
        data.expect(n);
        data.write(++n);
    };
    Runtime runtime(options());
    auto in_task = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            const auto held = co_await lock.scoped();
            step();
        }
    };
    auto by_trying = [&]() -> Coro<void> {
        for (int i = 0; i < turns;) {
            if (lock.try_acquire()) {
                step();
                lock.release();
                ++i;
            }
            co_await yield();
        }
    };
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(runtime.spawn(in_task()));
    }
    tasks.push_back(runtime.spawn(by_trying()));
    std::thread foreign([&] {
        for (int i = 0; i < turns; ++i) {
            lock.acquire_blocking();
            step();
            lock.release();
        }
    });
    foreign.join();
    for (const Task<void>& task : tasks) {
        task.wait_blocking();
    }
    lock.acquire_blocking();
    EXPECT_EQ(n, 5 * turns);
    lock.release();
}

/// Items that were written before a release are read after the acquire: one permit per item.
template <class Primitive>
void hand_items_over(RuntimeOptions options) {
    constexpr int items = 500;
    Primitive ready(items);
    std::vector<Plain> data(items);
    for (int i = 0; i < items; ++i) {
        EXPECT_TRUE(ready.try_acquire());
    }
    // Who draws n has, with those who drew before, n + 1 permits: one of them is of the release after item n.
    std::atomic<std::size_t> next{0};
    Runtime runtime(std::move(options));
    auto consume = [&]() -> Coro<void> {
        for (;;) {
            co_await ready.acquire();
            const std::size_t mine = next++;
            data[mine].expect(1);
        }
    };
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(runtime.spawn(consume()));
        until_parked_blocking(tasks.back());
    }
    std::thread producer([&] {
        for (Plain& item : data) {
            item.write(1);
            ready.release();
        }
    });
    producer.join();
    until_blocking([&] { return next == items; });
    for (const Task<void>& task : tasks) {
        task.cancel();
        task.wait_blocking();
        EXPECT_TRUE(task.cancelled());
    }
}

TEST_P(ParallelVisibility, PAR_75_release_is_seen_by_the_acquire_it_granted) {
    hand_items_over<Semaphore>(options());
    hand_items_over<BoundedSemaphore>(options());
}

TEST_P(ParallelVisibility, PAR_75_also_through_a_waiter_that_was_cancelled) {
    // The permit goes to `first`, which is cancelled at that moment and passes it on: `second` sees what was
    // written before the release, not only what `first` did.
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Semaphore semaphore(0);
            Plain data;
            auto first = [&]() -> Coro<void> {
                const auto held = co_await semaphore.scoped();
                data.expect(1);
            };
            auto second = [&]() -> Coro<void> {
                const auto held = co_await semaphore.scoped();
                data.expect(1);
                data.write(2);
            };
            const Task<void> a = create_task(first());
            co_await until_parked(a);
            const Task<void> b = create_task(second());
            co_await until_parked(b);
            auto release = [&] {
                data.write(1);
                semaphore.release();
            };
            auto cancel = [&] { a.cancel(); };
            co_await racers.at_once(release, cancel);
            co_await settle(a, b);
            co_await semaphore.acquire();
            data.expect(2);
        }
    });
}

TEST_P(ParallelVisibility, PAR_76_set_is_seen_after_wait_and_after_is_set) {
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Event event;
            Plain data;
            std::atomic<int> seen{0};
            auto wait = [&]() -> Coro<void> {
                co_await event.wait();
                data.expect(1);
                ++seen;
            };
            const Task<void> parked = create_task(wait());
            const Task<void> perhaps = create_task(wait());
            auto set = [&] {
                data.write(1);
                event.set();
            };
            auto poll = [&] {
                until_blocking([&] { return event.is_set(); });
                data.expect(1);
                ++seen;
            };
            if (workers() == 1) {
                // One worker cannot poll for what a task behind it would do.
                co_await racers.at_once(set);
                poll();
            } else {
                co_await racers.at_once(set, poll);
            }
            co_await settle(parked, perhaps);
            EXPECT_EQ(seen, 3);
        }
    });
}

TEST_P(ParallelVisibility, PAR_83_a_task_sees_its_own_writes_after_each_wait) {
    constexpr int turns = 200;
    Lock lock;
    Semaphore semaphore(1);
    auto work = [&]() -> Coro<void> {
        Plain mine;
        for (int i = 0; i < turns; ++i) {
            mine.write(i + 1);
            {
                const auto held = co_await lock.scoped();
                mine.expect(i + 1);
            }
            {
                const auto permit = co_await semaphore.scoped();
                mine.expect(i + 1);
            }
            co_await yield();
            mine.expect(i + 1);
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 6; ++i) {
            tasks.push_back(create_task(work()));
        }
        co_await settle_all(tasks);
    });
}

TEST_P(ParallelVisibility, PAR_84_cancel_is_seen_where_the_cancellation_is_caught) {
    Lock lock;
    Event event;
    EXPECT_TRUE(lock.try_acquire());
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            const unsigned which = rounds.number();
            Plain data;
            std::atomic<bool> caught{false};
            std::atomic<bool> about_to{false};
            auto wait = [&]() -> Coro<void> {
                about_to = true;
                try {
                    if (which % 2 == 0) {
                        co_await lock.acquire();
                    } else {
                        co_await event.wait();
                    }
                } catch (const CancelledError&) {
                    data.expect(1);
                    caught = true;
                }
            };
            const Task<void> task = create_task(wait());
            auto is_about_to = [&] { return about_to.load(); };
            co_await until(is_about_to);
            auto cancel = [&] {
                data.write(1);
                task.cancel();
            };
            auto nothing = [] {};
            co_await racers.at_once(cancel, nothing);
            co_await task;
            EXPECT_TRUE(caught);
        }
    });
    lock.release();
}

}  // namespace
}  // namespace heddle::test
