#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/shield.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

constexpr auto for_ever = std::chrono::nanoseconds::max();

class WaitFor : public OverWorkers {
protected:
    Event never;

    /// Waits for ever and notes that it cleaned up.
    Coro<void> sleeper(bool& cleaned_up) {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            cleaned_up = true;
            throw;
        }
    }
};
HEDDLE_OVER_WORKERS(WaitFor);

TEST_P(WaitFor, WF_01_completes_in_time) {
    auto main = [&]() -> Coro<void> {
        auto give = []() -> Coro<int> {
            co_await yield();
            co_return 3;
        };
        int value = co_await wait_for(give(), 1h);
        EXPECT_EQ(value, 3);
        const Task<int> task = create_task(give());
        value = co_await wait_for(task, 1h);
        EXPECT_EQ(value, 3);
        // The timer is disarmed: nothing happens when its time has come.
        const auto deadline = Clock::now() + 5ms;
        const std::string end = co_await ending(wait_for(give(), 5ms));
        EXPECT_TRUE(end == "value" || Clock::now() >= deadline) << end;
        const std::string later = co_await ending(sleep_until(deadline + 5ms));
        EXPECT_EQ(later, "value");
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(WaitFor, WF_02_for_ever) {
    auto main = [&]() -> Coro<void> {
        auto give = []() -> Coro<int> {
            co_await sleep(2ms);
            co_return 3;
        };
        int value = co_await wait_for(give(), for_ever);
        EXPECT_EQ(value, 3);
        const Task<int> task = create_task(give());
        value = co_await wait_for(task, for_ever);
        EXPECT_EQ(value, 3);
    };
    run(main());
}

TEST_P(WaitFor, WF_03_task_outlives_the_timeout) {
    auto main = [&]() -> Coro<void> {
        bool cleaned_up = false;
        const Task<void> task = create_task(sleeper(cleaned_up));
        co_await until_parked(task);
        const auto start = Clock::now();
        const std::string end = co_await ending(wait_for(task, 5ms));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_GE(Clock::now() - start, 5ms);
        EXPECT_TRUE(task.done() && task.cancelled());
        EXPECT_TRUE(cleaned_up);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(WaitFor, WF_04_zero_timeout_on_a_finished_task) {
    auto main = [&]() -> Coro<void> {
        auto give = []() -> Coro<int> { co_return 3; };
        auto fail = []() -> Coro<int> {
            throw Boom("done before");
            co_return 0;
        };
        const Task<int> good = create_task(give());
        const Task<int> bad = create_task(fail());
        auto both_done = [&] { return good.done() && bad.done(); };
        co_await until(both_done);
        for (const auto delay : {0ms, -1ms}) {
            const int value = co_await wait_for(good, delay);
            EXPECT_EQ(value, 3);
            const std::string end = co_await ending(wait_for(bad, delay));
            EXPECT_EQ(end, "done before");
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_05_zero_timeout_never_starts_a_coroutine) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    auto main = [&]() -> Coro<void> {
        for (const auto delay : {0ms, -1ms}) {
            const std::string end = co_await ending(wait_for(body(Probe(counts)), delay));
            EXPECT_EQ(end, "TimeoutError");
            EXPECT_EQ(counts.alive, 0);
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_06_zero_or_negative_timeout_on_a_running_task) {
    auto main = [&]() -> Coro<void> {
        for (const auto delay : {0ms, -1ms}) {
            bool cleaned_up = false;
            const Task<void> task = create_task(sleeper(cleaned_up));
            co_await until_parked(task);
            const std::string end = co_await ending(wait_for(task, delay));
            EXPECT_EQ(end, "TimeoutError");
            EXPECT_TRUE(task.done() && task.cancelled());
            EXPECT_TRUE(cleaned_up);
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_07_waits_for_a_task_that_takes_its_time_to_stop) {
    auto main = [&]() -> Coro<void> {
        for (const auto delay : {0ms, 5ms}) {
            bool ended = false;
            auto slow = [&]() -> Coro<void> {
                const std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
                co_await sleep(10ms);
                ended = true;
                throw CancelledError();
            };
            const Task<void> task = create_task(slow());
            co_await until_parked(task);
            const std::string end = co_await ending(wait_for(task, delay));
            EXPECT_EQ(end, "TimeoutError");
            EXPECT_TRUE(ended);
            EXPECT_TRUE(task.cancelled());
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_08_WF_14_waits_for_work_that_ignores_its_cancellation) {
    auto main = [&]() -> Coro<void> {
        for (const bool by_caller : {false, true}) {
            Event release;
            auto stubborn = [&]() -> Coro<int> {
                for (int i = 0; i < 2; ++i) {
                    const std::string stopped = co_await ending(never.wait());
                    EXPECT_EQ(stopped, "CancelledError");
                }
                co_await release.wait();
                co_return 9;
            };
            const Task<int> work = create_task(stubborn());
            co_await until_parked(work);
            auto waits = [&]() -> Coro<int> {
                const int value = co_await wait_for(work, by_caller ? std::chrono::nanoseconds(1h) : 1ms);
                co_return value;
            };
            const Task<int> caller = create_task(waits());
            co_await until_parked(caller);
            if (by_caller) {
                caller.cancel();
            }
            auto stopped_once = [&] { return work.cancelling() == 1 && detail::is_parked(work); };
            co_await until(stopped_once);
            EXPECT_FALSE(caller.done());
            caller.cancel();  // cancelled again while it waits: it goes on waiting
            co_await until_waiters(release, 1);
            EXPECT_FALSE(caller.done());
            release.set();
            const int value = co_await work;
            EXPECT_EQ(value, 9);
            const std::string end = co_await ending(caller);
            EXPECT_EQ(end, "value");  // the work has decided: it gives what it has
            EXPECT_GE(caller.cancelling(), 1);
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_09_work_fails_while_it_is_being_cancelled) {
    auto main = [&]() -> Coro<void> {
        auto fails = [&]() -> Coro<void> {
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("cleanup");
            }
        };
        for (const auto delay : {0ms, 5ms}) {
            const Task<void> task = create_task(fails());
            co_await until_parked(task);
            const std::string end = co_await ending(wait_for(task, delay));
            EXPECT_EQ(end, "cleanup");
        }
        const std::string end = co_await ending(wait_for(fails(), 5ms));
        EXPECT_EQ(end, "cleanup");
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(WaitFor, WF_10_work_suppresses_the_cancellation_and_gives_a_value) {
    auto main = [&]() -> Coro<void> {
        auto suppresses = [&]() -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_return 6;
        };
        for (const auto delay : {0ms, 5ms}) {
            const Task<int> task = create_task(suppresses());
            co_await until_parked(task);
            const int value = co_await wait_for(task, delay);
            EXPECT_EQ(value, 6);
        }
        const int value = co_await wait_for(suppresses(), 5ms);
        EXPECT_EQ(value, 6);
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

TEST_P(WaitFor, WF_11_caller_is_cancelled) {
    auto main = [&]() -> Coro<void> {
        for (const auto delay : {std::chrono::nanoseconds(1h), for_ever}) {
            bool cleaned_up = false;
            const Task<void> work = create_task(sleeper(cleaned_up));
            auto waits = [&]() -> Coro<void> { co_await wait_for(work, delay); };
            const Task<void> caller = create_task(waits());
            co_await until_parked(work, caller);
            caller.cancel();
            const std::string end = co_await ending(caller);
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(caller.cancelled());
            EXPECT_TRUE(work.cancelled());
            EXPECT_TRUE(cleaned_up);
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_15_WF_17_a_shielded_task_that_outlives_the_timeout) {
    auto main = [&]() -> Coro<void> {
        for (const auto delay : {0ms, 5ms}) {
            Event go;
            auto gives = [&]() -> Coro<int> {
                co_await go.wait();
                co_return 7;
            };
            const Task<int> task = create_task(gives());
            co_await until_parked(task);
            const std::string end = co_await ending(wait_for(shield(task), delay));
            EXPECT_EQ(end, "TimeoutError");
            EXPECT_FALSE(task.done());
            EXPECT_EQ(task.cancelling(), 0);
            go.set();
            const int value = co_await task;
            EXPECT_EQ(value, 7);
        }
    };
    run(main());
}

TEST_P(WaitFor, WF_16_a_shielded_task_without_a_timeout) {
    auto main = [&]() -> Coro<void> {
        auto gives = []() -> Coro<int> {
            co_await yield();
            co_return 7;
        };
        const int value = co_await wait_for(shield(gives()), for_ever);
        EXPECT_EQ(value, 7);
    };
    run(main());
}

TEST_P(WaitFor, WF_18_a_coroutine_runs_in_the_callers_task) {
    auto main = [&]() -> Coro<void> {
        const Task<void> caller = current_task();
        auto who = []() -> Coro<Task<void>> {
            co_await yield();
            co_return current_task();
        };
        const Task<void> runs = co_await wait_for(who(), 1h);
        EXPECT_EQ(runs, caller);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
