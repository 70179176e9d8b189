#include "support/clock.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

// What is ready runs and what is due fires, whatever else the workers do. What is starved is ended by the
// watchdog.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class ParallelProgress : public OverWorkers {
protected:
    /// Where somebody has to steal.
    RuntimeOptions at_least_two_workers() {
        RuntimeOptions wanted = options();
        wanted.workers = std::max(wanted.workers, 2U);
        return wanted;
    }
};
HEDDLE_OVER_WORKERS(ParallelProgress);

#if HEDDLE_SANITIZED
constexpr int very_many = 10'000;
#else
constexpr int very_many = 100'000;
#endif

TEST_P(ParallelProgress, PAR_24_a_timer_earlier_than_the_one_slept_on) {
    // Everybody sleeps until the latest deadline; each new one is earlier than those before.
    Runtime runtime(options());
    auto sleeps_for_long = []() -> Coro<void> { co_await sleep(1h); };
    const Task<void> latest = runtime.spawn(sleeps_for_long());
    until_parked_blocking(latest);
    auto sleeps = [](Clock::time_point when) -> Coro<Clock::duration> {
        co_await sleep_until(when);
        co_return Clock::now() - when;
    };
    for (int round = 0; round < 5; ++round) {
        std::vector<Task<Clock::duration>> tasks;
        const Clock::time_point now = Clock::now();
        for (const auto after : {40ms, 30ms, 20ms, 10ms, 5ms, 1ms}) {
            tasks.push_back(runtime.spawn(sleeps(now + after)));
            until_blocking([&] { return tasks.back().done() || detail::is_parked(tasks.back()); });
        }
        for (const Task<Clock::duration>& task : tasks) {
            EXPECT_GE(task.result_blocking(), 0s);
        }
        // The last thing that is armed, from outside, with all workers asleep.
        const Task<Clock::duration> one = runtime.spawn(sleeps(Clock::now() + 1ms));
        EXPECT_GE(one.result_blocking(), 0s);
        EXPECT_FALSE(latest.done());
    }
    latest.cancel();
    latest.wait_blocking();
}

TEST_P(ParallelProgress, PAR_63_tasks_that_yield_everywhere_starve_nobody) {
    Runtime runtime(options());
    std::atomic<bool> stop{false};
    std::atomic<unsigned> yields{0};
    auto spins = [&]() -> Coro<void> {
        while (!stop) {
            ++yields;
            co_await yield();
        }
    };
    std::vector<Task<void>> spinners;
    for (unsigned i = 0; i < 2 * workers(); ++i) {
        spinners.push_back(runtime.spawn(spins()));
    }
    auto sleeps = []() -> Coro<int> {
        co_await sleep(1ms);
        co_return 1;
    };
    auto gives = [](int i) -> Coro<int> { co_return i; };
    auto makes_children = [&]() -> Coro<int> {
        std::vector<Task<int>> children;
        int sum = 0;
        for (int i = 0; i < 20; ++i) {
            children.push_back(create_task(gives(i)));
        }
        for (const Task<int>& child : children) {
            const int value = co_await child;
            sum += value;
        }
        co_return sum;
    };
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(runtime.spawn(sleeps()).result_blocking(), 1);
        EXPECT_EQ(runtime.spawn(gives(i)).result_blocking(), i);
        EXPECT_EQ(runtime.spawn(makes_children()).result_blocking(), 190);
    }
    // Nor do the others starve those that yield.
    const unsigned before = yields;
    until_blocking([&] { return yields > before; });
    stop = true;
    for (const Task<void>& task : spinners) {
        task.wait_blocking();
    }
}

TEST_P(ParallelProgress, PAR_64_what_is_queued_behind_a_long_computation_is_stolen) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 20; ++round) {
            constexpr int n = 50;
            std::atomic<int> ran{0};
            std::atomic<bool> on_this_thread{false};
            const std::thread::id here = std::this_thread::get_id();
            auto child = [&](int i) -> Coro<void> {
                on_this_thread = on_this_thread || std::this_thread::get_id() == here;
                if (i % 2 == 0) {
                    co_await yield();
                }
                ++ran;
            };
            std::vector<Task<void>> children;
            for (int i = 0; i < n; ++i) {
                children.push_back(create_task(child(i)));
            }
            // All are in this worker's queue, and it does not come back before they have run.
            until_blocking([&] { return ran == n; });
            EXPECT_FALSE(on_this_thread);
            co_await settle_all(children);
        }
    };
    heddle::run(main(), at_least_two_workers());
}

TEST_P(ParallelProgress, PAR_64_also_a_task_that_was_woken_by_it) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            Event event;
            std::atomic<bool> woken{false};
            auto waits = [&]() -> Coro<void> {
                co_await event.wait();
                woken = true;
            };
            const Task<void> task = create_task(waits());
            co_await until_parked(task);
            event.set();
            until_blocking([&] { return woken.load(); });
            co_await task;
        }
    };
    heddle::run(main(), at_least_two_workers());
}

TEST_P(ParallelProgress, PAR_66_very_many_sleepers_armed_and_cancelled) {
    std::atomic<int> fired{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> early{0};
    auto sleeps = [&](Clock::time_point when) -> Coro<void> {
        bool in_time = true;
        try {
            co_await sleep_until(when);
        } catch (const CancelledError&) {
            ++cancelled;
            throw;
        }
        in_time = Clock::now() >= when;
        early += in_time ? 0 : 1;
        ++fired;
    };
    // Those of `far` are cancelled and must not fire; those of `near` fire, unless they are cancelled first.
    auto part = [&](std::uint32_t seed, int n) -> Coro<void> {
        Jitter random(seed);
        std::vector<Task<void>> near;
        std::vector<Task<void>> far;
        const Clock::time_point now = Clock::now();
        for (int i = 0; i < n; ++i) {
            const bool is_far = random.random() % 2 == 0;
            const auto after = std::chrono::microseconds(random.random() % 200'000);
            (is_far ? far : near).push_back(create_task(sleeps(is_far ? now + 1h + after : now + after)));
            if (i % 64 == 0) {
                co_await yield();
            }
        }
        for (std::size_t i = 0; i < near.size(); i += 10) {
            near[i].cancel();
        }
        for (const Task<void>& task : far) {
            EXPECT_TRUE(task.cancel());
        }
        co_await settle_all(near);
        co_await settle_all(far);
        for (const Task<void>& task : far) {
            EXPECT_TRUE(task.cancelled());
        }
        for (std::size_t i = 0; i < near.size(); ++i) {
            EXPECT_TRUE(i % 10 == 0 || !near[i].cancelled());
        }
    };
    run([&]() -> Coro<void> {
        constexpr int parts = 8;
        std::vector<Task<void>> tasks;
        for (int i = 0; i < parts; ++i) {
            tasks.push_back(create_task(part(static_cast<std::uint32_t>(i) + 1, very_many / parts)));
        }
        co_await settle_all(tasks);
    });
    EXPECT_EQ(early, 0);
    EXPECT_LE(fired + cancelled, very_many);  // one that is cancelled before its first step is in neither
    EXPECT_GT(fired, 0);
}

TEST_P(ParallelProgress, PAR_63_nor_what_a_busy_worker_has_queued) {
    if (workers() == 1) {
        return;  // there is nobody else
    }
    Runtime runtime(options());
    std::atomic<bool> stop{false};
    std::atomic<bool> ran{false};
    std::atomic<unsigned> yields{0};
    auto spins = [&]() -> Coro<void> {
        while (!stop) {
            ++yields;
            co_await yield();
        }
    };
    auto child = [&]() -> Coro<void> {
        ran = true;
        co_return;
    };
    auto computes = [&]() -> Coro<void> {
        const Task<void> queued = create_task(child());
        until_blocking([&] { return ran.load(); });
        co_await queued;
    };
    std::vector<Task<void>> spinners;
    for (unsigned i = 0; i < workers(); ++i) {
        spinners.push_back(runtime.spawn(spins()));
    }
    until_blocking([&] { return yields > 1000; });
    runtime.spawn(computes()).wait_blocking();
    stop = true;
    for (const Task<void>& task : spinners) {
        task.wait_blocking();
    }
}

}  // namespace
}  // namespace heddle::test
