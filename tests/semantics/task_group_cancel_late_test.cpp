#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <string>
#include <vector>

// TaskGroup whose parent is cancelled while it, its children or its body are already on their way out.

namespace heddle::test {
namespace {

class TaskGroupCancelLate : public OverWorkers {
protected:
    Event never;

    /// Goes on after its cancellation until `release` is set.
    Coro<int> slow_to_stop(Event& release) {
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError");
        co_await release.wait();
        co_return 7;
    }
};
HEDDLE_OVER_WORKERS(TaskGroupCancelLate);

TEST_P(TaskGroupCancelLate, TG_30_child_fails_while_the_body_cleans_up) {
    auto main = [&]() -> Coro<void> {
        Event fail_now;
        auto fail_on_demand = [&]() -> Coro<void> {
            co_await fail_now.wait();
            throw Boom("child");
        };
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(fail_on_demand());
                const std::string by_outside = co_await ending(never.wait());
                EXPECT_EQ(by_outside, "CancelledError");
                EXPECT_EQ(current_task().cancelling(), 1);
                fail_now.set();
                const std::string by_group = co_await ending(never.wait());
                EXPECT_EQ(by_group, "CancelledError");
                EXPECT_EQ(current_task().cancelling(), 2);
                throw CancelledError();
            };
            co_await task_group(body);
        };
        auto one_further_down = [&]() -> Coro<void> {
            const Task<void> inner = create_task(scope());
            co_await inner;
        };
        for (const bool deeper : {false, true}) {
            fail_now.clear();
            const Task<void> parent = create_task(deeper ? one_further_down() : scope());
            co_await until_waiters(never, 1);
            co_await until_parked(parent);
            parent.cancel();
            const std::string end = co_await ending(parent);
            EXPECT_EQ(end, "group[child]");
            EXPECT_FALSE(parent.cancelled());
        }
    };
    run(main());
}

TEST_P(TaskGroupCancelLate, TG_31_second_cancel_while_children_are_slow_to_stop) {
    auto main = [&]() -> Coro<void> {
        Event release;
        int count = -1;
        Task<int> child;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                child = tg.create_task(slow_to_stop(release));
                co_return;
            };
            std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(child.done());
            count = current_task().cancelling();
            end = co_await ending(yield());
            EXPECT_EQ(end, "value");  // both requests have been delivered
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 1);
        parent.cancel();
        co_await until_waiters(release, 1);
        co_await until_parked(parent);
        EXPECT_TRUE(parent.cancel());
        co_await until_parked(parent);
        EXPECT_FALSE(parent.done());
        EXPECT_EQ(waiters(release), 1U);  // the child is cancelled once
        release.set();
        co_await parent;
        EXPECT_EQ(count, 2);
        EXPECT_EQ(child.result(), 7);
    };
    run(main());
}

TEST_P(TaskGroupCancelLate, TG_32_outside_cancel_while_siblings_of_a_failed_child_are_slow_to_stop) {
    auto main = [&]() -> Coro<void> {
        Event fail_now;
        Event release;
        int in_handler = -1;
        auto fail_on_demand = [&]() -> Coro<void> {
            co_await fail_now.wait();
            throw Boom("child");
        };
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(slow_to_stop(release));
                tg.create_task(fail_on_demand());
                co_return;
            };
            std::string end;
            try {
                co_await task_group(body);
            } catch (const ExceptionGroup&) {
                in_handler = current_task().cancelling();
                end = describe(std::current_exception());
            }
            EXPECT_EQ(end, "group[child]");
            end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            throw CancelledError();
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 1);
        co_await until_waiters(fail_now, 1);
        fail_now.set();
        co_await until_waiters(release, 1);
        co_await until_parked(parent);
        EXPECT_TRUE(parent.cancel());
        co_await until_parked(parent);
        release.set();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(parent.cancelled());
        EXPECT_EQ(in_handler, 1);
    };
    run(main());
}

TEST_P(TaskGroupCancelLate, TG_33_child_swallows_its_cancellation) {
    auto main = [&]() -> Coro<void> {
        Event release;
        release.set();
        Task<int> child;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                child = tg.create_task(slow_to_stop(release));
                co_return;
            };
            co_await task_group(body);
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 1);
        parent.cancel();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(child.result(), 7);
    };
    run(main());
}

TEST_P(TaskGroupCancelLate, TG_34_body_swallows_the_cancellation) {
    auto main = [&]() -> Coro<void> {
        Event go;
        int count = -1;
        Task<void> child;
        auto waits = [&]() -> Coro<void> { co_await go.wait(); };
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                child = tg.create_task(waits());
                const std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
            };
            co_await task_group(body);
            count = current_task().cancelling();
        };
        const Task<void> parent = create_task(scope());
        co_await until_waiters(never, 1);
        co_await until_waiters(go, 1);
        parent.cancel();
        co_await until_waiters(never, 0);
        co_await until_parked(parent);  // at the exit
        EXPECT_FALSE(child.done());
        EXPECT_EQ(child.cancelling(), 0);
        go.set();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "value");
        EXPECT_EQ(count, 1);
        EXPECT_FALSE(child.cancelled());
    };
    run(main());
}

TEST_P(TaskGroupCancelLate, TG_45_no_child_outlives_the_parent) {
    constexpr int rounds = 100;
    constexpr int width = 8;
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < rounds; ++round) {
            std::atomic<int> alive{0};
            auto child = [&](int i) -> Coro<void> {
                ++alive;
                const std::string stopped = co_await ending(yield());
                static_cast<void>(stopped);
                --alive;
                if (i == round % width) {
                    throw Boom("child");
                }
            };
            std::vector<Task<void>> children;
            auto scope = [&]() -> Coro<void> {
                auto body = [&](TaskGroup& tg) -> Coro<void> {
                    for (int i = 0; i < width; ++i) {
                        children.push_back(tg.create_task(child(i)));
                    }
                    co_return;
                };
                co_await task_group(body);
            };
            const Task<void> parent = create_task(scope());
            parent.cancel();
            const std::string end = co_await ending(parent);
            EXPECT_TRUE(end == "CancelledError" || end == "group[child]") << end;
            EXPECT_EQ(alive, 0);
            for (const Task<void>& one : children) {
                EXPECT_TRUE(one.done());
            }
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
