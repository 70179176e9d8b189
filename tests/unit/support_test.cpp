#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// The helpers of the other suites.

namespace heddle::test {
namespace {

class Support : public OverWorkers {};
HEDDLE_OVER_WORKERS(Support);

TEST_P(Support, UntilParkedSeesATaskInItsWait) {
    heddle::Lock lock;
    heddle::Event event;
    auto take = [&]() -> Coro<void> { co_await lock.acquire(); };
    auto look = [&]() -> Coro<void> { co_await event.wait(); };
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        const Task<void> a = create_task(take());
        const Task<void> b = create_task(look());
        co_await until_parked(a, b);
        EXPECT_TRUE(detail::is_parked(a) && detail::is_parked(b));
        co_await until_waiters(lock, 1);
        co_await until_waiters(event, 1);
        lock.release();
        event.set();
        auto both_done = [&] { return a.done() && b.done(); };
        co_await until(both_done);
        co_await settle(a, b);
    });
}

TEST_P(Support, SettleTakesCancellationForAnEnd) {
    heddle::Event never;
    auto wait = [&]() -> Coro<int> {
        co_await never.wait();
        co_return 1;
    };
    run([&]() -> Coro<void> {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 3; ++i) {
            tasks.push_back(create_task(wait()));
            tasks.back().cancel();
        }
        co_await settle(tasks[0], tasks[1]);
        co_await settle_all(tasks);
        EXPECT_TRUE(tasks[0].cancelled() && tasks[1].cancelled() && tasks[2].cancelled());
    });
}

TEST_P(Support, BlockingThreadIsSeenAsleep) {
    heddle::Lock lock;
    EXPECT_TRUE(lock.try_acquire());
    BlockingThread thread([&] { lock.acquire_blocking(); });
    until_blocking([&] { return thread.parked(); });
    until_waiters_blocking(lock, 1);
    EXPECT_FALSE(thread.ended());
    lock.release();
    until_blocking([&] { return thread.ended(); });
}

TEST_P(Support, ReportsAreCollected) {
    auto fail = []() -> Coro<void> {
        co_await yield();
        throw std::runtime_error("nobody looks");
    };
    run([&]() -> Coro<void> {
        Task<void> task = create_task(fail(), {.name = "failing"});
        auto ended = [&] { return task.done(); };
        co_await until(ended);
    });
    const auto reports = take_reports();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("failing"), std::string::npos);
}

TEST(Probe, CountsLives) {
    ProbeCounts counts;
    {
        const Probe a(counts, 7);
        Probe b = a;
        const Probe c = std::move(b);
        EXPECT_EQ(c.value(), 7);
        EXPECT_EQ(counts.alive, 3);
    }
    EXPECT_EQ(counts.constructed, 1);
    EXPECT_EQ(counts.copied, 1);
    EXPECT_EQ(counts.moved, 1);
    EXPECT_EQ(counts.alive, 0);
}

}  // namespace
}  // namespace heddle::test
