#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

// Which task runs, which there are, what they are called, and who hears of errors that nobody looked at.

namespace heddle::test {
namespace {

class TaskIdentity : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(TaskIdentity);

bool contains(const std::vector<Task<void>>& tasks, const Task<void>& task) {
    return std::ranges::find(tasks, task) != tasks.end();
}

TEST_P(TaskIdentity, TASK_12_current_task_before_and_after_every_suspension) {
    auto main = [&]() -> Coro<void> {
        const Task<void> me = current_task();
        Event go;
        std::atomic<int> wrong{0};
        auto looks = [&](int n) -> Coro<void> {
            const Task<void> self = current_task();
            for (int i = 0; i < n; ++i) {
                co_await yield();
                wrong += current_task() == self ? 0 : 1;
            }
            co_await go.wait();
            wrong += current_task() == self ? 0 : 1;
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 20; ++i) {
            tasks.push_back(create_task(looks(20 + i)));
        }
        EXPECT_EQ(current_task(), me);
        co_await until_waiters(go, 20);
        go.set();
        for (const Task<void>& task : tasks) {
            co_await task;
            EXPECT_EQ(current_task(), me);
        }
        EXPECT_EQ(wrong, 0);
    };
    run(main());
}

TEST_P(TaskIdentity, TASK_12_current_task_is_the_handle_that_create_task_gave) {
    auto main = [&]() -> Coro<void> {
        Task<void> said;
        auto who = [&]() -> Coro<void> {
            co_await yield();
            said = current_task();
        };
        Task<void> task = create_task(who());
        co_await task;
        EXPECT_EQ(said, task);
        auto nested = [&]() -> Coro<void> { co_await who(); };  // a mere await stays in the task
        task = create_task(nested());
        co_await task;
        EXPECT_EQ(said, task);
    };
    run(main());
}

TEST_P(TaskIdentity, TASK_12_TASK_13_none_outside) {
    EXPECT_FALSE(current_task());
    EXPECT_EQ(ending_of([] { return all_tasks(); }), "no running event loop");
    auto main = []() -> Coro<void> {
        EXPECT_TRUE(current_task());
        std::thread plain([] { EXPECT_FALSE(current_task()); });
        plain.join();
        co_return;
    };
    run(main());
    EXPECT_FALSE(current_task());
}

TEST_P(TaskIdentity, TASK_14_children_that_run_in_line_restore_the_outer_task) {
    auto main = [&]() -> Coro<void> {
        const Task<void> me = current_task();
        std::atomic<int> same{0};
        auto child = [&]() -> Coro<int> {
            same += current_task() == me ? 1 : 0;
            co_return 1;
        };
        for (int i = 0; i < 50; ++i) {
            co_await gather(child(), child(), child());
            EXPECT_EQ(current_task(), me);
        }
        EXPECT_EQ(same, 0);  // a child of gather is a task of its own, as in asyncio
    };
    run(main());
}

TEST_P(TaskIdentity, TASK_15_all_tasks_holds_the_unfinished_ones) {
    auto main = [&]() -> Coro<void> {
        const Task<void> me = current_task();
        EXPECT_EQ(all_tasks(), std::vector<Task<void>>{me});
        Event go;
        auto waits = [&]() -> Coro<void> { co_await go.wait(); };
        const Task<void> a = create_task(waits());
        const Task<void> b = create_task(waits());
        std::vector<Task<void>> all = all_tasks();
        EXPECT_EQ(all.size(), 3U);
        EXPECT_TRUE(contains(all, me) && contains(all, a) && contains(all, b));
        b.cancel();
        co_await ending(b);
        all = all_tasks();
        EXPECT_EQ(all.size(), 2U);
        EXPECT_TRUE(contains(all, me) && contains(all, a));
        go.set();
        co_await a;
        EXPECT_EQ(all_tasks(), std::vector<Task<void>>{me});
    };
    run(main());
}

TEST_P(TaskIdentity, TASK_15_each_runtime_has_its_own) {
    Runtime other(options());
    auto waits = [&]() -> Coro<void> { co_await never.wait(); };
    const Task<void> elsewhere = other.spawn(waits());
    auto main = [&]() -> Coro<void> {
        EXPECT_EQ(all_tasks().size(), 1U);
        EXPECT_FALSE(contains(all_tasks(), elsewhere));
        co_return;
    };
    run(main());
    other.shutdown();
    EXPECT_TRUE(elsewhere.cancelled());
}

TEST_P(TaskIdentity, TASK_16_default_names_are_unique) {
    constexpr std::size_t n = 200;
    auto main = [&]() -> Coro<void> {
        std::mutex lock;
        std::set<std::string> names;
        auto tells = [&]() -> Coro<void> {
            const std::string name = current_task().name();
            {
                const std::lock_guard hold(lock);
                names.insert(name);
            }
            co_await yield();
            EXPECT_EQ(current_task().name(), name);
        };
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < n; ++i) {
            tasks.push_back(create_task(tells()));
        }
        for (const Task<void>& task : tasks) {
            co_await task;
        }
        EXPECT_EQ(names.size(), n);
        for (const std::string& name : names) {
            EXPECT_EQ(name.rfind("Task-", 0), 0U) << name;
        }
    };
    run(main());
}

TEST_P(TaskIdentity, TASK_20_an_error_nobody_looked_at_is_reported_once) {
    auto main = []() -> Coro<void> {
        auto fail = []() -> Coro<int> {
            co_await yield();
            throw Boom("nobody looks");
        };
        {
            const Task<int> task = create_task(fail(), {.name = "careless"});
            // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): a second handle
            const Task<int> same = task;
            auto ended = [&] { return task.done(); };
            co_await until(ended);
            EXPECT_EQ(same.name(), "careless");
        }
        static_cast<void>(create_task(fail(), {.name = "dropped"}));
        auto only_main_is_left = [] { return all_tasks().size() == 1; };
        co_await until(only_main_is_left);
    };
    run(main());
    std::vector<std::string> reports = take_reports();
    std::ranges::sort(reports);
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_NE(reports[0].find("careless"), std::string::npos) << reports[0];
    EXPECT_NE(reports[1].find("dropped"), std::string::npos) << reports[1];
}

TEST_P(TaskIdentity, TASK_20_whoever_looks_takes_the_error) {
    auto main = []() -> Coro<void> {
        auto fail = []() -> Coro<int> {
            co_await yield();
            throw Boom("somebody looks");
        };
        const Task<int> awaited = create_task(fail());
        co_await ending(awaited);
        const Task<int> asked = create_task(fail());
        auto ended = [&] { return asked.done(); };
        co_await until(ended);
        EXPECT_EQ(describe(asked.exception()), "somebody looks");
        const Task<int> taken = create_task(fail());
        auto ended_too = [&] { return taken.done(); };
        co_await until(ended_too);
        EXPECT_EQ(ending_of(taken), "somebody looks");
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

// asyncio: whoever cancels a task knows that it may not end well.
TEST_P(TaskIdentity, TASK_20_no_report_if_cancel_was_called_on_the_failed_task) {
    auto main = []() -> Coro<void> {
        auto fail = []() -> Coro<int> {
            co_await yield();
            throw Boom("nobody looks");
        };
        const Task<int> task = create_task(fail());
        auto ended = [&] { return task.done(); };
        co_await until(ended);
        EXPECT_FALSE(task.cancel());
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

TEST_P(TaskIdentity, TASK_20_a_cancelled_task_is_no_error) {
    auto main = [&]() -> Coro<void> {
        auto waits = [&]() -> Coro<void> { co_await never.wait(); };
        const Task<void> task = create_task(waits());
        co_await until_parked(task);
        task.cancel();
        auto ended = [&] { return task.done(); };
        co_await until(ended);
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

}  // namespace
}  // namespace heddle::test
