#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include <heddle/as_completed.hpp>
#include <heddle/event.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

// as_completed() with a timeout.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class AsCompletedTimeout : public WithJobs {
protected:
    /// Ends a task that would never end.
    static Coro<void> let_go(Task<int> task) {
        task.cancel();
        co_await settle(task);
    }
};
HEDDLE_OVER_WORKERS(AsCompletedTimeout);

TEST_P(AsCompletedTimeout, ASC_03_the_time_is_over) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> quick = create_task(give(1));
        const Task<int> slow = create_task(give_after(go, 2));
        const Task<int> slower = create_task(sleeper());
        const auto start = Clock::now();
        auto it = as_completed(ints(slow, quick, slower), 5ms);
        const Task<int> first = co_await it.next();
        EXPECT_EQ(first, quick);
        std::string end = co_await ending(it.next());
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_GE(Clock::now() - start, 5ms);
        EXPECT_FALSE(slow.done() || slower.done());
        EXPECT_EQ(slow.cancelling(), 0);
        EXPECT_EQ(slower.cancelling(), 0);
        EXPECT_EQ(current_task().cancelling(), 0);
        // One step for each that was late, though it ends meanwhile; then it is over.
        go.set();
        const int value = co_await slow;
        EXPECT_EQ(value, 2);
        end = co_await ending(it.next());
        EXPECT_EQ(end, "TimeoutError");
        const Task<int> nothing = co_await it.next();
        EXPECT_FALSE(nothing);
        co_await let_go(slower);
    };
    run(main());
}

TEST_P(AsCompletedTimeout, ASC_03_what_ended_in_time_is_given_though_the_time_is_over) {
    auto main = [&]() -> Coro<void> {
        const Task<int> before = create_task(give(1));
        co_await before;
        const Task<int> slow = create_task(sleeper());
        for (const auto delay : {0ms, -1ms, 2ms}) {
            const Task<int> meanwhile = create_task(give(2));
            const auto deadline = Clock::now() + delay;
            auto it = as_completed(ints(slow, meanwhile, before), delay);
            std::size_t in_time = 1;
            if (delay > 0ms) {
                co_await meanwhile;
                in_time += Clock::now() < deadline ? 1U : 0U;
                busy_until(deadline);
            }
            Ints given;
            std::string end = "value";
            while (end == "value") {
                try {
                    const Task<int> task = co_await it.next();
                    EXPECT_TRUE(task);
                    given.push_back(task);
                } catch (const TimeoutError&) {
                    end = "TimeoutError";
                }
            }
            EXPECT_GE(given.size(), in_time);
            EXPECT_EQ(std::ranges::count(given, before), 1);
            EXPECT_EQ(std::ranges::count(given, slow), 0);
            EXPECT_FALSE(slow.done());
            co_await meanwhile;
        }
        co_await let_go(slow);
    };
    run(main());
}

TEST_P(AsCompletedTimeout, ASC_04_a_timeout_that_is_not_reached) {
    auto main = [&]() -> Coro<void> {
        auto it = as_completed(ints(create_task(give(1)), create_task(give(2))), 1h);
        std::size_t given = 0;
        while (true) {
            const Task<int> task = co_await it.next();
            if (!task) {
                break;
            }
            ++given;
        }
        EXPECT_EQ(given, 2U);
        // The timer is disarmed: nothing happens when its time has come.
        const Task<int> one = create_task(give(3));
        auto short_one = as_completed(ints(one), 5ms);
        const auto short_deadline = Clock::now() + 5ms;
        const std::string end = co_await ending(short_one.next());
        EXPECT_TRUE(end == "value" || Clock::now() >= short_deadline);
        const std::string later = co_await ending(sleep_until(short_deadline + 2ms));
        EXPECT_EQ(later, "value");
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
