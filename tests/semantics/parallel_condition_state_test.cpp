#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/condition.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

// The state that a Condition protects: whoever may touch it is alone, and sees what was done to it.

namespace heddle::test {
namespace {

class ParallelConditionState : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelConditionState);

TEST_P(ParallelConditionState, PAR_71_who_returns_from_wait_is_alone) {
    constexpr std::size_t at_once = 12;
    Lock lock;
    Condition condition(lock);
    std::atomic<int> inside{0};
    int steps = 0;  // guarded by the lock
    std::atomic<bool> stop{false};
    Jitter pause(5);
    auto alone = [&](Jitter& jitter) {
        EXPECT_EQ(++inside, 1);
        ++steps;
        jitter();
        EXPECT_EQ(--inside, 0);
    };
    auto wait = [&](std::uint32_t seed) -> Coro<void> {
        Jitter jitter(seed);
        while (!stop) {
            const auto held = co_await lock.scoped();
            alone(jitter);
            try {
                co_await condition.wait();
            } catch (const CancelledError&) {
                EXPECT_TRUE(lock.locked());
                alone(jitter);  // held again here, too
                throw;
            }
            alone(jitter);
        }
    };
    auto lock_only = [&](std::uint32_t seed) -> Coro<void> {
        Jitter jitter(seed);
        while (!stop) {
            {
                const auto held = co_await lock.scoped();
                alone(jitter);
            }
            co_await yield();
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        std::vector<Task<void>> others;
        others.push_back(create_task(lock_only(1)));
        others.push_back(create_task(lock_only(2)));
        for (Rounds rounds; rounds.next();) {
            while (tasks.size() < at_once) {
                tasks.push_back(create_task(wait(pause.random())));
            }
            co_await yield();
            for (int i = 0; i < 3; ++i) {
                const std::size_t victim = pause.random() % tasks.size();
                tasks[victim].cancel();
                others.push_back(std::exchange(tasks[victim], create_task(wait(pause.random()))));
            }
            const auto held = co_await lock.scoped();
            alone(pause);
            if (rounds.number() % 2 == 0) {
                condition.notify_all();
            } else {
                condition.notify(3);
            }
        }
        stop = true;
        auto all_ended = [&] {
            if (lock.try_acquire()) {
                condition.notify_all();
                lock.release();
            }
            return std::ranges::all_of(tasks, [](const Task<void>& task) { return task.done(); });
        };
        co_await until(all_ended);
        co_await settle_all(tasks);
        co_await settle_all(others);
        EXPECT_GT(steps, 0);
        EXPECT_EQ(waiters(condition), 0U);
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(ParallelConditionState, PAR_73_a_bounded_buffer_loses_and_doubles_nothing) {
    constexpr int producers = 3;
    constexpr int consumers = 4;
    constexpr int each = 200;
    constexpr std::size_t bound = 3;
    Lock lock;
    Condition not_full(lock);
    Condition not_empty(lock);
    constexpr int all = producers * each;
    std::vector<int> buffer;            // guarded by the lock
    std::vector<int> received(all, 0);  // likewise
    int left = all;                     // likewise
    auto produce = [&](int from) -> Coro<void> {
        for (int i = 0; i < each; ++i) {
            const auto held = co_await lock.scoped();
            auto has_room = [&] { return buffer.size() < bound; };
            co_await not_full.wait_for(has_room);
            buffer.push_back(from + i);
            EXPECT_LE(buffer.size(), bound);
            not_empty.notify();
        }
    };
    auto consume = [&]() -> Coro<void> {
        for (;;) {
            const auto held = co_await lock.scoped();
            auto has_items = [&] { return !buffer.empty() || left == 0; };
            co_await not_empty.wait_for(has_items);
            if (left == 0) {
                break;
            }
            ++received[static_cast<std::size_t>(buffer.back())];
            buffer.pop_back();
            --left;
            not_full.notify();
            if (left == 0) {
                not_empty.notify_all();
            }
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < consumers; ++i) {
            tasks.push_back(create_task(consume()));
        }
        for (int i = 0; i < producers; ++i) {
            tasks.push_back(create_task(produce(i * each)));
        }
        co_await settle_all(tasks);
    });
    EXPECT_EQ(left, 0);
    EXPECT_EQ(received, std::vector<int>(all, 1));
    EXPECT_EQ(waiters(not_full) + waiters(not_empty), 0U);
}

TEST_P(ParallelConditionState, PAR_80_what_was_written_before_notify_is_seen_by_the_woken) {
    struct Plain {
        int turn = 0;
        std::vector<int> grown;
    };
    Condition condition;
    Plain data;  // written by one side or the other, in turn
    constexpr int turns = 300;
    Runtime runtime(options());
    auto in_task = [&]() -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            const auto held = co_await condition.scoped();
            while (data.turn % 2 == 0) {
                co_await condition.wait();
            }
            EXPECT_EQ(data.grown.size(), static_cast<std::size_t>(data.turn));
            data.grown.push_back(data.turn++);
            condition.notify();
        }
    };
    const Task<void> task = runtime.spawn(in_task());
    std::thread thread([&] {
        for (int i = 0; i < turns; ++i) {
            condition.acquire_blocking();
            while (data.turn % 2 == 1) {
                condition.wait_blocking();
            }
            EXPECT_EQ(data.grown.size(), static_cast<std::size_t>(data.turn));
            data.grown.push_back(data.turn++);
            condition.notify();
            condition.release();
        }
    });
    thread.join();
    task.wait_blocking();
    EXPECT_EQ(data.turn, 2 * turns);
}

}  // namespace
}  // namespace heddle::test
