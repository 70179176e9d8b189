#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/context.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// What becomes of a task that cannot start, that nobody holds, or that is still there at the end; its
// context.

namespace heddle::test {
namespace {

class TaskLife : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(TaskLife);

TEST_P(TaskLife, TASK_17_scheduling_that_fails) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    // No runtime on this thread.
    EXPECT_EQ(ending_of([&] { return create_task(body(Probe(counts))); }), "no running event loop");
    EXPECT_EQ(counts.alive, 0);
    {
        Runtime runtime(options());
        runtime.shutdown();
        bool refused = false;
        try {
            static_cast<void>(runtime.spawn(body(Probe(counts))));
        } catch (const std::runtime_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
    }
    EXPECT_EQ(counts.constructed, 2);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskLife, TASK_18_results_are_destroyed_once) {
    constexpr int n = 100;
    ProbeCounts counts;
    struct Heavy {
        explicit Heavy(ProbeCounts& c) : probe(c) {}
        Probe probe;
        std::shared_ptr<std::vector<std::string>> load =
            std::make_shared<std::vector<std::string>>(100, std::string(100, 'x'));
    };
    auto work = [&]() -> Coro<Heavy> {
        co_await yield();
        co_return Heavy(counts);
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<Heavy>> tasks;
        for (int i = 0; i < n; ++i) {
            tasks.push_back(create_task(work()));
        }
        for (int i = 0; i < n; i += 2) {
            const Heavy value = co_await std::move(tasks[static_cast<std::size_t>(i)]);
            EXPECT_EQ(value.load->size(), 100U);
        }
        // The others keep theirs. Without this wait some could still be in their yield, and be cancelled.
        auto all_done = [&] {
            int done = 0;
            for (int i = 1; i < n; i += 2) {
                done += tasks[static_cast<std::size_t>(i)].done() ? 1 : 0;
            }
            return done == n / 2;
        };
        co_await until(all_done);
    };
    run(main());
    EXPECT_EQ(counts.constructed, n);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskLife, TASK_19_a_task_without_handles_runs_to_its_end) {
    auto main = [&]() -> Coro<void> {
        Event go;
        Event ended;
        ProbeCounts counts;
        auto work = [&](Probe probe) -> Coro<Probe> {
            co_await go.wait();
            co_await yield();
            ended.set();
            co_return probe;
        };
        static_cast<void>(create_task(work(Probe(counts))));
        co_await until_waiters(go, 1);
        go.set();
        co_await ended.wait();
        auto all_gone = [&] { return counts.alive == 0; };
        co_await until(all_gone);
    };
    run(main());
}

TEST_P(TaskLife, TASK_21_context_of_a_child_is_a_copy) {
    static ContextVar<std::string> variable("variable", "none");
    auto main = []() -> Coro<void> {
        variable.set("parent");
        Event go;
        auto child = [&]() -> Coro<std::string> {
            std::string first = variable.get();
            variable.set("child");
            co_await go.wait();
            EXPECT_EQ(variable.get(), "child");
            co_return first;
        };
        const Task<std::string> task = create_task(child());
        variable.set("parent again");
        task.add_done_callback([] { variable.set("callback"); });
        co_await until_parked(task);
        EXPECT_EQ(variable.get(), "parent again");
        go.set();
        const std::string& first = co_await task;
        EXPECT_EQ(first, "parent");  // as it was when the child was created
        EXPECT_EQ(variable.get(), "parent again");
        auto awaited = []() -> Coro<void> {
            variable.set("by a mere await");  // a coroutine that is awaited shares the context
            co_return;
        };
        co_await awaited();
        EXPECT_EQ(variable.get(), "by a mere await");
    };
    run(main());
    EXPECT_EQ(variable.get(), "none");
}

TEST_P(TaskLife, TASK_21_each_of_many_tasks_sees_its_own_value) {
    static ContextVar<int> variable("variable");
    auto main = []() -> Coro<void> {
        Event go;
        std::atomic<int> wrong{0};
        auto looks = [&](int mine) -> Coro<void> {
            variable.set(mine);
            for (int i = 0; i < 20; ++i) {
                co_await yield();
                wrong += variable.get() == mine ? 0 : 1;
            }
            co_await go.wait();
            wrong += variable.get() == mine ? 0 : 1;
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(create_task(looks(i)));
        }
        co_await until_waiters(go, 100);
        go.set();
        for (const Task<void>& task : tasks) {
            co_await task;
        }
        EXPECT_EQ(wrong, 0);
        EXPECT_EQ(variable.get(-1), -1);
    };
    run(main());
}

TEST_P(TaskLife, TASK_22_shutdown_while_run_waits_for_its_main_task) {
    Runtime runtime(options());
    auto main = [&]() -> Coro<void> { co_await never.wait(); };
    std::thread stopper([&] {
        until_waiters_blocking(never, 1);
        runtime.shutdown();
    });
    EXPECT_EQ(ending_of([&] { runtime.run(main()); }), "CancelledError");
    stopper.join();
}

}  // namespace
}  // namespace heddle::test
