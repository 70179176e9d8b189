#include "fake_waiter.hpp"
#include <heddle/detail/queue/join_word.hpp>
#include <heddle/event.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

// The two words that hand out the index of the waiter's cell: EventWord and JoinWord.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

struct Parked {
    FakeWaiter fake;
    WaitPlace place;
};

template <class Word>
std::unique_ptr<Parked> park_in(Word& word) {
    auto one = std::make_unique<Parked>();
    EXPECT_TRUE(word.enqueue(one->fake.token(), one->place));
    EXPECT_EQ(one->fake.park(), detail::Parked::suspended);
    return one;
}

TEST(EventWordTest, SetAndClearWithoutWaitersMakeNoQueue) {
    EventWord event;
    EXPECT_FALSE(event.passable());
    event.set();
    event.set();
    EXPECT_TRUE(event.passable());
    event.clear();
    event.clear();
    EXPECT_FALSE(event.passable());
    EXPECT_EQ(event.queue.load(), nullptr);
}

TEST(EventWordTest, ASetEventTakesNoWaiter) {
    EventWord event;
    event.set();
    const FakeWaiter fake;
    WaitPlace place;
    EXPECT_FALSE(event.enqueue(fake.token(), place));
    EXPECT_EQ(event.word.load(), EventWord::set_bit) << "no ticket was drawn";
}

TEST(EventWordTest, APulseWakesThoseWhoWaitedBefore) {
    EventWord event;
    const auto before = park_in(event);
    event.set();
    event.clear();
    const auto after = park_in(event);
    EXPECT_FALSE(before->fake.asleep());
    EXPECT_TRUE(after->fake.asleep());
    event.set();
    EXPECT_FALSE(after->fake.asleep());
}

TEST(EventWordTest, LeavingIsDecidedByTheCell) {
    EventWord event;
    const auto leaves = park_in(event);
    const auto stays = park_in(event);
    EXPECT_TRUE(event.leave(leaves->place, leaves->fake.waiter()));
    EXPECT_FALSE(event.leave(leaves->place, leaves->fake.waiter())) << "once";
    event.set();
    EXPECT_TRUE(leaves->fake.asleep());
    EXPECT_FALSE(stays->fake.asleep());
    EXPECT_FALSE(event.leave(stays->place, stays->fake.waiter()));
}

TEST(EventWordTest, WaitsThatAreLeftDoNotPileUp) {
    EventWord event;
    const FakeWaiter fake;
    for (int i = 0; i < 20'000; ++i) {
        WaitPlace place;
        ASSERT_TRUE(event.enqueue(fake.token(), place));
        ASSERT_TRUE(event.leave(place, fake.waiter()));
    }
    EXPECT_LE(event.queue.load()->linked_segments(), 6U);
}

// Each waiter destroys the event that woke it: set() does not touch it after the RMW that raises the flag.
TEST(EventWordRace, TheWokenMayDestroyTheEvent) {
    constexpr int rounds = 5'000;
    std::atomic<EventWord*> shared{nullptr};
    at_once(2, [&](std::size_t me) {
        FakeWaiter fake;
        for (int i = 0; i < rounds; ++i) {
            if (me == 0) {
                auto event = std::make_unique<EventWord>();
                shared.store(event.get());
                const WaitToken token = fake.token();
                WaitPlace place;
                if (event->enqueue(token, place) && fake.park(token) == detail::Parked::suspended) {
                    while (fake.asleep()) {
                        std::this_thread::yield();
                    }
                }
                continue;
            }
            EventWord* event = nullptr;
            while ((event = shared.exchange(nullptr)) == nullptr) {
                std::this_thread::yield();
            }
            event->set();
        }
    });
}

/// With the word that puts draw their numbers from.
struct Latch {
    detail::Atomic<std::int64_t> puts{detail::QueueWord::initial(0)};
    detail::JoinWord word{puts};
    void count_up() { puts.fetch_add(1); }
    bool count_down() { return word.count_down(); }
    [[nodiscard]] bool passable() const { return word.passable(); }
    [[nodiscard]] std::uint32_t count() const { return word.count(); }
};

TEST(JoinWordTest, PassableOnlyAtZero) {
    Latch latch;
    EXPECT_TRUE(latch.passable());
    EXPECT_FALSE(latch.count_down()) << "nothing to count down";
    latch.count_up();
    latch.count_up();
    EXPECT_FALSE(latch.passable());
    EXPECT_TRUE(latch.count_down());
    EXPECT_FALSE(latch.passable());
    EXPECT_TRUE(latch.count_down());
    EXPECT_TRUE(latch.passable());
    EXPECT_FALSE(latch.count_down());
    EXPECT_EQ(latch.count(), 0U);
    EXPECT_EQ(latch.word.queue.load(), nullptr);
}

TEST(JoinWordTest, TheLastCountDownWakesAll) {
    Latch latch;
    latch.count_up();
    latch.count_up();
    const auto a = park_in(latch.word);
    const auto b = park_in(latch.word);
    EXPECT_TRUE(latch.count_down());
    EXPECT_TRUE(a->fake.asleep() && b->fake.asleep());
    EXPECT_TRUE(latch.count_down());
    EXPECT_FALSE(a->fake.asleep() || b->fake.asleep());
    const FakeWaiter late;
    WaitPlace place;
    EXPECT_FALSE(latch.word.enqueue(late.token(), place));
}

TEST(JoinWordTest, GoesUpAndDownForEver) {
    Latch latch;
    for (int i = 0; i < 50; ++i) {
        latch.count_up();
        const auto waits = park_in(latch.word);
        const auto leaves = park_in(latch.word);
        EXPECT_TRUE(latch.word.leave(leaves->place, leaves->fake.waiter()));
        EXPECT_TRUE(latch.count_down());
        EXPECT_FALSE(waits->fake.asleep());
        EXPECT_TRUE(leaves->fake.asleep());
    }
}

TEST(JoinWordTest, TheCountDoesNotRunIntoTheTickets) {
    Latch latch;
    const std::uint64_t before = latch.word.word.load();
    ASSERT_GT(before + 8, std::uint64_t{detail::QueueWord::numbers}) << "the last number comes soon";
    for (int i = 0; i < 8; ++i) {
        latch.count_up();
    }
    for (std::uint32_t left = 8; left > 0; --left) {
        EXPECT_EQ(latch.count(), left);
        EXPECT_TRUE(latch.count_down());
    }
    EXPECT_EQ(latch.word.word.load(), before + 8 - detail::QueueWord::numbers) << "no ticket was drawn";
}

TEST(JoinWordRace, EveryWaiterIsWokenWhenTheCountComesToZero) {
    Latch latch;
    constexpr int rounds = 5'000;
    std::atomic<int> passed{0};
    std::atomic<int> done{0};
    at_once(4, [&](std::size_t me) {
        FakeWaiter fake;
        std::minstd_rand random(static_cast<unsigned>(me) + 1);
        for (int i = 0; i < rounds; ++i) {
            if (me < 2) {
                latch.count_up();
                if (random() % 4 == 0) {
                    std::this_thread::yield();
                }
                EXPECT_TRUE(latch.count_down());
                continue;
            }
            const WaitToken token = fake.token();
            WaitPlace place;
            if (!latch.passable() && latch.word.enqueue(token, place) &&
                fake.park(token) == detail::Parked::suspended) {
                while (fake.asleep()) {
                    std::this_thread::yield();
                }
            }
            ++passed;
        }
        ++done;
    });
    EXPECT_EQ(passed, 2 * rounds);
    EXPECT_EQ(done, 4);
    EXPECT_TRUE(latch.passable());
}

}  // namespace
}  // namespace heddle::test
