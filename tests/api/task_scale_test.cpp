#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/stack.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Many tasks at once, and cancellation out of the blue.

namespace heddle::test {
namespace {

constexpr int many = 100'000;

class TaskScale : public OverWorkers {};
HEDDLE_OVER_WORKERS(TaskScale);

TEST_P(TaskScale, AChainOfTasksThatAwaitEachOther) {
    StackGauge stack;
    run([&]() -> Coro<void> {
        Event go;
        auto first = [&]() -> Coro<int> {
            co_await go.wait();
            co_return 0;
        };
        auto link = [&](Task<int> previous) -> Coro<int> {
            const int value = co_await std::move(previous);
            stack.look();
            co_return value + 1;
        };
        Task<int> last = create_task(first());
        for (int i = 0; i < many; ++i) {
            last = create_task(link(std::move(last)));
        }
        co_await until_parked(last);
        go.set();
        const int length = co_await last;
        EXPECT_EQ(length, many);
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(TaskScale, CancellingAChain) {
    StackGauge stack;
    run([&]() -> Coro<void> {
        Event never;
        auto first = [&]() -> Coro<void> { co_await never.wait(); };
        auto link = [&](Task<void> previous) -> Coro<void> {
            try {
                co_await previous;
            } catch (...) {
                stack.look();
                throw;
            }
        };
        std::vector<Task<void>> tasks{create_task(first())};
        for (int i = 0; i < many; ++i) {
            tasks.push_back(create_task(link(tasks.back())));
        }
        for (const Task<void>& one : tasks) {
            co_await until_parked(one);  // a task that has not started would not pass the request on
        }
        tasks.back().cancel();
        const std::string end = co_await ending(tasks.back());
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(waiters(never), 0U);
        EXPECT_TRUE(tasks.front().cancelled());
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(TaskScale, ManyAwaitersOfOneTask) {
    StackGauge stack;
    run([&]() -> Coro<void> {
        Event go;
        auto work = [&]() -> Coro<int> {
            co_await go.wait();
            co_return 1;
        };
        const Task<int> task = create_task(work());
        std::atomic<int> sum{0};
        auto waits = [&]() -> Coro<void> {
            const int value = co_await task;
            sum += value;
            stack.look();
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < many; ++i) {
            tasks.push_back(create_task(waits()));
        }
        co_await until_parked(tasks.back());
        go.set();
        for (const Task<void>& one : tasks) {
            co_await one;
        }
        EXPECT_EQ(sum, many);
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(TaskScale, CancellingTheWholeQueueOfALock) {
    StackGauge stack;
    run([&]() -> Coro<void> {
        Lock lock;
        co_await lock.acquire();
        auto acquires = [&]() -> Coro<void> {
            try {
                co_await lock.acquire();
            } catch (...) {
                stack.look();
                throw;
            }
            lock.release();
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < many; ++i) {
            tasks.push_back(create_task(acquires()));
        }
        co_await until_waiters(lock, many);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            if (i % 1000 != 999) {
                tasks[i].cancel();
            }
        }
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            if (i % 1000 != 999) {
                const std::string end = co_await ending(tasks[i]);
                EXPECT_EQ(end, "CancelledError");
            }
        }
        EXPECT_EQ(waiters(lock), static_cast<std::size_t>(many / 1000));
        lock.release();
        for (std::size_t i = 999; i < tasks.size(); i += 1000) {
            co_await tasks[i];
        }
        EXPECT_FALSE(lock.locked());
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(TaskScale, CancellationFromForeignThreadsAtRandomPoints) {
    constexpr int rounds = 300;
    constexpr int width = 8;
    run([&]() -> Coro<void> {
        Lock lock;
        Event open;
        open.set();
        std::atomic<int> inside{0};
        auto child = [&](int i) -> Coro<int> {
            co_await yield();
            co_return i;
        };
        struct Inside {
            explicit Inside(std::atomic<int>& counter) : n(counter) { EXPECT_EQ(++n, 1); }
            Inside(const Inside&) = delete;
            Inside& operator=(const Inside&) = delete;
            Inside(Inside&&) = delete;
            Inside& operator=(Inside&&) = delete;
            ~Inside() { --n; }
            std::atomic<int>& n;
        };
        auto body = [&](int i) -> Coro<int> {
            int sum = 0;
            for (int turn = 0; turn < 5; ++turn) {
                co_await yield();
                {
                    auto held = co_await lock.scoped();
                    const Inside one(inside);
                    co_await yield();
                }
                co_await open.wait();
                const Task<int> inner = create_task(child(i));
                const int value = co_await inner;
                sum += value;
                co_await sleep(std::chrono::microseconds(i));
            }
            co_return sum;
        };
        for (int round = 0; round < rounds; ++round) {
            std::vector<Task<int>> tasks;
            for (int i = 0; i < width; ++i) {
                tasks.push_back(create_task(body(i)));
            }
            std::vector<char> accepted(width);
            std::thread canceller([&] {
                std::minstd_rand random(static_cast<unsigned>(round) + 1);
                for (int i = 0; i < width; ++i) {
                    const auto pauses = random() % 2000;
                    for (unsigned p = 0; p < pauses; ++p) {
                        detail::spin_pause();
                    }
                    accepted[static_cast<std::size_t>(i)] =
                        static_cast<char>(tasks[static_cast<std::size_t>(i)].cancel());
                }
            });
            for (const Task<int>& task : tasks) {
                co_await ending(task);
            }
            canceller.join();
            for (int i = 0; i < width; ++i) {
                const Task<int>& task = tasks[static_cast<std::size_t>(i)];
                EXPECT_TRUE(task.done());
                EXPECT_EQ(task.cancelled(), accepted[static_cast<std::size_t>(i)] != 0);
                if (!task.cancelled()) {
                    EXPECT_EQ(task.result(), 5 * i);
                }
            }
            EXPECT_FALSE(lock.locked());
            EXPECT_EQ(waiters(lock), 0U);
        }
    });
}

}  // namespace
}  // namespace heddle::test
