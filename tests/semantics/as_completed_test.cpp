#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/as_completed.hpp>
#include <heddle/event.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class AsCompletedTest : public WithJobs {
protected:
    /// All that are left, in the order in which they come.
    static Coro<Ints> rest_of(AsCompleted<int>& it) {
        Ints tasks;
        while (true) {
            Task<int> task = co_await it.next();
            if (!task) {
                break;
            }
            tasks.push_back(std::move(task));
        }
        co_return tasks;
    }
    /// Ends a task that would never end.
    static Coro<void> let_go(Task<int> task) {
        task.cancel();
        co_await settle(task);
    }
};
HEDDLE_OVER_WORKERS(AsCompletedTest);

TEST_P(AsCompletedTest, ASC_01_ASC_02_in_the_order_of_their_ends) {
    auto main = [&]() -> Coro<void> {
        std::array<Event, 3> go;
        const Ints tasks{create_task(give_after(go[0], 0)), create_task(give_after(go[1], 1)),
                         create_task(give_after(go[2], 2))};
        auto it = as_completed(tasks);
        for (const std::size_t i : {2U, 0U, 1U}) {
            auto one = [&]() -> Coro<Task<int>> {
                Task<int> task = co_await it.next();
                co_return task;
            };
            const Task<Task<int>> next = create_task(one());
            co_await until_parked(next);
            go[i].set();
            const Task<int>& ended = co_await next;
            EXPECT_EQ(ended, tasks[i]);  // the very task
            EXPECT_TRUE(ended.done());
            const int value = co_await ended;
            EXPECT_EQ(value, static_cast<int>(i));
        }
        for (int i = 0; i < 2; ++i) {
            const Task<int> nothing = co_await it.next();
            EXPECT_FALSE(nothing);
        }
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_01_nobody_asks_while_they_end) {
    auto main = [&]() -> Coro<void> {
        std::array<Event, 3> go;
        const Ints tasks{create_task(give_after(go[0], 0)), create_task(give_after(go[1], 1)),
                         create_task(give_after(go[2], 2))};
        auto it = as_completed(tasks);
        for (const std::size_t i : {2U, 0U, 1U}) {
            Event seen;
            tasks[i].add_done_callback([&] { seen.set(); });  // after the iterator's own
            go[i].set();
            co_await seen.wait();
        }
        const Ints order = co_await rest_of(it);
        EXPECT_EQ(order, (ints(tasks[2], tasks[0], tasks[1])));
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_02_coroutines_become_tasks_at_once) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> started{0};
        Event go;
        auto work = [&](int value) -> Coro<int> {
            ++started;
            co_await go.wait();
            co_return value;
        };
        std::vector<Coro<int>> coros;
        for (int i = 1; i <= 3; ++i) {
            coros.push_back(work(i));
        }
        auto it = as_completed(std::move(coros));
        auto all_started = [&] { return started == 3; };
        co_await until(all_started);  // though nobody has asked for anything
        go.set();
        const Ints tasks = co_await rest_of(it);
        int sum = 0;
        for (const Task<int>& task : tasks) {
            sum += task.result();
        }
        EXPECT_EQ(tasks.size(), 3U);
        EXPECT_EQ(sum, 6);
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_05_goes_on_where_it_was_left) {
    auto main = [&]() -> Coro<void> {
        Ints tasks;
        for (int i = 0; i < 20; ++i) {
            tasks.push_back(create_task(give(i)));
        }
        auto it = as_completed(tasks);
        Ints given;
        for (int i = 0; i < 5; ++i) {
            const Task<int> task = co_await it.next();
            given.push_back(task);
        }
        co_await settle_all(tasks);
        auto moved = std::move(it);
        const Ints rest = co_await rest_of(moved);
        given.insert(given.end(), rest.begin(), rest.end());
        EXPECT_EQ(given.size(), tasks.size());
        for (const Task<int>& task : tasks) {
            EXPECT_EQ(std::ranges::count(given, task), 1);
        }
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_06_the_handle_awaited_first_gives_the_first_end) {
    auto main = [&]() -> Coro<void> {
        Event go_a;
        Event go_b;
        const Task<int> a = create_task(give_after(go_a, 1));
        const Task<int> b = create_task(give_after(go_b, 2));
        auto it = as_completed(ints(a, b));
        Coro<Task<int>> first_made = it.next();
        Coro<Task<int>> second_made = it.next();
        go_b.set();
        const Task<int> first = co_await std::move(second_made);
        EXPECT_EQ(first, b);
        go_a.set();
        const Task<int> second = co_await std::move(first_made);
        EXPECT_EQ(second, a);
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_07_several_handles_at_once) {
    auto main = [&]() -> Coro<void> {
        constexpr std::size_t n = 50;
        Event go;
        Ints tasks;
        for (std::size_t i = 0; i < n; ++i) {
            tasks.push_back(create_task(give_after(go, static_cast<int>(i))));
        }
        auto it = as_completed(tasks);
        auto one = [&]() -> Coro<Task<int>> {
            Task<int> task = co_await it.next();
            co_return task;
        };
        std::vector<Task<Task<int>>> nexts;
        for (std::size_t i = 0; i < n + 3; ++i) {
            nexts.push_back(create_task(one()));
        }
        go.set();
        Ints given;
        std::size_t nothing = 0;
        for (const Task<Task<int>>& next : nexts) {
            const Task<int>& task = co_await next;
            if (task) {
                EXPECT_TRUE(task.done());
                given.push_back(task);
            } else {
                ++nothing;
            }
        }
        EXPECT_EQ(nothing, 3U);
        EXPECT_EQ(given.size(), n);
        for (const Task<int>& task : tasks) {
            EXPECT_EQ(std::ranges::count(given, task), 1);
        }
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_07_a_handle_that_is_cancelled_takes_nothing) {
    auto main = [&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Event go;
            const Task<int> task = create_task(give_after(go, 1));
            auto it = as_completed(ints(task));
            Task<int> given;
            auto one = [&]() -> Coro<void> { given = co_await it.next(); };
            const Task<void> next = create_task(one());
            co_await until_parked(task, next);
            auto set = [&] { go.set(); };
            auto cancel = [&] { next.cancel(); };
            co_await racers.at_once(set, cancel);
            co_await settle(next);
            const Task<int> again = co_await it.next();
            EXPECT_NE(static_cast<bool>(given), static_cast<bool>(again));
            EXPECT_EQ(given ? given : again, task);
            EXPECT_EQ(task.cancelling(), 0);
        }
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_08_duplicates_count_once) {
    auto main = [&]() -> Coro<void> {
        const Task<int> a = create_task(give(1));
        const Task<int> b = create_task(give(2));
        auto it = as_completed(ints(a, b, a, a, b));
        const Ints given = co_await rest_of(it);
        EXPECT_EQ(given.size(), 2U);
        EXPECT_EQ(std::ranges::count(given, a), 1);
        EXPECT_EQ(std::ranges::count(given, b), 1);
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_09_no_tasks) {
    auto main = [&]() -> Coro<void> {
        auto it = as_completed(ints());
        const Task<int> nothing = co_await it.next();
        EXPECT_FALSE(nothing);
        auto timed = as_completed(std::vector<Coro<int>>{}, 0ms);
        const Task<int> also_nothing = co_await timed.next();
        EXPECT_FALSE(also_nothing);
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_10_a_task_that_fails) {
    auto main = [&]() -> Coro<void> {
        const Task<int> failing = create_task(fail("boom"));
        const Task<int> cancelled = create_task(sleeper());
        cancelled.cancel("this one");
        const Task<int> good = create_task(give(1));
        auto it = as_completed(ints(failing, cancelled, good));
        std::vector<std::string> ends;
        const Ints given = co_await rest_of(it);
        auto name = [&](const Task<int>& task) -> std::string {
            if (task == failing) {
                return "failing: ";
            }
            return task == good ? "good: " : "cancelled: ";
        };
        for (const Task<int>& task : given) {
            const std::string end = co_await ending(task);
            ends.push_back(name(task) + end);
        }
        std::ranges::sort(ends);
        EXPECT_EQ(ends, (std::vector<std::string>{"cancelled: CancelledError: this one", "failing: boom",
                                                  "good: value"}));
    };
    run(main());
}

TEST_P(AsCompletedTest, ASC_11_an_iteration_that_is_given_up) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> quick = create_task(give(1));
        const Task<int> slow = create_task(give_after(go, 2));
        const Task<int> slower = create_task(give_after(go, 3));
        {
            auto it = as_completed(ints(slow, quick, slower), 1h);
            const Task<int> first = co_await it.next();
            EXPECT_EQ(first, quick);
        }
        EXPECT_FALSE(slow.done());
        EXPECT_EQ(slow.cancelling(), 0);
        go.set();
        const int two = co_await slow;
        const int three = co_await slower;
        EXPECT_EQ(two + three, 5);
    };
    run(main());
}

// What nobody has asked for goes when the last of the tasks has ended.
TEST_P(AsCompletedTest, ASC_11_results_that_nobody_fetched) {
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        Event go;
        auto work = [&](Probe probe) -> Coro<Probe> {
            co_await go.wait();
            co_return probe;
        };
        {
            std::vector<Coro<Probe>> coros;
            for (int i = 0; i < 3; ++i) {
                coros.push_back(work(Probe(counts, i)));
            }
            auto it = as_completed(std::move(coros));
            auto asks = [&]() -> Coro<void> { co_await it.next(); };
            const Task<void> asking = create_task(asks());
            co_await until_waiters(go, 3);
            asking.cancel();
            co_await settle(asking);
        }
        EXPECT_GE(counts.alive, 3);
        go.set();
        auto all_gone = [&] { return counts.alive == 0; };
        co_await until(all_gone);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
