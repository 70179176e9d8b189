#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/event.hpp>
#include <heddle/wait.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <list>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Wait : public WithJobs {
protected:
    /// wait() in a task of its own.
    static Coro<Waited<int>> waiting(Ints tasks, WaitOptions options) {
        Waited<int> result = co_await wait(tasks, options);
        co_return result;
    }
    /// Ends tasks that would never end.
    static Coro<void> end(Ints tasks) {
        for (const Task<int>& task : tasks) {
            task.cancel();
        }
        co_await settle_all(tasks);
    }
};
HEDDLE_OVER_WORKERS(Wait);

constexpr WaitOptions first_completed{.return_when = FIRST_COMPLETED};
constexpr WaitOptions first_exception{.return_when = FIRST_EXCEPTION};

TEST_P(Wait, WAIT_01_all_completed) {
    auto main = [&]() -> Coro<void> {
        Event go_a;
        Event go_b;
        const Task<int> a = create_task(give_after(go_a, 1));
        const Task<int> b = create_task(give_after(go_b, 2));
        const Task<Waited<int>> waiter = create_task(waiting(ints(a, b), {}));
        co_await until_parked(a, b, waiter);
        go_b.set();
        co_await b;
        co_await until_parked(waiter);
        EXPECT_FALSE(waiter.done());
        go_a.set();
        const Waited<int>& both = co_await waiter;
        EXPECT_EQ(both.done, (ints(a, b)));
        EXPECT_TRUE(both.pending.empty());
        EXPECT_TRUE(a.done() && b.done());

        // The second time there is nothing to wait for.
        bool other_ran = false;
        auto other = [&]() -> Coro<void> {
            other_ran = true;
            co_return;
        };
        const Task<void> ready = create_task(other());
        const Waited<int> again = co_await wait(ints(a, b));
        if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
            EXPECT_FALSE(other_ran);
        }
        EXPECT_EQ(again.done, (ints(a, b)));
        EXPECT_TRUE(again.pending.empty());
        co_await ready;
    };
    run(main());
}

TEST_P(Wait, WAIT_02_duplicates_count_once) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> a = create_task(give_after(go, 1));
        const Task<int> b = create_task(give(2));
        const Task<int> c = create_task(sleeper());
        const Waited<int> one = co_await wait(ints(a, c, b, a, b, c), first_completed);
        EXPECT_EQ(one.done, ints(b));
        EXPECT_EQ(one.pending, (ints(a, c)));
        go.set();
        const Waited<int> all = co_await wait(ints(b, a, a, b));
        EXPECT_EQ(all.done, (ints(b, a)));
        EXPECT_TRUE(all.pending.empty());
        co_await end(ints(c));
    };
    run(main());
}

template <class X>
concept CanWaitFor = requires(X x) { wait(x); };
static_assert(CanWaitFor<Ints&> && CanWaitFor<const Ints&> && CanWaitFor<std::span<const Task<int>>>);
static_assert(!CanWaitFor<Task<int>> && !CanWaitFor<std::vector<Coro<int>>> && !CanWaitFor<Coro<int>>);

TEST_P(Wait, WAIT_03_nothing_to_wait_for) {
    auto main = []() -> Coro<void> {
        // At the call, not when it is awaited.
        EXPECT_THROW(static_cast<void>(wait(ints())), std::invalid_argument);
        const Ints none;
        const std::string text =
            ending_of([&] { static_cast<void>(wait(std::span<const Task<int>>(none), first_completed)); });
        EXPECT_EQ(text, "Set of Tasks/Futures is empty.");
        co_return;
    };
    run(main());
}

TEST_P(Wait, WAIT_04_first_completed) {
    auto main = [&]() -> Coro<void> {
        Event go_a;
        Event go_b;
        const Task<int> a = create_task(give_after(go_a, 1));
        const Task<int> b = create_task(give_after(go_b, 2));
        const Task<Waited<int>> waiter = create_task(waiting(ints(a, b), first_completed));
        co_await until_parked(a, b, waiter);
        go_b.set();
        const Waited<int>& first = co_await waiter;
        EXPECT_EQ(first.done, ints(b));
        EXPECT_EQ(first.pending, ints(a));
        EXPECT_FALSE(a.done());
        EXPECT_EQ(a.cancelling(), 0);
        go_a.set();
        const int value = co_await a;
        EXPECT_EQ(value, 1);
        // One that is done already is enough.
        const Task<int> c = create_task(sleeper());
        const Waited<int> at_once = co_await wait(ints(c, a), first_completed);
        EXPECT_EQ(at_once.done, ints(a));
        EXPECT_EQ(at_once.pending, ints(c));
        co_await end(ints(c));
    };
    run(main());
}

TEST_P(Wait, WAIT_05_done_is_judged_at_the_return) {
    auto main = [&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            Event go_a;
            Event go_b;
            const Task<int> a = create_task(give_after(go_a, 1));
            const Task<int> b = create_task(give_after(go_b, 2));
            const Task<int> c = create_task(sleeper());
            auto waits = [&]() -> Coro<void> {
                const Waited<int> result = co_await wait(ints(a, b, c), first_completed);
                EXPECT_GE(result.done.size(), 1U);
                EXPECT_EQ(result.done.size() + result.pending.size(), 3U);
                for (const Task<int>& task : result.done) {
                    EXPECT_TRUE(task.done());
                    EXPECT_NE(task, c);
                    EXPECT_EQ(std::ranges::count(result.pending, task), 0);
                }
                if (workers() == 1) {
                    EXPECT_EQ(result.done, (ints(a, b)));
                }
            };
            const Task<void> waiter = create_task(waits());
            co_await until_parked(a, b, c, waiter);
            co_await yield();
            go_a.set();
            go_b.set();
            co_await waiter;
            co_await settle(a, b);
            co_await end(ints(c));
        }
    };
    run(main());
}

TEST_P(Wait, WAIT_06_first_exception) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> slow = create_task(sleeper());
        const Task<int> failing = create_task(fail_after(go, "boom"));
        const Task<int> quick = create_task(give(1));
        const Task<Waited<int>> waiter = create_task(waiting(ints(slow, failing, quick), first_exception));
        co_await quick;
        co_await until_parked(slow, failing, waiter);
        EXPECT_FALSE(waiter.done());  // a value does not end it
        go.set();
        const Waited<int>& result = co_await waiter;
        EXPECT_EQ(result.done, (ints(failing, quick)));
        EXPECT_EQ(result.pending, ints(slow));
        EXPECT_EQ(slow.cancelling(), 0);
        EXPECT_EQ(ending_of(failing), "boom");
        // Failed before the call.
        const Waited<int> at_once = co_await wait(ints(slow, failing), first_exception);
        EXPECT_EQ(at_once.done, ints(failing));
        EXPECT_EQ(at_once.pending, ints(slow));
        // Nobody fails: waits for all.
        const Task<int> a = create_task(give(1));
        const Task<int> b = create_task(give(2));
        const Waited<int> all = co_await wait(ints(a, b), first_exception);
        EXPECT_EQ(all.done, (ints(a, b)));
        EXPECT_TRUE(all.pending.empty());
        co_await end(ints(slow));
    };
    run(main());
}

TEST_P(Wait, WAIT_07_a_cancelled_task_is_no_exception) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> before = create_task(sleeper());
        co_await end(ints(before));
        const Task<int> cancelled = create_task(sleeper());
        const Task<int> other = create_task(give_after(go, 1));
        const Task<Waited<int>> waiter =
            create_task(waiting(ints(before, cancelled, other), first_exception));
        co_await until_parked(cancelled, other, waiter);
        co_await end(ints(cancelled));
        co_await until_parked(waiter);
        EXPECT_FALSE(waiter.done());
        go.set();
        const Waited<int>& all = co_await waiter;
        EXPECT_EQ(all.done, (ints(before, cancelled, other)));
        EXPECT_TRUE(all.pending.empty());
        EXPECT_TRUE(cancelled.cancelled());
    };
    run(main());
}

TEST_P(Wait, WAIT_08_errors_are_read_from_done) {
    auto main = [&]() -> Coro<void> {
        Event go;
        go.set();
        const Task<int> failing = create_task(fail_after(go, "boom"));
        const Task<int> good = create_task(give(1));
        const Task<int> cancelled = create_task(sleeper());
        cancelled.cancel();
        const Waited<int> all = co_await wait(ints(failing, good, cancelled));
        EXPECT_EQ(all.done.size(), 3U);
        EXPECT_EQ(ending_of(all.done[0]), "boom");
        EXPECT_EQ(ending_of(all.done[1]), "value");
        EXPECT_EQ(ending_of(all.done[2]), "CancelledError");
    };
    run(main());
}

// wait() does not count as having looked at the error.
TEST_P(Wait, WAIT_08_an_error_that_nobody_reads_is_reported) {
    auto main = [&]() -> Coro<void> {
        Event go;
        go.set();
        const Ints tasks{create_task(fail_after(go, "boom"))};
        const Waited<int> all = co_await wait(tasks);
        EXPECT_EQ(all.done.size(), 1U);
    };
    run(main());
    EXPECT_EQ(take_reports().size(), 1U);
}

TEST_P(Wait, WAIT_09_timeout) {
    auto main = [&]() -> Coro<void> {
        const Task<int> quick = create_task(give(1));
        const Task<int> slow = create_task(sleeper());
        for (const ReturnWhen when : {ALL_COMPLETED, FIRST_EXCEPTION}) {
            const auto start = Clock::now();
            const Waited<int> result =
                co_await wait(ints(quick, slow), {.timeout = 5ms, .return_when = when});
            EXPECT_GE(Clock::now() - start, 5ms);
            EXPECT_EQ(result.done, ints(quick));
            EXPECT_EQ(result.pending, ints(slow));
            EXPECT_FALSE(slow.done());
            EXPECT_EQ(slow.cancelling(), 0);
            EXPECT_EQ(current_task().cancelling(), 0);
        }
        // A timeout that is not reached has no effect, also later.
        const auto deadline = Clock::now() + 5ms;
        const Waited<int> in_time =
            co_await wait(ints(quick, slow), {.timeout = 5ms, .return_when = FIRST_COMPLETED});
        EXPECT_EQ(in_time.done, ints(quick));
        const std::string later = co_await ending(sleep_until(deadline + 5ms));
        EXPECT_EQ(later, "value");
        const Task<int> another = create_task(give(2));
        const Waited<int> no_limit =
            co_await wait(ints(another), {.timeout = std::chrono::nanoseconds::max()});
        EXPECT_EQ(no_limit.done, ints(another));
        co_await end(ints(slow));
    };
    run(main());
}

TEST_P(Wait, WAIT_10_a_task_ends_at_the_timeout) {
    auto main = [&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            auto ends_at = [](Clock::time_point when) -> Coro<int> {
                co_await sleep_until(when);
                co_return 1;
            };
            const auto start = Clock::now();
            const Task<int> task = create_task(ends_at(start + 300us));
            const Waited<int> result = co_await wait(ints(task), {.timeout = 300us});
            const bool done_now = task.done();
            EXPECT_EQ(result.done.size() + result.pending.size(), 1U);
            EXPECT_TRUE(result.done.empty() || done_now);
            EXPECT_EQ(current_task().cancelling(), 0);
            const int value = co_await task;
            EXPECT_EQ(value, 1);
        }
    };
    run(main());
}

TEST_P(Wait, WAIT_11_no_time_at_all) {
    auto main = [&]() -> Coro<void> {
        const Task<int> quick = create_task(give(1));
        const Task<int> slow = create_task(sleeper());
        co_await quick;
        co_await until_parked(slow);
        for (const auto delay : {0ms, -1ms, -1'000'000ms}) {
            const Waited<int> result = co_await wait(ints(slow, quick), {.timeout = delay});
            EXPECT_EQ(result.done, ints(quick));
            EXPECT_EQ(result.pending, ints(slow));
            EXPECT_EQ(slow.cancelling(), 0);
        }
        co_await end(ints(slow));
    };
    run(main());
}

TEST_P(Wait, WAIT_12_any_range_of_tasks) {
    auto main = [&]() -> Coro<void> {
        const std::list<Task<int>> list{create_task(give(1)), create_task(give(2))};
        const Waited<int> of_list = co_await wait(list);
        EXPECT_EQ(of_list.done.size(), 2U);
        const std::array<Task<int>, 2> array{create_task(give(1)), create_task(give(2))};
        const Waited<int> of_array = co_await wait(array, first_completed);
        EXPECT_GE(of_array.done.size(), 1U);
        const Waited<int> of_span = co_await wait(std::span<const Task<int>>(array));
        EXPECT_EQ(of_span.done, (ints(array[0], array[1])));
        // A view that makes each task when it is looked at.
        int made = 0;
        auto make = [&](int i) {
            ++made;
            return create_task(give(i));
        };
        auto view = std::views::iota(0, 3) | std::views::transform(make);
        const Waited<int> of_view = co_await wait(view);
        EXPECT_EQ(made, 3);
        EXPECT_EQ(of_view.done.size(), 3U);
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(of_view.done[static_cast<std::size_t>(i)].result(), i);
        }
        auto listed = wait({array[0], list.front()});
        const Waited<int> of_braces = co_await std::move(listed);
        EXPECT_EQ(of_braces.done.size(), 2U);
        auto nothing = []() -> Coro<void> { co_return; };
        const std::vector<Task<void>> of_void{create_task(nothing())};
        const Waited<void> waited = co_await wait(of_void);
        EXPECT_EQ(waited.done.size(), 1U);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
