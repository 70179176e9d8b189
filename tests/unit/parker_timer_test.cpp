#include "fake_waiter.hpp"
#include <heddle/detail/sync/clock.hpp>
#include <heddle/detail/sync/parker.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

// Threads that park. The deadlines are what is tested here, hence the name of the file.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

constexpr std::int64_t ms = 1'000'000;

TEST(ClockTest, NeverGoesBack) {
    std::int64_t last = now_ns();
    for (int i = 0; i < 1'000; ++i) {
        const std::int64_t now = now_ns();
        EXPECT_GE(now, last);
        last = now;
    }
}

TEST(ParkerTest, ANotificationBeforeParkIsNotLost) {
    Parker parker;
    parker.unpark();
    EXPECT_TRUE(parker.park(never));
    EXPECT_FALSE(parker.park(now_ns())) << "it has been used up";
}

TEST(ParkerTest, SeveralNotificationsAreOne) {
    Parker parker;
    parker.unpark();
    parker.unpark();
    EXPECT_TRUE(parker.park(never));
    EXPECT_FALSE(parker.park(now_ns()));
}

TEST(ParkerTest, ADeadlineEndsTheSleepAndNeverEarly) {
    Parker parker;
    for (const std::int64_t delay : {std::int64_t{0}, std::int64_t{1}, ms, 5 * ms}) {
        const std::int64_t deadline = now_ns() + delay;
        EXPECT_FALSE(parker.park(deadline));
        EXPECT_GE(now_ns(), deadline);
    }
    EXPECT_FALSE(parker.park(-1)) << "before the clock began";
    EXPECT_FALSE(parker.park(0));
    parker.unpark();
    EXPECT_TRUE(parker.park(0)) << "a notification counts also after the deadline";
}

TEST(ParkerTest, ASleeperIsWoken) {
    Parker parker;
    std::atomic<bool> woken{false};
    std::thread sleeper([&] {
        EXPECT_TRUE(parker.park(never));
        woken = true;
    });
    // Wakes that are none: the thread looks at the word and goes to sleep again.
    for (int i = 0; i < 2'000; ++i) {
        futex_wake_one(&parker);
        EXPECT_FALSE(woken) << "woke up without a notification";
    }
    parker.unpark();
    sleeper.join();
    EXPECT_TRUE(woken);
}

TEST(ParkerTest, AFutexThatDoesNotHoldTheValueIsNotWaitedFor) {
    const std::uint32_t word = 7;
    futex_wait(&word, 8, never);
    futex_wait(&word, 7, now_ns() + ms);  // until the deadline
}

TEST(ParkerTest, WakesAreCounted) {
    const std::uint64_t before = futex_wake_calls();
    Parker parker;
    parker.unpark();
    EXPECT_EQ(futex_wake_calls(), before) << "nobody sleeps: no system call";
    const std::uint32_t word = 0;
    futex_wake_one(&word);
    EXPECT_GT(futex_wake_calls(), before);
}

TEST(ParkerTest, BarrierOfTheProcess) {
    static_cast<void>(process_barrier());  // may be missing; must not fail
    EXPECT_EQ(process_barrier(), process_barrier());
}

// Two threads that hand a token to and fro: every notification wakes, each is used once, and what was written
// before unpark() is seen after park().
TEST(ParkerRace, PingPong) {
    Parker a;
    Parker b;
    long plain = 0;
    constexpr int rounds = 30'000;
    at_once(2, [&](std::size_t me) {
        Parker& mine = me == 0 ? a : b;
        Parker& other = me == 0 ? b : a;
        for (int i = 0; i < rounds; ++i) {
            if (me == 0) {
                ++plain;
                other.unpark();
                EXPECT_TRUE(mine.park(never));
            } else {
                EXPECT_TRUE(mine.park(never));
                ++plain;
                other.unpark();
            }
        }
    });
    EXPECT_EQ(plain, 2L * rounds);
}

// Deadlines that end at the moment of the notification: it counts for this park or for the next, never for
// none and never for both.
TEST(ParkerRace, DeadlineAgainstNotification) {
    Parker parker;
    std::atomic<int> sent{0};
    std::atomic<int> got{0};
    constexpr int rounds = 3'000;
    at_once(2, [&](std::size_t me) {
        if (me == 0) {
            while (got < rounds) {
                got += parker.park(now_ns() + 20'000) ? 1 : 0;
            }
            return;
        }
        for (int i = 0; i < rounds; ++i) {
            ++sent;
            parker.unpark();
            while (got < sent) {
                std::this_thread::yield();
            }
        }
    });
    EXPECT_EQ(got, rounds);
    EXPECT_FALSE(parker.park(now_ns()));
}

}  // namespace
}  // namespace heddle::test
