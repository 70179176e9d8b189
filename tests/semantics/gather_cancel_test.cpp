#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/shield.hpp>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <tuple>

// gather() whose caller is cancelled.

namespace heddle::test {
namespace {

class GatherCancel : public WithJobs {};
HEDDLE_OVER_WORKERS(GatherCancel);

TEST_P(GatherCancel, GAT_09_GAT_10_caller_is_cancelled) {
    auto main = [&]() -> Coro<void> {
        for (const bool tolerant : {false, true}) {
            const Task<int> finished = create_task(give(1));
            co_await finished;
            const Task<int> a = create_task(sleeper());
            const Task<int> b = create_task(sleeper());
            bool reached = false;
            auto together = [&]() -> Coro<void> {
                if (tolerant) {
                    co_await gather(return_exceptions, finished, a, b, sleeper());
                } else {
                    co_await gather(finished, a, b, sleeper());
                }
                reached = true;
            };
            const Task<void> all = create_task(together());
            co_await until_waiters(never, 3);
            co_await until_parked(all);
            EXPECT_TRUE(all.cancel("why"));
            const std::string end = co_await ending(all);
            EXPECT_EQ(end, "CancelledError: why");
            EXPECT_TRUE(all.cancelled());
            EXPECT_FALSE(all.cancel());
            EXPECT_FALSE(reached);
            EXPECT_TRUE(a.cancelled() && b.cancelled());
            EXPECT_FALSE(finished.cancelled());
            EXPECT_EQ(waiters(never), 0U);
        }
    };
    run(main());
}

// Not once more when the first of them has ended that way: the others may be cleaning up.
TEST_P(GatherCancel, GAT_09_children_are_cancelled_once) {
    auto main = [&]() -> Coro<void> {
        Event release;
        int ends = 0;
        auto cleans_up = [&](bool quick) -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            if (!quick) {
                const std::string disturbed = co_await ending(release.wait());
                EXPECT_EQ(disturbed, "value");
                ++ends;
            }
            throw CancelledError();
        };
        auto together = [&]() -> Coro<void> { co_await gather(cleans_up(true), cleans_up(false)); };
        const Task<void> all = create_task(together());
        co_await until_waiters(never, 2);
        co_await until_parked(all);
        all.cancel();
        co_await until_waiters(release, 1);
        for (int i = 0; i < 20; ++i) {
            co_await yield();  // time enough for the quick one to end
        }
        release.set();
        co_await settle(all);
        EXPECT_EQ(ends, 1);
    };
    run(main());
}

TEST_P(GatherCancel, GAT_11_GAT_16_children_swallow_the_cancellation) {
    auto main = [&]() -> Coro<void> {
        for (const bool tolerant : {false, true}) {
            Event release;
            auto swallows = [&]() -> Coro<int> {
                const std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
                co_await release.wait();
                co_return 1;
            };
            const Task<int> task = create_task(swallows());
            auto together = [&]() -> Coro<void> {
                if (tolerant) {
                    co_await gather(return_exceptions, task, swallows());
                } else {
                    co_await gather(task, swallows());
                }
                ADD_FAILURE() << "gave results";
            };
            const Task<void> all = create_task(together());
            co_await until_waiters(never, 2);
            co_await until_parked(all);
            all.cancel();
            co_await until_waiters(release, 2);
            co_await until_parked(all);
            EXPECT_FALSE(all.done());  // slow children are waited for
            release.set();
            const std::string end = co_await ending(all);
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(all.cancelled());
            EXPECT_EQ(ending_of(task), "value");
        }
    };
    run(main());
}

TEST_P(GatherCancel, GAT_12_cancelled_as_the_last_child_ends) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            Event go;
            std::string end;
            std::string next;
            auto together = [&]() -> Coro<void> {
                end = co_await ending(gather(give_after(go, 1), give_after(go, 2)));
                next = co_await ending(yield());
            };
            const Task<void> all = create_task(together());
            co_await until_waiters(go, 2);
            co_await until_parked(all);
            bool accepted = false;
            std::thread canceller([&] { accepted = all.cancel(); });
            go.set();
            co_await ending(all);
            canceller.join();
            // Exactly one place reports an accepted request: the gather, the next suspension, or the end.
            const int seen = (end == "CancelledError" ? 1 : 0) + (next == "CancelledError" ? 1 : 0) +
                             (all.cancelled() ? 1 : 0);
            EXPECT_EQ(seen, accepted ? 1 : 0) << end << ", " << next;
        }
    };
    run(main());
}

// On one worker nobody can come between: the children are done, the caller has not run yet.
TEST(GatherInOrder, GAT_12_children_done_but_the_caller_has_not_run) {
    auto main = []() -> Coro<void> {
        Event go;
        auto child = [&]() -> Coro<int> {
            co_await go.wait();
            co_return 1;
        };
        const Task<int> a = create_task(child());
        const Task<int> b = create_task(child());
        auto together = [&]() -> Coro<void> { co_await gather(a, b); };
        const Task<void> all = create_task(together());
        co_await until_parked(a, b, all);
        go.set();
        while (!a.done() || !b.done()) {
            co_await yield();
        }
        EXPECT_FALSE(all.done());
        EXPECT_TRUE(all.cancel());
        const std::string end = co_await ending(all);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(a.result(), 1);
    };
    heddle::run(main(), {.workers = 1});
}

TEST_P(GatherCancel, GAT_13_cancel_after_the_gather_has_failed) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> slow = create_task(give_after(go, 5));
        auto together = [&]() -> Coro<void> {
            const std::string end = co_await ending(gather(slow, fail("first")));
            EXPECT_EQ(end, "first");
            co_await never.wait();
        };
        const Task<void> all = create_task(together());
        co_await until_waiters(never, 1);
        all.cancel();
        const std::string end = co_await ending(all);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(slow.cancelling(), 0);
        go.set();
        const int value = co_await slow;
        EXPECT_EQ(value, 5);
    };
    run(main());
}

TEST_P(GatherCancel, GAT_17_shielded_children) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> a = create_task(give_after(go, 1));
        const Task<int> b = create_task(give_after(go, 2));
        auto together = [&]() -> Coro<void> { co_await gather(shield(a), shield(b)); };
        const Task<void> all = create_task(together());
        co_await until_parked(a, b, all);
        all.cancel();
        const std::string end = co_await ending(all);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_FALSE(a.done() || b.done());
        EXPECT_EQ(a.cancelling() + b.cancelling(), 0);
        go.set();
        const auto results = co_await gather(a, b);
        EXPECT_EQ(results, std::tuple(1, 2));
    };
    run(main());
}

// The children that wait for the tasks have not taken their first step: the tasks are cancelled all the same.
TEST_P(GatherCancel, GAT_09_caller_is_cancelled_before_its_children_have_begun) {
    auto main = [&]() -> Coro<void> {
        const Task<int> a = create_task(sleeper());
        const Task<int> b = create_task(sleeper());
        co_await until_parked(a, b);
        auto nothing = []() -> Coro<void> { co_return; };
        Task<void> ready;
        auto together = [&]() -> Coro<void> {
            current_task().cancel();
            ready = create_task(nothing());
            const std::string end = co_await ending(gather(a, b));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(a.done() && b.done());
        };
        co_await create_task(together());
        co_await ready;
        a.cancel();
        b.cancel();
        co_await settle(a, b);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
