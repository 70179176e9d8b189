#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/context.hpp>
#include <heddle/event.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// TaskGroup when nothing fails, and when it is used wrongly. Errors and cancellation have files of their own.

namespace heddle::test {
namespace {

class TaskGroupUse : public OverWorkers {};
HEDDLE_OVER_WORKERS(TaskGroupUse);

Coro<int> give(int value) {
    co_await yield();
    co_return value;
}

TEST_P(TaskGroupUse, TG_01_results_are_there_after_the_scope) {
    auto main = []() -> Coro<void> {
        Task<int> a;
        Task<int> b;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            a = tg.create_task(give(42));
            b = tg.create_task(give(11));
            co_return;
        };
        co_await task_group(body);
        EXPECT_TRUE(a.done() && b.done());
        EXPECT_EQ(a.result(), 42);
        EXPECT_EQ(b.result(), 11);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_02_child_created_after_an_await_in_the_body) {
    auto main = []() -> Coro<void> {
        Task<int> a;
        Task<int> b;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            a = tg.create_task(give(42));
            co_await a;
            co_await yield();
            b = tg.create_task(give(11));
        };
        co_await task_group(body);
        EXPECT_EQ(a.result(), 42);
        EXPECT_EQ(b.result(), 11);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_03_cancelling_one_child_is_no_failure) {
    Event never;
    Event go;
    auto wait_for_ever = [&]() -> Coro<void> { co_await never.wait(); };
    auto wait_and_give = [&]() -> Coro<int> {
        co_await go.wait();
        co_return 7;
    };
    auto main = [&]() -> Coro<void> {
        Task<void> a;
        Task<int> b;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            a = tg.create_task(wait_for_ever());
            b = tg.create_task(wait_and_give());
            co_await until_parked(a);
            EXPECT_TRUE(a.cancel());
            const std::string end = co_await ending(a);
            EXPECT_EQ(end, "CancelledError");
            go.set();
        };
        co_await task_group(body);
        EXPECT_TRUE(a.cancelled());
        EXPECT_EQ(b.result(), 7);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_04_a_child_that_raises_cancelled_error_is_no_failure) {
    auto give_up = []() -> Coro<void> {
        co_await yield();
        throw CancelledError("by itself");
    };
    auto main = [&]() -> Coro<void> {
        Task<void> a;
        Task<int> b;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            a = tg.create_task(give_up());
            co_await ending(a);
            b = tg.create_task(give(7));  // the group still takes children
        };
        co_await task_group(body);
        EXPECT_TRUE(a.cancelled());
        EXPECT_EQ(b.result(), 7);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_05_grandchildren_born_while_the_parent_is_at_the_exit) {
    std::vector<Task<int>> grandchildren;
    auto main = [&]() -> Coro<void> {
        const Task<void> parent = current_task();
        auto child = [&](TaskGroup& tg) -> Coro<void> {
            co_await until_parked(parent);
            for (int i = 0; i < 3; ++i) {
                co_await yield();
                grandchildren.push_back(tg.create_task(give(i)));
            }
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(child(tg));
            co_return;
        };
        co_await task_group(body);
        EXPECT_EQ(grandchildren.size(), 3U);
        for (const Task<int>& one : grandchildren) {
            EXPECT_TRUE(one.done());
        }
        grandchildren.clear();
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_06_finished_children_do_not_pile_up) {
    auto main = []() -> Coro<void> {
        const std::size_t before = detail::slab_in_use();
        std::size_t most = 0;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            for (int i = 0; i < 2000; ++i) {
                Task<int> one = tg.create_task(give(i));
                const int value = co_await std::move(one);
                EXPECT_EQ(value, i);
                most = std::max(most, detail::slab_in_use() - before);
            }
        };
        co_await task_group(body);
        EXPECT_LE(most, 64U);
        EXPECT_EQ(all_tasks().size(), 1U);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_07_exit_waits_for_the_children) {
    Event go;
    bool ended = false;
    auto child = [&]() -> Coro<void> {
        co_await go.wait();
        ended = true;
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> parent = current_task();
        auto opener = [&]() -> Coro<void> {
            co_await until_parked(parent);
            EXPECT_FALSE(parent.done());
            go.set();
        };
        Task<void> open;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(child());
            open = create_task(opener());
            co_return;
        };
        co_await task_group(body);
        EXPECT_TRUE(ended);
        co_await open;
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_07_a_group_without_children_returns_at_once) {
    auto main = []() -> Coro<void> {
        auto body = [](TaskGroup&) -> Coro<std::string> { co_return "nothing to wait for"; };
        const std::string text = co_await task_group(body);
        EXPECT_EQ(text, "nothing to wait for");
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_08_a_task_that_is_no_member_creates_children) {
    Event go;
    auto main = [&]() -> Coro<void> {
        Task<int> made;
        auto stranger = [&](TaskGroup& tg) -> Coro<void> {
            made = tg.create_task(give(5));
            go.set();
            co_return;
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            const Task<void> outside = create_task(stranger(tg));
            co_await go.wait();
            co_await outside;
        };
        co_await task_group(body);
        EXPECT_TRUE(made.done());
        EXPECT_EQ(made.result(), 5);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_08_a_plain_thread_creates_children) {
    auto main = [&]() -> Coro<void> {
        Task<int> made;
        Event done;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            std::thread thread([&] {
                made = tg.create_task(give(5));
                done.set();
            });
            co_await done.wait();
            thread.join();
        };
        co_await task_group(body);
        EXPECT_TRUE(made.done());
        EXPECT_EQ(made.result(), 5);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_09_a_child_sees_its_name) {
    auto main = []() -> Coro<void> {
        auto name = []() -> Coro<std::string> { co_return current_task().name(); };
        Task<std::string> child;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            child = tg.create_task(name(), {.name = "yolo"});
            EXPECT_EQ(child.name(), "yolo");
            co_return;
        };
        co_await task_group(body);
        EXPECT_EQ(child.result(), "yolo");
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_10_a_child_has_the_context_of_its_creator) {
    auto main = []() -> Coro<void> {
        static ContextVar<int> variable("variable", 0);
        std::vector<Task<int>> children;
        auto looks = [&](int then) -> Coro<int> {
            const int seen = variable.get();
            variable.set(then);
            co_await yield();
            EXPECT_EQ(variable.get(), then);
            co_return seen;
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            variable.set(1);
            children.push_back(tg.create_task(looks(10)));
            variable.set(2);
            children.push_back(tg.create_task(looks(20)));
            co_await children[0];
            EXPECT_EQ(variable.get(), 2);
        };
        co_await task_group(body);
        EXPECT_EQ(children[0].result(), 1);
        EXPECT_EQ(children[1].result(), 2);
        EXPECT_EQ(variable.get(), 2);  // the body runs in this task
    };
    run(main());
}

// ---- wrong use. In C++ a scope is one call, so some mistakes of Python cannot be written down
// ----------------------

TEST_P(TaskGroupUse, TG_41_a_scope_runs_once) {
    auto main = []() -> Coro<void> {
        int runs = 0;
        auto body = [&](TaskGroup&) -> Coro<void> {
            ++runs;
            co_return;
        };
        Coro<void> scope = task_group(body);
        co_await scope;
        bool refused = false;
        try {
            co_await scope;
        } catch (const std::runtime_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_EQ(runs, 1);
    };
    run(main());
}

TEST_P(TaskGroupUse, TG_42_TG_44_a_scope_that_is_not_awaited_does_nothing) {
    ProbeCounts counts;
    {
        auto body = [probe = Probe(counts)](TaskGroup&) -> Coro<void> {
            ADD_FAILURE() << "nobody has entered the scope";
            co_return;
        };
        const Coro<void> never_entered = task_group(std::move(body));
        EXPECT_GE(counts.alive, 1);
    }
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskGroupUse, TG_44_a_scope_made_outside_a_task_is_entered_by_the_task_that_awaits_it) {
    auto body = [](TaskGroup& tg) -> Coro<int> {
        const Task<int> child = tg.create_task(give(3));
        co_return co_await child;
    };
    Coro<int> scope = task_group(body);  // on this plain thread
    EXPECT_EQ(run(std::move(scope)), 3);
}

// With one worker there is a turn between the end of the last child and the parent's going on.
TEST(TaskGroupUseInOrder, TG_43_no_children_after_the_last_one_ended) {
    ProbeCounts counts;
    auto refused_child = [](Probe probe) -> Coro<void> {
        ADD_FAILURE() << "started with probe " << probe.value();
        co_return;
    };
    auto main = [&]() -> Coro<void> {
        Event go;
        auto waits = [&]() -> Coro<void> { co_await go.wait(); };
        TaskGroup* group = nullptr;
        Task<void> child;
        std::string end;
        bool left = false;
        auto latecomer = [&]() -> Coro<void> {
            co_await until_parked(child);
            go.set();          // the child is queued behind us
            co_await yield();  // it ends, the parent is queued behind us
            EXPECT_TRUE(child.done() && !left);
            end = ending_of([&] { return group->create_task(refused_child(Probe(counts))); });
        };
        const Task<void> late = create_task(latecomer());
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            group = &tg;
            child = tg.create_task(waits());
            co_return;
        };
        co_await task_group(body);
        left = true;
        co_await late;
        EXPECT_EQ(end, "TaskGroup is finished");
        EXPECT_EQ(counts.constructed, 1);
        EXPECT_EQ(counts.alive, 0);
    };
    heddle::run(main(), {.workers = 1});
}

}  // namespace
}  // namespace heddle::test
