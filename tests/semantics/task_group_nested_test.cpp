#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <string>

// Task groups inside of task groups.

namespace heddle::test {
namespace {

class TaskGroupNested : public OverWorkers {
protected:
    Event never;

    Coro<void> fails_in_cleanup(std::string text) {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            throw Boom(text);
        }
    }
    static Coro<void> fail_on(Event& event, std::string text) {
        co_await event.wait();
        throw Boom(text);
    }
    Coro<void> sleeper() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(TaskGroupNested);

TEST_P(TaskGroupNested, TG_36_cleanup_errors_of_inner_children) {
    auto main = [&]() -> Coro<void> {
        for (const bool outer_child : {false, true}) {
            auto scope = [&]() -> Coro<void> {
                auto inner = [&](TaskGroup& tg) -> Coro<void> {
                    tg.create_task(fails_in_cleanup("a"));
                    tg.create_task(fails_in_cleanup("a"));
                    co_await never.wait();
                };
                auto outer = [&](TaskGroup& tg) -> Coro<void> {
                    if (outer_child) {
                        tg.create_task(sleeper());
                    }
                    co_await task_group(inner);
                };
                co_await task_group(outer);
            };
            const Task<void> parent = create_task(scope());
            co_await until_waiters(never, outer_child ? 4 : 3);
            parent.cancel();
            const std::string end = co_await ending(parent);
            EXPECT_EQ(end, "group[group[a, a]]");
            EXPECT_FALSE(parent.cancelled());
        }
    };
    run(main());
}

TEST_P(TaskGroupNested, TG_37_outer_child_fails_while_the_inner_scope_is_open) {
    auto main = [&]() -> Coro<void> {
        Event fail_now;
        Task<void> inner_child;
        auto inner = [&](TaskGroup& tg) -> Coro<void> {
            inner_child = tg.create_task(sleeper());
            co_await until_parked(inner_child);
            fail_now.set();
        };
        auto outer = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(fail_on(fail_now, "outer"));
            co_await task_group(inner);
            ADD_FAILURE() << "the inner scope swallowed the cancellation";
        };
        const std::string end = co_await ending(task_group(outer));
        EXPECT_EQ(end, "group[outer]");
        EXPECT_TRUE(inner_child.cancelled());
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TaskGroupNested, TG_38_inner_child_fails) {
    auto main = [&]() -> Coro<void> {
        Event fail_now;
        Task<void> outer_child;
        auto inner = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(fail_on(fail_now, "inner"));
            fail_now.set();
            co_return;
        };
        auto outer = [&](TaskGroup& tg) -> Coro<void> {
            outer_child = tg.create_task(sleeper());
            co_await until_parked(outer_child);
            co_await task_group(inner);
        };
        const std::string end = co_await ending(task_group(outer));
        EXPECT_EQ(end, "group[group[inner]]");
        EXPECT_TRUE(outer_child.cancelled());
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TaskGroupNested, TG_39_inner_and_outer_child_fail_together) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 20; ++round) {
            Event fail_now;
            std::string of_inner;
            int after_inner = -1;
            auto inner = [&](TaskGroup& inner_group, TaskGroup& outer_group) -> Coro<void> {
                inner_group.create_task(fail_on(fail_now, "inner"));
                outer_group.create_task(fail_on(fail_now, "outer"));
                co_await until_waiters(fail_now, 2);
                fail_now.set();
                co_await never.wait();
            };
            auto outer = [&](TaskGroup& outer_group) -> Coro<void> {
                auto bound = [&](TaskGroup& inner_group) -> Coro<void> {
                    return inner(inner_group, outer_group);
                };
                of_inner = co_await ending(task_group(bound));
                after_inner = current_task().cancelling();
                if (of_inner == "CancelledError") {
                    throw CancelledError();  // only passed through: nobody handled it
                }
                co_await never.wait();
                ADD_FAILURE() << "not reached";
            };
            const std::string end = co_await ending(task_group(outer));
            EXPECT_EQ(end, "group[outer]");
            EXPECT_EQ(current_task().cancelling(), 0);
            if (workers() == 1) {
                EXPECT_EQ(of_inner, "group[inner]");
                EXPECT_EQ(after_inner, 1);
            } else {
                // The outer child may be later, or so much earlier that the inner one was cancelled.
                EXPECT_TRUE(of_inner == "group[inner]" || of_inner == "CancelledError") << of_inner;
                EXPECT_TRUE(after_inner == 0 || after_inner == 1) << after_inner;
            }
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
        }
    };
    run(main());
}

TEST_P(TaskGroupNested, TG_40_the_inner_scope_keeps_the_request_of_the_outer_one) {
    auto main = [&]() -> Coro<void> {
        Event fail_inner;
        Event fail_outer;
        Event release;
        bool slow_one_stopped = false;
        auto slow_to_stop = [&]() -> Coro<void> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            slow_one_stopped = true;
            fail_outer.set();
            co_await release.wait();
        };
        const Task<void> parent = current_task();
        auto fails_and_releases = [&]() -> Coro<void> {
            // When we have failed, the parent is asked by two groups. It must notice both while it waits for
            // the slow one, which goes on once that has been recorded.
            co_await fail_outer.wait();
            throw Boom("outer");
        };
        auto releaser = [&]() -> Coro<void> {
            auto asked_twice = [&] { return parent.cancelling() == 2; };
            co_await until(asked_twice);
            co_await until_parked(parent);
            release.set();
        };
        auto inner = [&](TaskGroup& tg) -> Coro<void> {
            const Task<void> slow = tg.create_task(slow_to_stop());
            co_await until_parked(slow);
            tg.create_task(fail_on(fail_inner, "inner"));
            fail_inner.set();
        };
        std::string of_inner;
        std::string after_inner;
        int count = -1;
        auto outer = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(fails_and_releases());
            of_inner = co_await ending(task_group(inner));
            count = current_task().cancelling();
            after_inner = co_await ending(never.wait());
            throw CancelledError();
        };
        const Task<void> release_later = create_task(releaser());
        const std::string end = co_await ending(task_group(outer));
        EXPECT_EQ(end, "group[outer]");
        EXPECT_TRUE(slow_one_stopped);
        EXPECT_EQ(of_inner, "group[inner]");
        EXPECT_EQ(count, 1);
        EXPECT_EQ(after_inner, "CancelledError");
        EXPECT_EQ(parent.cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
        co_await release_later;
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
