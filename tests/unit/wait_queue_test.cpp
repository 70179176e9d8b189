#include "fake_waiter.hpp"
#include "wait/segment.hpp"
#include <heddle/detail/wait/wait_queue.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

// The queue of waiters, driven by hand on one thread: who is served, and which segments stay.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

struct Queued {
    FakeWaiter fake;
    WaitToken token;
    WaitPlace place;
};

class WaitQueueTest : public testing::Test {
public:
    ~WaitQueueTest() override { WaitQueue::dispose(slot_); }
    WaitQueueTest() = default;
    WaitQueueTest(const WaitQueueTest&) = delete;
    WaitQueueTest& operator=(const WaitQueueTest&) = delete;
    WaitQueueTest(WaitQueueTest&&) = delete;
    WaitQueueTest& operator=(WaitQueueTest&&) = delete;

protected:
    WaitQueue& queue() { return WaitQueue::of(slot_); }

    Queued& add() {
        const EpochPin pin;
        waiting_.push_back(std::make_unique<Queued>());
        Queued& one = *waiting_.back();
        one.token = one.fake.token();
        EXPECT_TRUE(queue().enqueue(one.token, one.place));
        EXPECT_EQ(one.fake.park(), Parked::suspended);
        return one;
    }
    void add(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            add();
        }
    }
    /// Resumes one and checks that it is `expected`.
    void expect_next(const Queued& expected) {
        const EpochPin pin;
        const WaitToken token = queue().resume_one();
        EXPECT_EQ(token.who, expected.token.who);
        EXPECT_EQ(token.seq, expected.token.seq);
    }
    /// Gives up as a waiter of Permits does whom nobody has been sent to.
    void abort(Queued& one) {
        const EpochPin pin;
        EXPECT_TRUE(queue().take_back(one.place, one.fake.waiter()));
        EXPECT_EQ(queue().settle_aborted(one.place).who, nullptr);
    }
    void leave(Queued& one) {
        const EpochPin pin;
        EXPECT_TRUE(queue().leave(one.place, one.fake.waiter()));
    }
    Queued& at(std::size_t i) { return *waiting_.at(i); }

    Atomic<WaitQueue*> slot_{nullptr};  // NOLINT(misc-non-private-member-variables-in-classes)

private:
    std::vector<std::unique_ptr<Queued>> waiting_;
};

TEST_F(WaitQueueTest, IsCreatedOnce) {
    EXPECT_EQ(slot_.load(), nullptr);
    const WaitQueue& first = queue();
    EXPECT_EQ(&queue(), &first);
    EXPECT_EQ(first.linked_segments(), 1U);
    EXPECT_EQ(first.parked(), 0U);
}

TEST_F(WaitQueueTest, FirstInFirstOutOverSeveralSegments) {
    constexpr std::size_t n = 5 * segment_cells + 3;
    add(n);
    EXPECT_EQ(queue().parked(), n);
    EXPECT_EQ(queue().linked_segments(), 6U);
    for (std::size_t i = 0; i < n; ++i) {
        expect_next(at(i));
    }
    EXPECT_EQ(queue().parked(), 0U);
    EXPECT_EQ(queue().head_index(), n);
    EXPECT_EQ(queue().tail_index(), n);
    EXPECT_EQ(queue().linked_segments(), 1U) << "what has been served is unlinked";
}

TEST_F(WaitQueueTest, AWakeUpMayComeFirst) {
    const EpochPin pin;
    for (std::size_t i = 0; i < segment_cells + 1; ++i) {
        EXPECT_EQ(queue().resume_one().who, nullptr) << "left in the cell";
    }
    const FakeWaiter late;
    WaitPlace place;
    for (std::size_t i = 0; i < segment_cells + 1; ++i) {
        EXPECT_FALSE(queue().enqueue(late.token(), place));
    }
    EXPECT_TRUE(queue().enqueue(late.token(), place));
    EXPECT_EQ(queue().resume_one().who, &late.waiter());
}

TEST_F(WaitQueueTest, AnAbortedWaiterIsSkipped) {
    add(4);
    abort(at(0));
    abort(at(2));
    EXPECT_EQ(queue().parked(), 2U);
    expect_next(at(1));
    expect_next(at(3));
}

TEST_F(WaitQueueTest, AGrantedWaiterCannotTakeItsPlaceBack) {
    add(2);
    expect_next(at(0));
    const EpochPin pin;
    EXPECT_FALSE(queue().take_back(at(0).place, at(0).fake.waiter()));
    EXPECT_FALSE(queue().leave(at(0).place, at(0).fake.waiter()));
    EXPECT_TRUE(queue().take_back(at(1).place, at(1).fake.waiter()));
}

TEST_F(WaitQueueTest, AGrantedWaiterKnowsItAlsoWhenItsSegmentIsGone) {
    add(3 * segment_cells);
    for (std::size_t i = 0; i < 2 * segment_cells + 1; ++i) {
        expect_next(at(i));
    }
    const EpochPin pin;
    EXPECT_FALSE(queue().take_back(at(0).place, at(0).fake.waiter())) << "behind the head: not dereferenced";
    EXPECT_FALSE(queue().leave(at(1).place, at(1).fake.waiter()));
}

// A resumer that finds an aborting waiter in transit leaves its wake-up there, and the waiter passes it on.
TEST_F(WaitQueueTest, AnObligationLeftInAnAbortedCellGoesToTheNext) {
    add(2);
    const EpochPin pin;
    EXPECT_TRUE(queue().take_back(at(0).place, at(0).fake.waiter()));
    EXPECT_EQ(queue().resume_one().who, nullptr) << "the cell is empty: whoever is there takes over";
    const WaitToken passed_on = queue().settle_aborted(at(0).place);
    EXPECT_EQ(passed_on.who, &at(1).fake.waiter());
    EXPECT_EQ(passed_on.seq, at(1).token.seq);
}

TEST_F(WaitQueueTest, ResumeAllWakesThoseBelowTheEnd) {
    constexpr std::size_t n = 2 * segment_cells + 5;
    constexpr std::size_t end = segment_cells + 7;
    add(n);
    leave(at(3));
    {
        const EpochPin pin;
        queue().resume_all(end);
    }
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(at(i).fake.asleep(), i >= end || i == 3) << i;
    }
    EXPECT_EQ(queue().head_index(), end);
    EXPECT_EQ(queue().parked(), n - end);
    const EpochPin pin;
    queue().resume_all(end - 1);  // an older broadcast that comes late
    EXPECT_EQ(queue().head_index(), end);
    queue().resume_all(n);
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(at(i).fake.asleep(), i == 3);
    }
}

TEST_F(WaitQueueTest, ResumeAllOfManyMakesOneBatchAfterTheOther) {
    constexpr std::size_t n = 500;  // batches are of 64
    add(n);
    {
        const EpochPin pin;
        queue().resume_all(n);
    }
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_FALSE(at(i).fake.asleep());
    }
}

TEST_F(WaitQueueTest, ResumeNextBelowStopsAtTheEnd) {
    add(3);
    leave(at(0));
    const EpochPin pin;
    EXPECT_EQ(queue().resume_next_below(2).who, &at(1).fake.waiter());
    EXPECT_EQ(queue().resume_next_below(2).who, nullptr);
    EXPECT_EQ(queue().head_index(), 2U) << "the cell beyond has not been touched";
    EXPECT_EQ(queue().resume_next_below(3).who, &at(2).fake.waiter());
    EXPECT_EQ(queue().resume_next_below(3).who, nullptr);
}

// ---- segments
// ----------------------------------------------------------------------------------------------

constexpr std::size_t many = 100'000;

TEST_F(WaitQueueTest, AbortedWaitsLeaveABoundedNumberOfSegments) {
    const FakeWaiter fake;
    std::size_t most = 0;
    for (std::size_t i = 0; i < many; ++i) {
        const EpochPin pin;
        WaitPlace place;
        ASSERT_TRUE(queue().enqueue(fake.token(), place));
        ASSERT_TRUE(queue().take_back(place, fake.waiter()));
        ASSERT_EQ(queue().settle_aborted(place).who, nullptr);
        most = std::max(most, queue().linked_segments());
    }
    EXPECT_LE(most, 6U) << "head, tail, and what one sweep leaves";
    EXPECT_EQ(queue().tail_index(), many);
    // The first wake-up jumps over all of them.
    const Queued& live = add();
    expect_next(live);
    EXPECT_EQ(queue().head_index(), many + 1);
    EXPECT_LE(queue().linked_segments(), 2U);
}

TEST_F(WaitQueueTest, TheSameForWaitsThatAreOnlyBroadcastTo) {
    const FakeWaiter fake;
    std::size_t most = 0;
    for (std::size_t i = 0; i < many; ++i) {
        const EpochPin pin;
        WaitPlace place;
        ASSERT_TRUE(queue().enqueue(fake.token(), place));
        ASSERT_TRUE(queue().leave(place, fake.waiter()));
        most = std::max(most, queue().linked_segments());
    }
    EXPECT_LE(most, 6U);
    const Queued& live = add();
    const EpochPin pin;
    queue().resume_all(many + 1);
    EXPECT_FALSE(live.fake.asleep());
    EXPECT_LE(queue().linked_segments(), 2U);
}

TEST_F(WaitQueueTest, TheSameBehindALiveWaiter) {
    const Queued& first = add();
    const FakeWaiter fake;
    std::size_t most = 0;
    for (std::size_t i = 0; i < many; ++i) {
        const EpochPin pin;
        WaitPlace place;
        ASSERT_TRUE(queue().enqueue(fake.token(), place));
        ASSERT_TRUE(queue().leave(place, fake.waiter()));
        most = std::max(most, queue().linked_segments());
    }
    EXPECT_LE(most, 6U);
    EXPECT_EQ(queue().parked(), 1U);
    const Queued& last = add();
    expect_next(first);
    expect_next(last);
}

// One live waiter in every fourth segment: what is linked stays in proportion to the living.
TEST_F(WaitQueueTest, InteriorSegmentsAreRemovedBetweenLiveOnes) {
    constexpr std::size_t live = 100;
    constexpr std::size_t between = 4 * segment_cells - 1;
    const FakeWaiter fake;
    for (std::size_t i = 0; i < live; ++i) {
        add();
        for (std::size_t k = 0; k < between; ++k) {
            const EpochPin pin;
            WaitPlace place;
            ASSERT_TRUE(queue().enqueue(fake.token(), place));
            ASSERT_TRUE(queue().leave(place, fake.waiter()));
        }
    }
    EXPECT_LE(queue().linked_segments(), live + live / 2 + 4);
    EXPECT_EQ(queue().parked(), live);
    for (std::size_t i = 0; i < live; ++i) {
        expect_next(at(i));
    }
    EXPECT_LE(queue().linked_segments(), 2U);
}

TEST_F(WaitQueueTest, AnInteriorSegmentMayDieInAnyOrder) {
    constexpr std::size_t segments = 40;
    add(segments * segment_cells);
    // All but the first segment, every second cell first, from the back.
    for (std::size_t pass = 0; pass < 2; ++pass) {
        for (std::size_t i = segments * segment_cells; i-- > segment_cells;) {
            if (i % 2 == pass) {
                abort(at(i));
            }
        }
    }
    EXPECT_LE(queue().linked_segments(), 6U);
    for (std::size_t i = 0; i < segment_cells; ++i) {
        expect_next(at(i));
    }
    const Queued& next = add();
    expect_next(next);
}

TEST_F(WaitQueueTest, ABroadcastJumpsOverRemovedSegments) {
    add(10 * segment_cells);
    for (std::size_t i = segment_cells; i < 9 * segment_cells; ++i) {
        leave(at(i));
    }
    EXPECT_LE(queue().linked_segments(), 6U);
    const EpochPin pin;
    queue().resume_all(5 * segment_cells + 1);  // its end lies in a removed segment
    for (std::size_t i = 0; i < 10 * segment_cells; ++i) {
        EXPECT_EQ(at(i).fake.asleep(), i >= segment_cells) << i;
    }
    queue().resume_all(10 * segment_cells);
    for (std::size_t i = 9 * segment_cells; i < 10 * segment_cells; ++i) {
        EXPECT_FALSE(at(i).fake.asleep()) << i;
    }
}

TEST_F(WaitQueueTest, SegmentsAreFreedWhenTheQueueIs) {
    epoch_tick();
    const std::int64_t before = epoch_pending();
    add(20 * segment_cells);
    for (std::size_t i = 0; i < 10 * segment_cells; ++i) {
        expect_next(at(i));
    }
    WaitQueue::dispose(slot_);
    slot_.store(nullptr);
    for (int i = 0; i < 4; ++i) {
        epoch_tick();
    }
    EXPECT_LE(epoch_pending(), before);
}

}  // namespace
}  // namespace heddle::test
