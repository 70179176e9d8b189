#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/sleep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Sleep : public OverWorkers {};
HEDDLE_OVER_WORKERS(Sleep);

TEST_P(Sleep, SLP_01_never_early) {
    auto main = []() -> Coro<void> {
        const auto start = Clock::now();
        co_await sleep(5ms);
        EXPECT_GE(Clock::now() - start, 5ms);
        co_await sleep(5ms);
        EXPECT_GE(Clock::now() - start, 10ms);
        const auto when = Clock::now() + 5ms;
        co_await sleep_until(when);
        EXPECT_GE(Clock::now(), when);
    };
    run(main());
}

TEST_P(Sleep, SLP_01_shorter_before_longer) {
    auto main = []() -> Coro<void> {
        const auto start = Clock::now();
        std::vector<int> order;
        auto sleeper = [&](int i, Clock::time_point when, Task<void> before) -> Coro<void> {
            co_await sleep_until(when);
            if (before) {
                co_await before;
            }
            order.push_back(i);
        };
        const Task<void> a = create_task(sleeper(1, start + 2ms, {}));
        const Task<void> b = create_task(sleeper(2, start + 20ms, a));
        const Task<void> c = create_task(sleeper(3, start + 40ms, b));
        co_await c;
        EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
        EXPECT_GE(Clock::now() - start, 40ms);
    };
    run(main());
}

// On one worker what was ready before goes first; on several it is only a yield.
TEST_P(Sleep, SLP_02_zero_lets_ready_work_run_first) {
    auto main = []() -> Coro<void> {
        int steps = 0;
        auto step = [&]() -> Coro<void> {
            ++steps;
            co_return;
        };
        const Task<void> a = create_task(step());
        const Task<void> b = create_task(step());
        if (workers() == 1) {
            EXPECT_EQ(steps, 0);
            co_await sleep(0s);
            EXPECT_EQ(steps, 2);
        } else {
            co_await sleep(0s);
        }
        co_await a;
        co_await b;
        EXPECT_EQ(steps, 2);
    };
    run(main());
}

TEST_P(Sleep, SLP_03_negative_is_like_zero) {
    auto main = []() -> Coro<void> {
        bool ran = false;
        auto step = [&]() -> Coro<void> {
            ran = true;
            co_return;
        };
        const Task<void> task = create_task(step());
        co_await sleep(-10s);
        if (workers() == 1) {
            EXPECT_TRUE(ran);
        }
        co_await task;
        co_await sleep_until(Clock::now() - 10s);
        co_await sleep(std::chrono::hours::min());
    };
    run(main());
}

TEST_P(Sleep, SLP_04_not_a_number) {
    auto main = []() -> Coro<void> {
        const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
        bool refused = false;
        try {
            co_await sleep(nan);
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
    };
    run(main());
}

TEST_P(Sleep, SLP_05_cancelled_while_asleep) {
    auto main = []() -> Coro<void> {
        for (const auto delay : {std::chrono::nanoseconds(1h), std::chrono::nanoseconds::max()}) {
            auto sleeper = [&]() -> Coro<void> { co_await sleep(delay); };
            const Task<void> task = create_task(sleeper());
            co_await until_parked(task);
            task.cancel();
            const std::string end = co_await ending(task);
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(task.cancelled());
        }
    };
    run(main());  // returns: no timer keeps the runtime alive
}

TEST_P(Sleep, SLP_05_timer_of_a_cancelled_sleep_does_nothing) {
    auto main = []() -> Coro<void> {
        const auto when = Clock::now() + 5ms;
        Event go;
        auto sleeper = [&]() -> Coro<std::string> {
            const std::string first = co_await ending(sleep_until(when));
            co_await go.wait();  // a stray timer would end this wait
            EXPECT_TRUE(go.is_set());
            co_return first;
        };
        const Task<std::string> task = create_task(sleeper());
        co_await until_parked(task);
        task.cancel();
        co_await sleep_until(when + 5ms);
        EXPECT_FALSE(task.done());
        go.set();
        const std::string first = co_await task;
        EXPECT_TRUE(first == "CancelledError" || Clock::now() >= when) << first;
    };
    run(main());
}

TEST_P(Sleep, SLP_06_cancel_coincides_with_the_timer) {
    auto main = []() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            const auto when = Clock::now() + 200us;
            int resumed = 0;
            std::string first;
            std::string next;
            auto sleeper = [&]() -> Coro<void> {
                first = co_await ending(sleep_until(when));
                ++resumed;
                next = co_await ending(yield());
            };
            const Task<void> task = create_task(sleeper());
            bool accepted = false;
            std::thread canceller([&] {
                busy_until(when - 10us);
                accepted = task.cancel();
            });
            co_await ending(task);
            canceller.join();
            EXPECT_LE(resumed, 1);
            // The request is seen exactly once: at one of the two suspensions, or by a task that had not
            // started or had no suspension left.
            const int seen = (first == "CancelledError" ? 1 : 0) + (next == "CancelledError" ? 1 : 0) +
                             (task.cancelled() ? 1 : 0);
            EXPECT_EQ(seen, accepted ? 1 : 0) << first << ", " << next;
            EXPECT_EQ(task.cancelling(), accepted ? 1 : 0);
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
