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
#include <vector>

// Locks, semaphores and events used from plain threads, before there is a runtime, and by two of them.

namespace heddle::test {
namespace {

class ParallelForeign : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelForeign);

/// Waits in a task, then notes on which thread it went on.
template <class Wait>
Coro<std::thread::id> where_it_goes_on(Wait wait) {
    std::thread::id before = std::this_thread::get_id();
    co_await wait();
    before = std::this_thread::get_id();
    co_return before;
}

/// `wake`, called from a plain thread while all workers sleep, ends a task's `wait`, on a worker.
template <class Wait, class Wake>
void wake_from_outside(Runtime& runtime, Wait wait, Wake wake) {
    for (int round = 0; round < 30; ++round) {
        const Task<std::thread::id> task = runtime.spawn(where_it_goes_on(wait));
        until_parked_blocking(task);
        std::thread waker([&] { wake(task); });
        const std::thread::id waker_id = waker.get_id();
        task.wait_blocking();
        if (!task.cancelled()) {
            const std::thread::id where = task.result();
            EXPECT_NE(where, waker_id);
            EXPECT_NE(where, std::this_thread::get_id());
        }
        waker.join();
    }
}

TEST_P(ParallelForeign, PAR_26_release_from_outside_wakes_on_a_worker) {
    Runtime runtime(options());
    Lock lock;
    Semaphore semaphore(0);
    BoundedSemaphore bounded(1);
    lock.acquire_blocking();
    bounded.acquire_blocking();
    auto wait_lock = [&] { return lock.acquire(); };
    auto wait_semaphore = [&] { return semaphore.acquire(); };
    auto wait_bounded = [&] { return bounded.acquire(); };
    wake_from_outside(runtime, wait_lock, [&](const auto&) { lock.release(); });
    wake_from_outside(runtime, wait_semaphore, [&](const auto&) { semaphore.release(); });
    wake_from_outside(runtime, wait_bounded, [&](const auto&) { bounded.release(); });
    EXPECT_TRUE(lock.locked() && semaphore.locked() && bounded.locked());
}

TEST_P(ParallelForeign, PAR_26_set_and_cancel_from_outside_wake_on_a_worker) {
    Runtime runtime(options());
    Event event;
    auto wait = [&] {
        event.clear();
        return event.wait();
    };
    wake_from_outside(runtime, wait, [&](const auto&) { event.set(); });
    event.clear();
    wake_from_outside(runtime, wait, [&](const auto& task) { EXPECT_TRUE(task.cancel()); });
    EXPECT_FALSE(event.is_set());
}

TEST_P(ParallelForeign, PAR_27_many_threads_and_tasks_share_one_lock) {
    constexpr int threads = 4;
    constexpr int tasks = 8;
    constexpr int turns = 200;
    Lock lock;
    int counter = 0;  // guarded by the lock
    Runtime runtime(options());
    auto in_task = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            const auto held = co_await lock.scoped();
            ++counter;
        }
    };
    std::vector<Task<void>> started;
    for (int i = 0; i < tasks; ++i) {
        started.push_back(runtime.spawn(in_task()));
    }
    std::vector<std::thread> foreign;
    for (int i = 0; i < threads; ++i) {
        foreign.emplace_back([&] {
            for (int turn = 0; turn < turns; ++turn) {
                lock.acquire_blocking();
                ++counter;
                lock.release();
            }
        });
    }
    for (std::thread& thread : foreign) {
        thread.join();
    }
    for (const Task<void>& task : started) {
        task.wait_blocking();
    }
    EXPECT_EQ(counter, (threads + tasks) * turns);
    EXPECT_FALSE(lock.locked());
}

TEST_P(ParallelForeign, PAR_27_many_threads_release_what_tasks_acquire) {
    constexpr int threads = 4;
    constexpr int turns = 300;
    Semaphore semaphore(0);
    Event done;
    std::atomic<int> acquired{0};
    Runtime runtime(options());
    auto take = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            co_await semaphore.acquire();
            if (++acquired == threads * turns) {
                done.set();
            }
        }
    };
    std::vector<Task<void>> takers;
    for (int i = 0; i < threads; ++i) {
        takers.push_back(runtime.spawn(take()));
    }
    std::vector<std::thread> foreign;
    for (int i = 0; i < threads; ++i) {
        foreign.emplace_back([&] {
            for (int turn = 0; turn < turns; ++turn) {
                semaphore.release();
            }
            done.wait_blocking();
        });
    }
    for (std::thread& thread : foreign) {
        thread.join();
    }
    for (const Task<void>& task : takers) {
        task.wait_blocking();
    }
    EXPECT_EQ(acquired, threads * turns);
    EXPECT_EQ(semaphore.value(), 0);
}

TEST_P(ParallelForeign, PAR_27_threads_cancel_and_set_at_once) {
    Runtime runtime(options());
    for (Rounds rounds; rounds.next();) {
        constexpr std::size_t n = 8;
        Event event;
        std::atomic<std::size_t> returned{0};
        auto wait = [&]() -> Coro<void> {
            co_await event.wait();
            ++returned;
        };
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < n; ++i) {
            tasks.push_back(runtime.spawn(wait()));
        }
        std::thread setter([&] { event.set(); });
        std::thread canceller([&] {
            for (std::size_t i = 0; i < n; i += 2) {
                tasks[i].cancel();
            }
        });
        for (const Task<void>& task : tasks) {
            task.wait_blocking();
        }
        setter.join();
        canceller.join();
        EXPECT_GE(returned, n / 2);
        for (std::size_t i = 1; i < n; i += 2) {
            EXPECT_FALSE(tasks[i].cancelled());
        }
        EXPECT_EQ(waiters(event), 0U);
    }
}

Lock global_lock;
Event global_event;
Semaphore global_semaphore(2);
BoundedSemaphore global_bounded(2);

TEST_P(ParallelForeign, PAR_30_made_before_any_runtime_exists) {
    global_event.clear();
    auto use = [&]() -> Coro<int> {
        const auto lock = co_await global_lock.scoped();
        const auto semaphore = co_await global_semaphore.scoped();
        const auto bounded = co_await global_bounded.scoped();
        co_await global_event.wait();
        co_return 1;
    };
    auto main = [&]() -> Coro<void> {
        const Task<int> a = create_task(use());
        const Task<int> b = create_task(use());
        co_await until_parked(a, b);
        global_event.set();
        co_await settle(a, b);
        EXPECT_EQ(a.result() + b.result(), 2);
    };
    // On several runtimes, one after the other.
    run(main());
    global_event.clear();
    run(main());
    EXPECT_FALSE(global_lock.locked());
    EXPECT_EQ(global_semaphore.value() + global_bounded.value(), 4);
}

TEST_P(ParallelForeign, PAR_31_waiters_of_two_runtimes_go_on_on_their_own) {
    Lock lock;
    Event event;
    std::vector<Runtime*> log;  // guarded by the lock
    Runtime first(options());
    Runtime second(options());
    auto use = [&](Runtime* mine) -> Coro<void> {
        co_await event.wait();
        EXPECT_EQ(&Runtime::current(), mine);
        for (int i = 0; i < 50; ++i) {
            const auto held = co_await lock.scoped();
            EXPECT_EQ(&Runtime::current(), mine);
            log.push_back(mine);
            co_await yield();
            EXPECT_EQ(&Runtime::current(), mine);
        }
    };
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 3; ++i) {
        tasks.push_back(first.spawn(use(&first)));
        tasks.push_back(second.spawn(use(&second)));
    }
    for (const Task<void>& task : tasks) {
        until_parked_blocking(task);
    }
    event.set();
    for (const Task<void>& task : tasks) {
        task.wait_blocking();
    }
    EXPECT_EQ(log.size(), 300U);
    EXPECT_FALSE(lock.locked());
}

TEST_P(ParallelForeign, PAR_33_release_and_set_while_the_runtime_shuts_down) {
    for (Rounds rounds; rounds.next();) {
        Lock lock;
        Semaphore semaphore(0);
        Event event;
        std::atomic<int> ended{0};
        std::atomic<bool> stop{false};
        lock.acquire_blocking();
        std::thread outside;
        {
            Runtime runtime(options());
            auto wait = [&](int which) -> Coro<void> {
                try {
                    switch (which) {
                        case 0:
                            co_await lock.acquire();
                            break;
                        case 1:
                            co_await semaphore.acquire();
                            break;
                        default:
                            co_await event.wait();
                    }
                } catch (const CancelledError&) {
                    ++ended;
                    throw;
                }
                if (which == 0) {
                    lock.release();
                }
                ++ended;
            };
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 3; ++i) {
                tasks.push_back(runtime.spawn(wait(i)));
                until_parked_blocking(tasks.back());
            }
            outside = std::thread([&] {
                Jitter jitter(rounds.number());
                jitter();
                lock.release();
                semaphore.release();
                event.set();
                until_blocking([&] { return stop.load(); });
                event.set();
                event.clear();
                semaphore.release();
            });
            runtime.shutdown();
            EXPECT_EQ(ended, 3);
        }
        stop = true;
        outside.join();
        EXPECT_FALSE(lock.locked());
        EXPECT_EQ(waiters(lock) + waiters(semaphore) + waiters(event), 0U);
    }
}

}  // namespace
}  // namespace heddle::test
