#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/arena.hpp>
#include <heddle/context.hpp>
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class RunInArena : public OverWorkers {};
HEDDLE_OVER_WORKERS(RunInArena);

TEST_P(RunInArena, GivesTheResult) {
    tbb::task_arena arena(2);
    run([&]() -> Coro<void> {
        constexpr std::size_t n = 100'000;
        std::vector<int> values(n, 0);
        auto fill = [&] {
            EXPECT_EQ(tbb::this_task_arena::max_concurrency(), 2) << "inside the arena";
            tbb::parallel_for(std::size_t{0}, n, [&](std::size_t i) { values[i] = static_cast<int>(i % 7); });
        };
        co_await run_in_arena(arena, fill);
        auto sum = [&] {
            return tbb::parallel_reduce(
                tbb::blocked_range<std::size_t>(0, n), 0L,
                [&](const tbb::blocked_range<std::size_t>& part, long so_far) {
                    for (std::size_t i = part.begin(); i != part.end(); ++i) {
                        so_far += values[i];
                    }
                    return so_far;
                },
                std::plus<>());
        };
        const long total = co_await run_in_arena(arena, sum);
        long expected = 0;
        for (std::size_t i = 0; i < n; ++i) {
            expected += static_cast<long>(i % 7);
        }
        EXPECT_EQ(total, expected);
    });
}

TEST_P(RunInArena, ResultsAndFunctionsThatOnlyMove) {
    tbb::task_arena arena(1);
    run([&]() -> Coro<void> {
        auto makes = [given = std::make_unique<int>(3)] { return std::make_unique<int>(*given + 1); };
        auto call = run_in_arena(arena, std::move(makes));
        const std::unique_ptr<int> made = co_await std::move(call);
        EXPECT_EQ(*made, 4);
        ProbeCounts counts;
        auto probes = [&] { return Probe(counts, 5); };
        const Probe probe = co_await run_in_arena(arena, probes);
        EXPECT_EQ(probe.value(), 5);
        EXPECT_EQ(counts.copied, 0);
    });
}

TEST_P(RunInArena, ThrowsWhatTheFunctionThrows) {
    tbb::task_arena arena(2);
    run([&]() -> Coro<void> {
        auto fails = [] { throw Boom("in the arena"); };
        const std::string how = co_await ending(run_in_arena(arena, fails));
        EXPECT_EQ(how, "in the arena");
        auto fails_inside = [] {
            tbb::parallel_for(0, 100, [](int i) {
                if (i == 42) {
                    throw Boom("in the loop");
                }
            });
        };
        const std::string other = co_await ending(run_in_arena(arena, fails_inside));
        EXPECT_EQ(other, "in the loop");
        auto gives = [] { return 1; };
        const int still_works = co_await run_in_arena(arena, gives);
        EXPECT_EQ(still_works, 1);
    });
}

TEST_P(RunInArena, BlocksNoWorker) {
    tbb::task_arena arena(1);
    Event go;
    run([&]() -> Coro<void> {
        auto blocks = [&] { go.wait_blocking(); };
        const Task<void> call = create_task(run_in_arena(arena, blocks));
        co_await until_waiters(go, 1);
        auto step = [](int i) -> Coro<int> {
            co_await yield();
            co_return i;
        };
        for (int i = 0; i < 100; ++i) {
            const int value = co_await create_task(step(i));
            EXPECT_EQ(value, i);
        }
        EXPECT_FALSE(call.done());
        go.set();
        co_await call;
    });
}

TEST_P(RunInArena, ManyCallsInSeveralArenas) {
    tbb::task_arena small(1);
    tbb::task_arena large(2);
    run([&]() -> Coro<void> {
        std::atomic<int> sum{0};
        auto adds = [&] { tbb::parallel_for(0, 100, [&](int) { ++sum; }); };
        std::vector<Task<void>> calls;
        for (int i = 0; i < 20; ++i) {
            calls.push_back(create_task(run_in_arena(i % 2 == 0 ? small : large, adds)));
        }
        co_await settle_all(calls);
        EXPECT_EQ(sum, 2000);
        auto both = gather(run_in_arena(small, adds), run_in_arena(large, adds));
        co_await both;
        EXPECT_EQ(sum, 2200);
    });
}

TEST_P(RunInArena, SeesTheContextOfTheTask) {
    tbb::task_arena arena(1);
    ContextVar<int> variable("variable", 0);
    run([&]() -> Coro<void> {
        variable.set(8);
        auto looks = [&] { return variable.get(); };
        const int seen = co_await run_in_arena(arena, looks);
        EXPECT_EQ(seen, 8);
    });
}

TEST_P(RunInArena, CancelledAtOnceWhileTheWorkGoesOn) {
    tbb::task_arena arena(1);
    Event go;
    std::atomic<bool> ended{false};
    run([&]() -> Coro<void> {
        auto works = [&] {
            go.wait_blocking();
            ended = true;
        };
        const Task<void> call = create_task(run_in_arena(arena, works));
        co_await until_waiters(go, 1);
        EXPECT_TRUE(call.cancel("enough"));
        const std::string how = co_await ending(call);
        EXPECT_EQ(how, "CancelledError: enough");
        EXPECT_FALSE(ended);
        go.set();
    });
    EXPECT_TRUE(ended) << "the arena may be destroyed now: run() has waited for the work";
}

TEST_P(RunInArena, AFunctionMayCallTheRuntime) {
    tbb::task_arena arena(1);
    Runtime runtime(options());
    auto gives = [](int i) -> Coro<int> {
        co_await yield();
        co_return i;
    };
    auto main = [&]() -> Coro<int> {
        auto asks = [&] { return runtime.spawn(gives(6)).result_blocking(); };
        const int value = co_await run_in_arena(arena, asks);
        co_return value;
    };
    EXPECT_EQ(runtime.run(main()), 6);
}

}  // namespace
}  // namespace heddle::test
