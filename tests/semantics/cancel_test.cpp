#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/sleep.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <vector>

// Task.cancel(): where the request goes, and what the task makes of it. Counting requests has a file of its
// own.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class CancelTask : public OverWorkers {
protected:
    Event never;
    Coro<void> sleeper() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(CancelTask);

TEST_P(CancelTask, CAN_01_a_parked_task) {
    auto main = [&]() -> Coro<void> {
        std::string inside;
        auto waits = [&]() -> Coro<int> {
            try {
                co_await never.wait();
            } catch (...) {
                inside = describe(std::current_exception());
                throw;
            }
            co_return 12;
        };
        const Task<int> task = create_task(waits());
        co_await until_parked(task);
        EXPECT_TRUE(task.cancel());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(inside, "CancelledError");
        EXPECT_TRUE(task.done());
        EXPECT_TRUE(task.cancelled());
        EXPECT_FALSE(task.cancel());
    };
    run(main());
}

TEST_P(CancelTask, CAN_02_before_the_first_step) {
    auto main = [&]() -> Coro<void> {
        std::atomic<bool> ran{false};
        auto body = [&]() -> Coro<void> {
            ran = true;
            co_await never.wait();
        };
        const Task<void> task = create_task(body());
        EXPECT_TRUE(task.cancel("early"));
        const std::string end = co_await ending(task);
        EXPECT_TRUE(task.cancelled());
        if (workers() == 1) {
            EXPECT_FALSE(ran);  // nobody else could have started it
            EXPECT_EQ(end, "CancelledError: early");
        }
    };
    run(main());
}

TEST_P(CancelTask, CAN_03_a_task_that_merely_yields) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> turns{0};
        auto yields = [&]() -> Coro<void> {
            for (;;) {
                ++turns;
                co_await yield();
            }
        };
        const Task<void> task = create_task(yields());
        auto under_way = [&] { return turns >= 3; };
        co_await until(under_way);
        EXPECT_TRUE(task.cancel());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(task.cancelled());
    };
    run(main());
}

TEST_P(CancelTask, CAN_04_a_request_is_no_end) {
    auto main = [&]() -> Coro<void> {
        Event release;
        auto slow = [&]() -> Coro<void> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_await release.wait();
            throw CancelledError();
        };
        const Task<void> task = create_task(slow());
        co_await until_parked(task);
        EXPECT_TRUE(task.cancel());
        EXPECT_FALSE(task.done());
        EXPECT_FALSE(task.cancelled());
        EXPECT_EQ(task.cancelling(), 1);
        release.set();
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(task.done() && task.cancelled());
    };
    run(main());
}

TEST_P(CancelTask, CAN_05_what_it_waits_for_is_cancelled_by_somebody_else) {
    auto main = [&]() -> Coro<void> {
        const Task<void> inner = create_task(sleeper());
        auto waits = [&]() -> Coro<void> { co_await inner; };
        const Task<void> outer = create_task(waits());
        co_await until_parked(inner, outer);
        inner.cancel();
        const std::string end = co_await ending(outer);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(outer.cancelled());
        EXPECT_EQ(outer.cancelling(), 0);
    };
    run(main());
}

TEST_P(CancelTask, CAN_06_both_the_task_and_what_it_waits_for) {
    auto main = [&]() -> Coro<void> {
        for (const bool inner_first : {false, true}) {
            const Task<void> inner = create_task(sleeper());
            auto waits = [&]() -> Coro<void> { co_await inner; };
            const Task<void> outer = create_task(waits());
            co_await until_parked(inner, outer);
            (inner_first ? inner : outer).cancel();
            (inner_first ? outer : inner).cancel();
            const std::string end = co_await ending(outer);
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(inner.cancelled());
            EXPECT_TRUE(outer.cancelled());
        }
    };
    run(main());
}

TEST_P(CancelTask, CAN_07_every_frame_sees_it_inside_out) {
    auto main = [&]() -> Coro<void> {
        std::vector<int> seen;
        struct Nest {
            static Coro<void> level(int depth, std::vector<int>& seen, Event& never) {
                try {
                    if (depth == 0) {
                        co_await never.wait();
                    } else {
                        co_await level(depth - 1, seen, never);
                    }
                } catch (const CancelledError&) {
                    seen.push_back(depth);
                    throw;
                }
            }
        };
        const Task<void> task = create_task(Nest::level(3, seen, never));
        co_await until_parked(task);
        task.cancel();
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3}));
    };
    run(main());
}

TEST_P(CancelTask, CAN_08_goes_on_to_the_awaited_task) {
    auto main = [&]() -> Coro<void> {
        const Task<void> b = create_task(sleeper());
        auto waits_for_b = [&]() -> Coro<void> { co_await b; };
        const Task<void> a = create_task(waits_for_b());
        auto waits_for_a = [&]() -> Coro<void> { co_await a; };
        const Task<void> top = create_task(waits_for_a());
        co_await until_parked(b, a, top);
        EXPECT_TRUE(top.cancel("through"));
        const std::string end = co_await ending(top);
        EXPECT_EQ(end, "CancelledError: through");
        EXPECT_TRUE(b.cancelled());
        EXPECT_TRUE(a.cancelled());
        EXPECT_TRUE(top.cancelled());
        EXPECT_EQ(b.cancelling(), 1);
    };
    run(main());
}

TEST_P(CancelTask, CAN_09_awaited_task_ignores_it) {
    auto main = [&]() -> Coro<void> {
        auto ignores = [&]() -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_return 9;
        };
        const Task<int> b = create_task(ignores());
        std::string next;
        auto waits = [&]() -> Coro<int> {
            const int value = co_await b;
            next = co_await ending(yield());
            co_return value;
        };
        const Task<int> a = create_task(waits());
        co_await until_parked(b, a);
        a.cancel();
        const int value = co_await a;
        EXPECT_EQ(value, 9);
        EXPECT_EQ(next, "value");
        EXPECT_FALSE(a.cancelled());
        EXPECT_EQ(a.cancelling(), 1);
    };
    run(main());
}

TEST_P(CancelTask, CAN_10_caught_and_returned) {
    auto main = [&]() -> Coro<void> {
        auto catches = [&]() -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_return 42;
        };
        const Task<int> task = create_task(catches());
        co_await until_parked(task);
        task.cancel();
        const int value = co_await task;
        EXPECT_EQ(value, 42);
        EXPECT_FALSE(task.cancelled());
    };
    run(main());
}

TEST_P(CancelTask, CAN_11_caught_and_then_another_await) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto ignores = [&]() -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_await go.wait();
            co_await yield();
            co_await sleep(1ms);
            co_return 42;
        };
        const Task<int> task = create_task(ignores());
        co_await until_parked(task);
        task.cancel();
        co_await until_waiters(go, 1);
        go.set();
        const int value = co_await task;
        EXPECT_EQ(value, 42);
    };
    run(main());
}

TEST_P(CancelTask, CAN_12_a_task_cancels_itself) {
    auto main = [&]() -> Coro<void> {
        bool reached = false;
        auto cancels_itself = [&]() -> Coro<void> {
            EXPECT_TRUE(current_task().cancel());
            co_await never.wait();
            reached = true;
        };
        const Task<void> task = create_task(cancels_itself());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(task.cancelled());
        EXPECT_FALSE(reached);
    };
    run(main());
}

TEST_P(CancelTask, CAN_13_a_task_cancels_itself_and_awaits_a_parked_task) {
    auto main = [&]() -> Coro<void> {
        const Task<void> sub = create_task(sleeper());
        co_await until_parked(sub);
        auto cancels_itself = [&]() -> Coro<void> {
            current_task().cancel();
            co_await sub;
        };
        const Task<void> task = create_task(cancels_itself());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(task.cancelled());
        EXPECT_TRUE(sub.cancelled());
        EXPECT_EQ(waiters(never), 0U);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
