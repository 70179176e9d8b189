#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// gather() as in asyncio: results, errors, cancellation. Where asyncio lets children run on after the gather
// has failed, the children here are tasks: those are left running, while coroutines never outlive their
// gather.

namespace heddle::test {
namespace {

class Gather : public WithJobs {};
HEDDLE_OVER_WORKERS(Gather);

TEST_P(Gather, GAT_01_results_in_the_order_of_the_arguments) {
    auto main = [&]() -> Coro<void> {
        for (const bool as_tasks : {false, true}) {
            Event a;
            Event b;
            Event c;
            auto together = [&]() -> Coro<std::tuple<int, int, int>> {
                if (as_tasks) {
                    const Task<int> ta = create_task(give_after(a, 1));
                    const Task<int> tb = create_task(give_after(b, 2));
                    const Task<int> tc = create_task(give_after(c, 3));
                    auto results = co_await gather(ta, tb, tc);
                    co_return results;
                }
                auto results = co_await gather(give_after(a, 1), give_after(b, 2), give_after(c, 3));
                co_return results;
            };
            const Task<std::tuple<int, int, int>> all = create_task(together());
            co_await until_waiters(a, 1);
            co_await until_waiters(b, 1);
            co_await until_waiters(c, 1);
            b.set();
            co_await until_parked(all);
            a.set();
            co_await until_parked(all);
            EXPECT_FALSE(all.done());  // not before the last
            c.set();
            const auto results = co_await all;
            EXPECT_EQ(results, std::tuple(1, 2, 3));
        }
    };
    run(main());
}

TEST_P(Gather, GAT_01_results_of_a_vector) {
    auto main = [&]() -> Coro<void> {
        std::vector<Coro<int>> coros;
        std::vector<Task<int>> tasks;
        std::vector<int> expected;
        for (int i = 0; i < 50; ++i) {
            coros.push_back(give(i));
            tasks.push_back(create_task(give(i)));
            expected.push_back(i);
        }
        const std::vector<int> of_coros = co_await gather(std::move(coros));
        EXPECT_EQ(of_coros, expected);
        const std::vector<int> of_tasks = co_await gather(std::move(tasks));
        EXPECT_EQ(of_tasks, expected);
    };
    run(main());
}

TEST_P(Gather, GAT_02_GAT_04_return_exceptions) {
    auto main = [&]() -> Coro<void> {
        const auto good = co_await gather(return_exceptions, give(1), give(2));
        EXPECT_EQ(std::get<0>(good).value(), 1);
        EXPECT_EQ(std::get<1>(good).value(), 2);
        EXPECT_EQ(std::get<0>(good).exception(), nullptr);

        Event go;
        std::vector<Task<int>> tasks{create_task(give_after(go, 1)), create_task(fail("first")),
                                     create_task(give(3)), create_task(fail("second"))};
        auto together = [&]() -> Coro<std::vector<Result<int>>> {
            auto results = co_await gather(return_exceptions, tasks);
            co_return results;
        };
        const Task<std::vector<Result<int>>> all = create_task(together());
        auto others_done = [&] { return tasks[1].done() && tasks[2].done() && tasks[3].done(); };
        co_await until(others_done);
        co_await until_parked(all);
        EXPECT_FALSE(all.done());  // errors do not end it
        go.set();
        const std::vector<Result<int>>& results = co_await all;
        EXPECT_EQ(results[0].value(), 1);
        EXPECT_EQ(describe(results[1].exception()), "first");
        EXPECT_EQ(results[2].value(), 3);
        EXPECT_EQ(describe(results[3].exception()), "second");
        EXPECT_EQ(ending_of([&] { return results[3].value(); }), "second");
    };
    run(main());
}

TEST_P(Gather, GAT_03_first_error_at_once_and_tasks_go_on) {
    auto main = [&]() -> Coro<void> {
        Event go_value;
        Event go_error;
        const Task<int> failing = create_task(fail("first"));
        const Task<int> slow = create_task(give_after(go_value, 5));
        const Task<int> fails_later = create_task(fail_after(go_error, "second"));
        const Task<int> cancelled_later = create_task(sleeper());
        const std::string end = co_await ending(gather(failing, slow, fails_later, cancelled_later));
        EXPECT_EQ(end, "first");
        EXPECT_FALSE(slow.done() || fails_later.done() || cancelled_later.done());
        EXPECT_EQ(slow.cancelling(), 0);
        EXPECT_EQ(fails_later.cancelling(), 0);
        go_value.set();
        go_error.set();
        const int value = co_await slow;
        EXPECT_EQ(value, 5);
        const std::string later = co_await ending(fails_later);
        EXPECT_EQ(later, "second");
        co_await until_parked(cancelled_later);
        cancelled_later.cancel();
        co_await ending(cancelled_later);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(Gather, GAT_05_one_task_is_cancelled_from_outside) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> cancelled = create_task(sleeper());
        const Task<int> other = create_task(give_after(go, 2));
        int count = -1;
        auto together = [&]() -> Coro<void> {
            const std::string end = co_await ending(gather(cancelled, other));
            EXPECT_EQ(end, "CancelledError");
            count = current_task().cancelling();
        };
        const Task<void> all = create_task(together());
        co_await until_parked(cancelled, other, all);
        cancelled.cancel();
        co_await all;
        EXPECT_EQ(count, 0);  // it was the child, not we
        EXPECT_FALSE(other.done());
        EXPECT_EQ(other.cancelling(), 0);
        go.set();
        const int value = co_await other;
        EXPECT_EQ(value, 2);
    };
    run(main());
}

TEST_P(Gather, GAT_06_the_same_with_return_exceptions) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> cancelled = create_task(sleeper());
        const Task<int> other = create_task(give_after(go, 2));
        auto together = [&]() -> Coro<std::tuple<Result<int>, Result<int>>> {
            auto results = co_await gather(return_exceptions, cancelled, other);
            co_return results;
        };
        const Task<std::tuple<Result<int>, Result<int>>> all = create_task(together());
        co_await until_parked(cancelled, other, all);
        cancelled.cancel("this one");
        co_await ending(cancelled);
        go.set();
        const auto& results = co_await all;
        EXPECT_EQ(describe(std::get<0>(results).exception()), "CancelledError: this one");
        EXPECT_EQ(std::get<1>(results).value(), 2);
    };
    run(main());
}

TEST_P(Gather, GAT_07_nothing_to_gather) {
    auto main = []() -> Coro<void> {
        const std::tuple<> nothing = co_await gather();
        static_cast<void>(nothing);
        const std::vector<int> empty = co_await gather(std::vector<Coro<int>>{});
        EXPECT_TRUE(empty.empty());
        const auto tolerant = co_await gather(return_exceptions, std::vector<Task<int>>{});
        EXPECT_TRUE(tolerant.empty());
    };
    run(main());
}

TEST_P(Gather, GAT_08_the_same_task_several_times) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> runs{0};
        auto once = [&]() -> Coro<int> {
            ++runs;
            co_await yield();
            co_return 7;
        };
        const Task<int> one = create_task(once());
        const Task<int> two = create_task(give(8));
        auto all = gather(std::vector<Task<int>>{one, two, one, one});
        const std::vector<int> results = co_await all;
        EXPECT_EQ(results, (std::vector<int>{7, 8, 7, 7}));
        EXPECT_EQ(runs, 1);
    };
    run(main());
}

TEST_P(Gather, GAT_14_later_errors_are_not_reported) {
    auto main = [&]() -> Coro<void> {
        Event go;
        {
            const Task<int> later = create_task(fail_after(go, "later"));
            const std::string end = co_await ending(gather(fail("first"), later));
            EXPECT_EQ(end, "first");
        }
        go.set();
        auto only_main_is_left = [] { return all_tasks().size() == 1; };
        co_await until(only_main_is_left);
        // Two coroutines that fail together: one error is thrown, the other was awaited.
        const std::string end = co_await ending(gather(fail("same"), fail("same")));
        EXPECT_EQ(end, "same");
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

TEST_P(Gather, GAT_15_children_that_are_done_already) {
    auto main = [&]() -> Coro<void> {
        const Task<int> a = create_task(give(1));
        const Task<int> b = create_task(give(2));
        co_await a;
        co_await b;
        const auto results = co_await gather(a, b);
        EXPECT_EQ(results, std::tuple(1, 2));
        const Task<int> bad = create_task(fail("before"));
        auto ended = [&] { return bad.done(); };
        co_await until(ended);
        const std::string end = co_await ending(gather(a, bad));
        EXPECT_EQ(end, "before");
    };
    run(main());
}

TEST_P(Gather, GAT_18_a_bad_argument_among_good_ones) {
    ProbeCounts counts;
    auto good = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    auto main = [&]() -> Coro<void> {
        const Task<int> task = create_task(give(1));
        Coro<int> used = give(2);
        co_await used;
        bool refused = false;
        try {
            co_await gather(good(Probe(counts)), task, std::move(used), good(Probe(counts)));
        } catch (const std::runtime_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_EQ(counts.alive, 0);
        const int value = co_await task;
        EXPECT_EQ(value, 1);
        EXPECT_EQ(task.cancelling(), 0);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
