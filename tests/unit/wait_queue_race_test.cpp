#include "fake_waiter.hpp"
#include <heddle/detail/wait/permits.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

// The wait queue and the permits on it under threads: grants, aborts and broadcasts at the same moment.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

/// A thread that waits for permits by hand, so that it can give up at any moment.
class Party {
public:
    explicit Party(Permits& permits) : permits_(permits) {}

    /// True: has the permit. `patience` turns asleep, then it gives up.
    bool acquire(unsigned patience) {
        permits_.prepare();
        if (permits_.take()) {
            return true;
        }
        const WaitToken token = fake_.token();
        WaitPlace place;
        if (!permits_.enqueue(token, place)) {
            return true;
        }
        if (fake_.park(token) != Parked::suspended) {
            return true;
        }
        for (unsigned i = 0; i < patience; ++i) {
            if (!fake_.asleep()) {
                return true;
            }
            std::this_thread::yield();
        }
        if (!fake_.waiter().claim(token.seq)) {
            return true;  // granted at the last moment
        }
        if (permits_.abort(place, fake_.waiter())) {
            return false;
        }
        return true;  // a waker had reached the cell: the permit is ours
    }

private:
    Permits& permits_;
    FakeWaiter fake_;
};

class PermitsRace : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(permits, PermitsRace, testing::Values(1, 2));

TEST_P(PermitsRace, NoPermitIsLostOrDoubledAmongAborts) {
    const std::int64_t initial = GetParam();
    Permits permits(initial);
    std::atomic<std::int64_t> inside{0};
    std::atomic<std::int64_t> granted{0};
    std::atomic<std::int64_t> aborted{0};
    constexpr std::size_t threads = 4;
    constexpr int rounds = 8'000;
    at_once(threads, [&](std::size_t me) {
        std::minstd_rand random(static_cast<unsigned>(me) + 1);
        Party party(permits);
        for (int i = 0; i < rounds; ++i) {
            if (!party.acquire(random() % 4)) {
                ++aborted;
                continue;
            }
            ++granted;
            EXPECT_LE(++inside, initial) << "too many inside";
            if (random() % 8 == 0) {
                std::this_thread::yield();
            }
            --inside;
            EXPECT_TRUE(permits.give(1, initial)) << "more permits than at the start";
        }
    });
    EXPECT_EQ(permits.count(), initial);
    EXPECT_EQ(granted + aborted, static_cast<std::int64_t>(threads) * rounds);
    const EpochPin pin;
    if (WaitQueue* queue = permits.queue.load(acquire); queue != nullptr) {
        EXPECT_EQ(queue->parked(), 0U);
        EXPECT_LE(queue->linked_segments(), 8U);
    }
}

// Enqueueing and a resume that meet in one cell, resume first or second: every waiter is woken once.
TEST(WaitQueueRace, EachObligationReachesOneWaiter) {
    Atomic<WaitQueue*> slot{nullptr};
    WaitQueue::of(slot);
    constexpr int rounds = 20'000;
    std::atomic<int> woken{0};
    at_once(4, [&](std::size_t me) {
        FakeWaiter fake;
        for (int i = 0; i < rounds; ++i) {
            if (me < 2) {
                const EpochPin pin;
                const WaitToken token = slot.load(acquire)->resume_one();
                if (token.who != nullptr) {
                    static_cast<void>(token.who->claim(token.seq));
                }
                continue;
            }
            const WaitToken token = fake.token();
            WaitPlace place;
            bool parked = false;
            {
                const EpochPin pin;
                parked = slot.load(acquire)->enqueue(token, place) && fake.park(token) == Parked::suspended;
            }
            while (parked && fake.asleep()) {
                std::this_thread::yield();
            }
            ++woken;
        }
    });
    EXPECT_EQ(woken, 2 * rounds);
    EXPECT_EQ(slot.load(acquire)->head_index(), slot.load(acquire)->tail_index());
    WaitQueue::dispose(slot);
}

// Broadcasts that claim ranges beside waiters that leave.
TEST(WaitQueueRace, EveryWaiterLeavesOrIsWokenByABroadcast) {
    Atomic<WaitQueue*> slot{nullptr};
    WaitQueue::of(slot);
    constexpr int rounds = 10'000;
    std::atomic<bool> over{false};
    std::atomic<int> active{2};
    std::array<int, 2> left{};
    std::array<int, 2> woken{};
    at_once(4, [&](std::size_t me) {
        if (me < 2) {
            while (!over) {
                const EpochPin pin;
                WaitQueue& queue = *slot.load(acquire);
                queue.resume_all(queue.tail_index());
                std::this_thread::yield();
            }
            return;
        }
        std::minstd_rand random(static_cast<unsigned>(me));
        FakeWaiter fake;
        for (int i = 0; i < rounds; ++i) {
            const WaitToken token = fake.token();
            WaitPlace place;
            bool parked = false;
            {
                const EpochPin pin;
                parked = slot.load(acquire)->enqueue(token, place) && fake.park(token) == Parked::suspended;
            }
            for (unsigned patience = random() % 8; parked && patience > 0 && fake.asleep(); --patience) {
                std::this_thread::yield();
            }
            if (parked && random() % 2 == 0 && fake.waiter().claim(token.seq)) {
                const EpochPin pin;
                ++(slot.load(acquire)->leave(place, fake.waiter()) ? left : woken)[me - 2];
                continue;
            }
            while (fake.asleep()) {
                std::this_thread::yield();
            }
            ++woken[me - 2];
        }
        if (--active == 0) {
            over = true;
        }
    });
    EXPECT_EQ(left[0] + left[1] + woken[0] + woken[1], 2 * rounds);
    EXPECT_EQ(slot.load(acquire)->parked(), 0U);
    EXPECT_LE(slot.load(acquire)->linked_segments(), 8U);
    WaitQueue::dispose(slot);
}

}  // namespace
}  // namespace heddle::test
