#include "support/barrier.hpp"

#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/barrier.hpp>
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class BarrierApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(BarrierApi);

static_assert(!std::is_copy_constructible_v<Barrier> && !std::is_copy_assignable_v<Barrier>);
static_assert(!std::is_move_constructible_v<Barrier> && !std::is_move_assignable_v<Barrier>);
static_assert(!std::is_default_constructible_v<Barrier> && !std::is_convertible_v<int, Barrier>);
static_assert(noexcept(std::declval<Barrier&>().wait()));
static_assert(noexcept(std::declval<const Barrier&>().parties()));
static_assert(noexcept(std::declval<const Barrier&>().n_waiting()));
static_assert(noexcept(std::declval<const Barrier&>().broken()));
static_assert(std::is_base_of_v<std::runtime_error, BrokenBarrierError>);

TEST_P(BarrierApi, PartiesAreChecked) {
    EXPECT_EQ(ending_of([] { const Barrier barrier(0); }), "parties must be >= 1");
    EXPECT_EQ(ending_of([] { const Barrier barrier(-1); }), "parties must be >= 1");
    EXPECT_THROW(const Barrier barrier(-1), std::invalid_argument);
    EXPECT_THROW(const Barrier barrier(std::ptrdiff_t{1} << 24), std::invalid_argument);
    EXPECT_THROW(const Barrier barrier(std::ptrdiff_t{1} << 62), std::invalid_argument);
}

TEST_P(BarrierApi, ANewBarrierIsIdle) {
    const Barrier barrier(7);
    EXPECT_EQ(barrier.parties(), 7);
    EXPECT_EQ(barrier.n_waiting(), 0);
    EXPECT_FALSE(barrier.broken());
}

TEST_P(BarrierApi, WaitGivesEachIndexOnce) {
    Barrier barrier(3);
    run([&]() -> Coro<void> {
        const Task<int> a = co_await parked_party(barrier);
        const Task<int> b = co_await parked_party(barrier);
        EXPECT_EQ(barrier.n_waiting(), 2);
        const int last = co_await barrier.wait();
        const int first = co_await a;
        const int second = co_await b;
        EXPECT_EQ((std::array{first, second, last}), (std::array{0, 1, 2}));
        EXPECT_EQ(barrier.parties(), 3);
    });
}

TEST_P(BarrierApi, ResetAndAbortFromOutside) {
    Barrier barrier(3);
    Runtime runtime(options());
    auto party = [&]() -> Coro<int> {
        const int index = co_await barrier.wait();
        co_return index;
    };
    for (const bool abort : {false, true, false}) {
        const Task<int> a = runtime.spawn(party());
        until_parked_blocking(a);
        abort ? barrier.abort() : barrier.reset();
        a.wait_blocking();
        EXPECT_EQ(ending_of(a), "Abort or reset of barrier");
        EXPECT_EQ(barrier.broken(), abort);
        EXPECT_EQ(barrier.n_waiting(), 0);
        barrier.reset();
        EXPECT_FALSE(barrier.broken());
    }
    barrier.abort();
    EXPECT_EQ(ending_of([&] { return barrier.wait_blocking(); }), "Barrier aborted");
    barrier.reset();
}

TEST_P(BarrierApi, WaitBlockingOnPlainThreads) {
    Barrier barrier(3);
    std::atomic<int> sum{0};
    for (int round = 1; round <= 20; ++round) {
        BlockingThread first([&] { sum += barrier.wait_blocking(); });
        until_blocking([&] { return first.parked(); });
        EXPECT_EQ(barrier.n_waiting(), 1);
        BlockingThread second([&] { sum += barrier.wait_blocking(); });
        until_blocking([&] { return second.parked(); });
        EXPECT_EQ(barrier.n_waiting(), 2);
        sum += barrier.wait_blocking();
        first.join();
        second.join();
        EXPECT_EQ(sum, 3 * round);
    }
}

TEST_P(BarrierApi, BlockedThreadsAreSentAway) {
    Barrier barrier(2);
    for (const bool abort : {false, true}) {
        std::string how;
        BlockingThread thread([&] { how = ending_of([&] { return barrier.wait_blocking(); }); });
        until_blocking([&] { return thread.parked(); });
        abort ? barrier.abort() : barrier.reset();
        thread.join();
        EXPECT_EQ(how, "Abort or reset of barrier");
        barrier.reset();
    }
}

TEST_P(BarrierApi, ThreadsAndTasksMeet) {
    constexpr std::size_t rounds = 200;
    Barrier barrier(4);
    std::vector<std::atomic<int>> seen(rounds);
    auto task = [&]() -> Coro<void> {
        for (std::size_t i = 0; i < rounds; ++i) {
            const int index = co_await barrier.wait();
            seen[i] += 1 << (4 * index);
        }
    };
    auto thread = [&] {
        for (std::size_t i = 0; i < rounds; ++i) {
            seen[i] += 1 << (4 * barrier.wait_blocking());
        }
    };
    Runtime runtime(options());
    const Task<void> a = runtime.spawn(task());
    const Task<void> b = runtime.spawn(task());
    BlockingThread c(thread);
    BlockingThread d(thread);
    a.wait_blocking();
    b.wait_blocking();
    c.join();
    d.join();
    for (const std::atomic<int>& round : seen) {
        EXPECT_EQ(round, 0x1111);
    }
}

TEST_P(BarrierApi, WaitBlockingOnAWorkerThrowsAndIsNotCounted) {
    Barrier barrier(1);
    Barrier of_two(2);
    run([&]() -> Coro<void> {
        EXPECT_THROW(static_cast<void>(barrier.wait_blocking()), std::runtime_error);
        EXPECT_THROW(static_cast<void>(of_two.wait_blocking()), std::runtime_error);
        EXPECT_EQ(of_two.n_waiting(), 0);
        const int index = co_await barrier.wait();
        EXPECT_EQ(index, 0);
    });
}

TEST_P(BarrierApi, ManyParties) {
    constexpr int n = 2000;
    Barrier barrier(n);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 3; ++round) {
            std::vector<Task<int>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(barrier.wait()));
            }
            co_await settle_all(tasks);
            expect_all_indexes(tasks);
        }
    });
}

TEST_P(BarrierApi, AWaitThatIsNotAwaitedIsNoParty) {
    Barrier barrier(1);
    static_cast<void>(barrier.wait());
    EXPECT_EQ(barrier.n_waiting(), 0);
}

}  // namespace
}  // namespace heddle::test
