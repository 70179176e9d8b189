#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/sleep.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>

// cancelling(), uncancel(), and which request is delivered when.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class CancelCount : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(CancelCount);

TEST_P(CancelCount, CAN_14_two_requests_before_it_runs) {
    auto main = [&]() -> Coro<void> {
        std::string first;
        std::string second;
        auto cancels_twice = [&]() -> Coro<int> {
            const Task<void> me = current_task();
            EXPECT_TRUE(me.cancel());
            EXPECT_TRUE(me.cancel());
            first = co_await ending(yield());
            second = co_await ending(yield());
            co_return me.cancelling();
        };
        const Task<int> task = create_task(cancels_twice());
        const int count = co_await task;
        EXPECT_EQ(count, 2);
        EXPECT_EQ(first, "CancelledError");
        EXPECT_EQ(second, "value");
    };
    run(main());
}

TEST_P(CancelCount, CAN_14_two_requests_while_it_is_parked) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto catches = [&]() -> Coro<int> {
            const std::string first = co_await ending(never.wait());
            EXPECT_EQ(first, "CancelledError");
            co_await ending(go.wait());  // on several workers the second request may come only now
            co_return current_task().cancelling();
        };
        const Task<int> task = create_task(catches());
        co_await until_parked(task);
        EXPECT_TRUE(task.cancel());
        EXPECT_TRUE(task.cancel());
        EXPECT_EQ(task.cancelling(), 2);
        go.set();
        const int count = co_await task;
        EXPECT_EQ(count, 2);
    };
    run(main());
}

TEST_P(CancelCount, CAN_17_counts_requests_and_takes_them_back) {
    auto main = [&]() -> Coro<void> {
        auto counts = []() -> Coro<int> {
            const Task<void> me = current_task();
            EXPECT_EQ(me.cancelling(), 0);
            EXPECT_EQ(me.uncancel(), 0);
            me.cancel();
            me.cancel();
            me.cancel();
            EXPECT_EQ(me.cancelling(), 3);
            EXPECT_EQ(me.uncancel(), 2);
            EXPECT_EQ(me.uncancel(), 1);
            EXPECT_EQ(me.cancelling(), 1);
            EXPECT_EQ(me.uncancel(), 0);
            EXPECT_EQ(me.uncancel(), 0);
            EXPECT_EQ(me.cancelling(), 0);
            co_await yield();
            co_return 1;
        };
        const int value = co_await create_task(counts());
        EXPECT_EQ(value, 1);
    };
    run(main());
}

TEST_P(CancelCount, CAN_18_caught_and_taken_back) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto handles = [&]() -> Coro<int> {
            const Task<void> me = current_task();
            std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            EXPECT_EQ(me.cancelling(), 1);
            EXPECT_EQ(me.uncancel(), 0);
            end = co_await ending(go.wait());
            EXPECT_EQ(end, "value");
            end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            co_return me.cancelling();
        };
        const Task<int> task = create_task(handles());
        co_await until_parked(task);
        EXPECT_TRUE(task.cancel());
        co_await until_waiters(go, 1);
        EXPECT_EQ(task.cancelling(), 0);
        go.set();
        co_await until_waiters(never, 1);
        EXPECT_TRUE(task.cancel());
        const int count = co_await task;
        EXPECT_EQ(count, 1);
        EXPECT_EQ(task.uncancel(), 1);  // after the end nothing changes
        EXPECT_EQ(task.cancelling(), 1);
        EXPECT_EQ(task.result(), 1);
    };
    run(main());
}

// Made runnable, asked to stop and forgiven before it runs: only certain when nobody else could run it.
TEST_P(CancelCount, CAN_19_withdrawn_before_it_was_seen) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto waits = [&]() -> Coro<std::string> {
            std::string end = co_await ending(go.wait());
            co_return end;
        };
        const Task<std::string> task = create_task(waits());
        co_await until_parked(task);
        go.set();
        const bool accepted = task.cancel();
        const int left = task.uncancel();
        const std::string end = co_await task;
        EXPECT_EQ(task.cancelling(), 0);
        if (workers() == 1) {
            EXPECT_TRUE(accepted);
            EXPECT_EQ(left, 0);
            EXPECT_EQ(end, "value");
            EXPECT_FALSE(task.cancelled());
        } else {
            EXPECT_TRUE(end == "value" || end == "CancelledError") << end;
        }
    };
    run(main());
}

TEST_P(CancelCount, CAN_19_withdrawn_while_it_runs) {
    auto main = [&]() -> Coro<void> {
        auto forgiven = [&]() -> Coro<int> {
            current_task().cancel();
            EXPECT_EQ(current_task().uncancel(), 0);
            co_await yield();
            co_return 5;
        };
        const int value = co_await create_task(forgiven());
        EXPECT_EQ(value, 5);
    };
    run(main());
}

TEST_P(CancelCount, CAN_20_a_timeout_made_by_hand) {
    auto main = [&]() -> Coro<void> {
        auto with_timeout = [&](std::chrono::milliseconds delay, Event& what) -> Coro<std::string> {
            const Task<void> me = current_task();
            std::atomic<bool> fired{false};
            auto timer = [&]() -> Coro<void> {
                co_await sleep(delay);
                fired = true;
                me.cancel();
            };
            const Task<void> alarm = create_task(timer());
            std::string end = co_await ending(what.wait());
            alarm.cancel();
            auto over = [&] { return alarm.done(); };
            bool done = over();
            while (!done) {
                co_await ending(yield());  // the alarm may still ring
                done = over();
            }
            if (fired && me.uncancel() == 0 && end == "CancelledError") {
                end = "TimeoutError";
            }
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
            EXPECT_EQ(me.cancelling(), 0);
            co_return end;
        };
        Event open;
        open.set();
        std::string end = co_await create_task(with_timeout(5ms, never));
        EXPECT_EQ(end, "TimeoutError");
        end = co_await create_task(with_timeout(1h, open));
        EXPECT_EQ(end, "value");
    };
    run(main());
}

TEST_P(CancelCount, CAN_21_reason_of_the_request) {
    auto main = [&]() -> Coro<void> {
        auto waits = [&]() -> Coro<void> { co_await never.wait(); };
        Task<void> task = create_task(waits());
        co_await until_parked(task);
        task.cancel("because");
        std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError: because");

        task = create_task(waits());
        co_await until_parked(task);
        task.cancel();
        end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");

        auto last_wins = [&]() -> Coro<void> {
            current_task().cancel("first");
            current_task().cancel("last");
            co_await never.wait();
        };
        end = co_await ending(create_task(last_wins()));
        EXPECT_EQ(end, "CancelledError: last");

        auto at_its_end = []() -> Coro<int> {
            current_task().cancel("too late to be noticed");
            co_return 1;
        };
        end = co_await ending(create_task(at_its_end()));
        EXPECT_EQ(end, "CancelledError: too late to be noticed");

        auto before_start = []() -> Coro<void> { co_return; };
        task = create_task(before_start());
        const bool accepted = task.cancel("early");
        end = co_await ending(task);
        EXPECT_EQ(end, accepted ? "CancelledError: early" : "value");
    };
    run(main());
}

TEST_P(CancelCount, CAN_21_a_reason_is_used_once) {
    auto main = [&]() -> Coro<void> {
        Event never_either;
        auto twice = [&]() -> Coro<std::string> {
            std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError: because");
            end = co_await ending(never_either.wait());
            co_return end;
        };
        const Task<std::string> task = create_task(twice());
        co_await until_parked(task);
        task.cancel("because");
        co_await until_waiters(never_either, 1);
        task.cancel();
        const std::string second = co_await task;
        EXPECT_EQ(second, "CancelledError");
    };
    run(main());
}

TEST_P(CancelCount, CAN_25_an_await_that_does_not_suspend_delivers_nothing) {
    auto main = [&]() -> Coro<void> {
        Event open;
        open.set();
        auto give = []() -> Coro<int> { co_return 4; };
        const Task<int> finished = create_task(give());
        co_await finished;
        auto asks = [&]() -> Coro<int> {
            current_task().cancel();
            co_await open.wait();
            const int value = co_await finished;
            const std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            co_return value;
        };
        const int value = co_await create_task(asks());
        EXPECT_EQ(value, 4);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
