#include "fake_waiter.hpp"
#include <heddle/detail/wait/permits.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

constexpr std::int64_t no_bound = std::numeric_limits<std::int64_t>::max();

/// Permits with waiters that are parked by hand.
struct Counter {
    explicit Counter(std::int64_t initial, std::int64_t size = 1) : permits(initial * size), unit(size) {}

    struct Parked {
        FakeWaiter fake;
        WaitPlace place;
    };
    Parked& wait() {
        parked.push_back(std::make_unique<Parked>());
        Parked& one = *parked.back();
        permits.prepare();
        EXPECT_FALSE(permits.take(unit));
        EXPECT_TRUE(permits.enqueue(one.fake.token(), one.place));
        EXPECT_EQ(one.fake.park(), detail::Parked::suspended);
        return one;
    }
    bool abort(Parked& one) { return permits.abort(one.place, one.fake.waiter(), unit); }

    Permits permits;
    std::int64_t unit;
    std::vector<std::unique_ptr<Parked>> parked;
};

TEST(PermitsTest, TakeAndGiveWithoutWaitersMakeNoQueue) {
    Permits permits(2);
    EXPECT_TRUE(permits.take());
    EXPECT_TRUE(permits.try_take());
    EXPECT_FALSE(permits.try_take());
    EXPECT_EQ(permits.count(), 0);
    EXPECT_TRUE(permits.give(2, 2));
    EXPECT_FALSE(permits.give(1, 2)) << "above the bound";
    EXPECT_EQ(permits.count(), 2);
    EXPECT_EQ(permits.queue.load(), nullptr);
}

TEST(PermitsTest, TryTakeNeverOvertakesAWaiter) {
    Counter counter(0);
    auto& first = counter.wait();
    EXPECT_FALSE(counter.permits.try_take());
    EXPECT_TRUE(counter.permits.give(1, no_bound));
    EXPECT_FALSE(counter.permits.try_take()) << "it went to the waiter";
    EXPECT_FALSE(first.fake.asleep());
}

TEST(PermitsTest, GiveWakesInOrderAndNoMoreThanWait) {
    Counter counter(0);
    for (int i = 0; i < 5; ++i) {
        counter.wait();
    }
    EXPECT_EQ(counter.permits.count(), -5);
    EXPECT_TRUE(counter.permits.give(2, no_bound));
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(counter.parked[i]->fake.asleep(), i >= 2);
    }
    EXPECT_TRUE(counter.permits.give(7, no_bound));
    EXPECT_EQ(counter.permits.count(), 4);
    for (const auto& one : counter.parked) {
        EXPECT_FALSE(one->fake.asleep());
    }
}

TEST(PermitsTest, GiveToMoreThanOneBatch) {
    Counter counter(0);
    constexpr int n = 100;
    for (int i = 0; i < n; ++i) {
        counter.wait();
    }
    EXPECT_TRUE(counter.permits.give(n - 1, no_bound));
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(counter.parked[i]->fake.asleep(), i == n - 1);
    }
    EXPECT_TRUE(counter.permits.give(1, no_bound));
}

TEST(PermitsTest, TheBoundHoldsWithWaitersToo) {
    Counter counter(0);
    counter.wait();
    EXPECT_FALSE(counter.permits.give(4, 2)) << "one for the waiter would leave 3";
    EXPECT_EQ(counter.permits.count(), -1) << "refused means unchanged";
    EXPECT_TRUE(counter.permits.give(2, 2));
    EXPECT_EQ(counter.permits.count(), 1);
}

TEST(PermitsTest, GiveNothing) {
    Counter counter(0);
    EXPECT_TRUE(counter.permits.give(0, no_bound));
    const auto& one = counter.wait();
    EXPECT_TRUE(counter.permits.give(0, no_bound));
    EXPECT_TRUE(one.fake.asleep());
    EXPECT_TRUE(counter.permits.give(1, no_bound));
}

TEST(PermitsTest, AnOverflowIsRefused) {
    Permits permits(no_bound - 1);
    EXPECT_TRUE(permits.give(1, no_bound));
    EXPECT_FALSE(permits.give(1, no_bound));
    EXPECT_EQ(permits.count(), no_bound);
}

TEST(PermitsTest, AnAbortedWaiterIsNoLongerCounted) {
    Counter counter(0);
    auto& first = counter.wait();
    auto& second = counter.wait();
    EXPECT_TRUE(first.fake.waiter().claim(first.fake.token().seq));
    EXPECT_TRUE(counter.abort(first));
    EXPECT_EQ(counter.permits.count(), -1);
    EXPECT_TRUE(counter.permits.give(1, no_bound));
    EXPECT_EQ(counter.permits.count(), 0);
    EXPECT_FALSE(second.fake.asleep());
}

TEST(PermitsTest, AbortAfterTheGrantFails) {
    Counter counter(0);
    auto& first = counter.wait();
    EXPECT_TRUE(counter.permits.give(1, no_bound));
    EXPECT_FALSE(counter.abort(first)) << "the permit is its to give back";
    EXPECT_EQ(counter.permits.count(), 0);
    EXPECT_TRUE(counter.permits.give(1, no_bound));
    EXPECT_EQ(counter.permits.count(), 1);
}

// The release has changed the word and has not yet reached the cell when the waiter gives up: its own +1
// returns the permit, and the late waker finds nobody.
TEST(PermitsTest, AbortBetweenTheGrantAndTheWakeReturnsThePermit) {
    Counter counter(0);
    auto& first = counter.wait();
    const EpochPin pin;
    WaitQueue& queue = *counter.permits.queue.load();
    EXPECT_EQ(counter.permits.word.fetch_add(1), -1) << "first half of a release";
    EXPECT_TRUE(counter.abort(first));
    EXPECT_EQ(counter.permits.count(), 1) << "free for anybody";
    EXPECT_TRUE(counter.permits.take()) << "and anybody may have it before the waker goes on";
    Permits::wake(queue, 1);
    EXPECT_EQ(counter.permits.count(), 0);
    EXPECT_EQ(queue.head_index(), 1U);
    auto& next = counter.wait();
    EXPECT_TRUE(counter.permits.give(1, no_bound));
    EXPECT_FALSE(next.fake.asleep());
}

// Permits in units of 2^16, as Queue counts items: the low bits belong to somebody else.
TEST(PermitsTest, UnitsLeaveTheLowBitsAlone) {
    constexpr std::int64_t unit = std::int64_t{1} << 16;
    constexpr std::int64_t low = 0x1235;
    Counter counter(0, unit);
    EXPECT_EQ(counter.permits.word.fetch_or(low), 0);
    EXPECT_FALSE(counter.permits.try_take(unit)) << "low bits are no permit";
    auto& first = counter.wait();
    auto& second = counter.wait();
    EXPECT_LT(counter.permits.count(), 0);
    EXPECT_TRUE(second.fake.waiter().claim(second.fake.token().seq));
    EXPECT_TRUE(counter.abort(second));
    EXPECT_TRUE(counter.permits.give(unit, no_bound, unit));
    EXPECT_FALSE(first.fake.asleep());
    EXPECT_EQ(counter.permits.count(), low);
    EXPECT_TRUE(counter.permits.give(3 * unit, no_bound, unit));
    EXPECT_EQ(counter.permits.count(), 3 * unit + low);
    EXPECT_TRUE(counter.permits.try_take(unit));
    EXPECT_TRUE(counter.permits.take(unit));
    EXPECT_TRUE(counter.permits.take(unit));
    EXPECT_FALSE(counter.permits.try_take(unit));
}

TEST(PermitsTest, EveryWaiterIsWokenWhateverTheLowBits) {
    constexpr std::int64_t unit = std::int64_t{1} << 16;
    for (const std::int64_t low : {std::int64_t{0}, std::int64_t{1}, unit / 2, unit - 1}) {
        Counter counter(0, unit);
        counter.permits.word.fetch_or(low);
        for (int i = 0; i < 3; ++i) {
            counter.wait();
        }
        EXPECT_TRUE(counter.permits.give(3 * unit, no_bound, unit));
        for (const auto& one : counter.parked) {
            EXPECT_FALSE(one->fake.asleep()) << "low bits " << low;
        }
        EXPECT_EQ(counter.permits.queue.load()->head_index(), 3U) << "and nobody else was sent for";
    }
}

}  // namespace
}  // namespace heddle::test
