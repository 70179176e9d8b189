#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/gather.hpp>
#include <heddle/sleep.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class SleepApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(SleepApi);

TEST_P(SleepApi, AnyDurationAndTimePoint) {
    run([]() -> Coro<void> {
        auto start = Clock::now();
        co_await sleep(std::chrono::duration<double, std::milli>(1.5));
        EXPECT_GE(Clock::now() - start, 1500us);
        start = Clock::now();
        co_await sleep(1ns);
        EXPECT_GE(Clock::now() - start, 1ns);
        co_await sleep(0h);
        const auto coarse = std::chrono::ceil<std::chrono::milliseconds>(Clock::now());
        co_await sleep_until(coarse);  // a time_point of another duration
        EXPECT_GE(Clock::now(), coarse);
    });
}

TEST_P(SleepApi, ForEverUntilCancelled) {
    run([]() -> Coro<void> {
        auto years = []() -> Coro<void> { co_await sleep(std::chrono::hours::max()); };
        auto end_of_time = []() -> Coro<void> { co_await sleep_until(Clock::time_point::max()); };
        const Task<void> a = create_task(years());
        const Task<void> b = create_task(end_of_time());
        co_await until_parked(a, b);
        a.cancel();
        b.cancel();
        std::string end = co_await ending(a);
        EXPECT_EQ(end, "CancelledError");
        end = co_await ending(b);
        EXPECT_EQ(end, "CancelledError");
    });
}

TEST_P(SleepApi, ManySleepersNoneEarlyNoneLost) {
    constexpr int many = 5000;
    run([]() -> Coro<void> {
        std::atomic<int> early{0};
        const auto start = Clock::now();
        auto sleeper = [&](std::chrono::microseconds delay) -> Coro<void> {
            const auto when = start + delay;
            co_await sleep_until(when);
            early += Clock::now() < when ? 1 : 0;
        };
        std::minstd_rand random(1);
        std::vector<Coro<void>> sleepers;
        for (int i = 0; i < many; ++i) {
            sleepers.push_back(sleeper(std::chrono::microseconds(random() % 100'000)));
        }
        co_await gather(std::move(sleepers));
        EXPECT_EQ(early, 0);
    });
}

TEST_P(SleepApi, ManySleepersCancelledFromAPlainThread) {
    constexpr int many = 2000;
    run([]() -> Coro<void> {
        std::minstd_rand random(2);
        auto sleeper = [](std::chrono::microseconds delay) -> Coro<void> { co_await sleep(delay); };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < many; ++i) {
            tasks.push_back(create_task(sleeper(std::chrono::microseconds(random() % 50'000))));
        }
        std::vector<char> accepted(many);
        std::thread canceller([&] {
            for (std::size_t i = 0; i < many; i += 2) {
                accepted[i] = static_cast<char>(tasks[i].cancel());
            }
        });
        for (const Task<void>& task : tasks) {
            co_await ending(task);
        }
        canceller.join();
        for (std::size_t i = 0; i < many; ++i) {
            EXPECT_EQ(tasks[i].cancelled(), accepted[i] != 0);
        }
    });
}

TEST_P(SleepApi, AnEarlierTimerIsNotDelayedByALaterOne) {
    run([]() -> Coro<void> {
        auto sleeper = [](std::chrono::nanoseconds delay) -> Coro<void> { co_await sleep(delay); };
        const Task<void> later = create_task(sleeper(1h));
        co_await until_parked(later);
        const auto start = Clock::now();
        const Task<void> sooner = create_task(sleeper(1ms));
        co_await sooner;  // would be an hour
        EXPECT_GE(Clock::now() - start, 1ms);
        EXPECT_FALSE(later.done());
    });
}

TEST_P(SleepApi, AYieldingTaskDoesNotStarveTimers) {
    run([]() -> Coro<void> {
        std::atomic<bool> stop{false};
        auto spins = [&]() -> Coro<void> {
            bool go_on = true;
            while (go_on) {
                co_await yield();
                go_on = !stop;
            }
        };
        std::vector<Task<void>> spinners;
        for (unsigned i = 0; i < 2 * workers(); ++i) {
            spinners.push_back(create_task(spins()));
        }
        co_await sleep(2ms);
        stop = true;
        for (const Task<void>& one : spinners) {
            co_await one;
        }
    });
}

}  // namespace
}  // namespace heddle::test
