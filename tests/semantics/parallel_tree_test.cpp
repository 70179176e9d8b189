#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>

// Groups in groups.

namespace heddle::test {
namespace {

class ParallelTree : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelTree);

/// A tree of groups: inner nodes are scopes, leaves do a little, some fail.
struct Forest {
    std::atomic<int> inside{0};
    std::atomic<int> leaves{0};
    std::uint32_t failing = 0;  // every so many leaves; 0: none
    Event* never = nullptr;

    static Coro<void> leaf(Forest& forest, int id) {
        ++forest.inside;
        const std::string how = co_await ending(work(forest, id));
        --forest.inside;
        if (how != "value") {
            if (how == "CancelledError") {
                throw CancelledError();
            }
            throw Boom(how);
        }
    }
    static Coro<void> work(Forest& forest, int id) {
        for (int i = 0; i < id % 4; ++i) {
            co_await yield();
        }
        ++forest.leaves;
        if (forest.failing != 0 && static_cast<std::uint32_t>(id) % forest.failing == 7) {
            throw Boom("leaf");
        }
        if (forest.never != nullptr && id % 5 == 0) {
            co_await forest.never->wait();
        }
    }
    static Coro<void> node(Forest& forest, int depth, int id) {
        constexpr int fan = 10;
        auto body = [&](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < fan; ++i) {
                if (depth == 1) {
                    group.create_task(leaf(forest, id * fan + i));
                } else {
                    group.create_task(node(forest, depth - 1, id * fan + i));
                }
            }
            co_return;
        };
        ++forest.inside;
        const std::string how = co_await ending(task_group(body));
        // 1 also if the group above cancelled it when its own children had failed already.
        const int count = current_task().cancelling();
        EXPECT_TRUE(count == 1 || (count == 0 && how != "CancelledError")) << count << " after " << how;
        --forest.inside;
        if (how == "CancelledError") {
            throw CancelledError();
        }
        if (how != "value") {
            throw Boom("inner");
        }
    }
};

TEST_P(ParallelTree, PAR_101_a_deep_tree_that_succeeds_fails_or_is_cancelled) {
#if HEDDLE_SANITIZED
    constexpr int depth = 3;
#else
    constexpr int depth = 4;
#endif
    Event never;
    run([&]() -> Coro<void> {
        Forest succeeds;
        co_await Forest::node(succeeds, depth, 0);
        EXPECT_EQ(succeeds.leaves, depth == 4 ? 10'000 : 1'000);
        EXPECT_EQ(succeeds.inside, 0);

        Forest fails;
        fails.failing = 100;
        const std::string how = co_await ending(Forest::node(fails, depth, 0));
        EXPECT_EQ(how, "inner");
        EXPECT_EQ(fails.inside, 0) << "a child outlives its scope";
        EXPECT_EQ(current_task().cancelling(), 0);

        for (const std::uint32_t failing : {0U, 900U}) {
            Forest cancelled;
            cancelled.never = &never;
            cancelled.failing = failing;
            const Task<void> task = create_task(Forest::node(cancelled, depth, 0));
            auto under_way = [&] { return cancelled.leaves > 200 || task.done(); };
            co_await until(under_way);
            const bool accepted = task.cancel();
            const std::string ended = co_await ending(task);
            EXPECT_TRUE(ended == "CancelledError" || (failing != 0 && ended == "inner")) << ended;
            EXPECT_TRUE(accepted || failing != 0);
            EXPECT_EQ(task.cancelling(), accepted ? 1 : 0);
            EXPECT_EQ(cancelled.inside, 0);
            EXPECT_EQ(waiters(never), 0U);
        }
    });
}

}  // namespace
}  // namespace heddle::test
