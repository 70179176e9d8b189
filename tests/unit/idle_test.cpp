#include "sched/idle.hpp"

#include "fake_waiter.hpp"
#include <heddle/detail/sync/parker.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

// The word that tells who sleeps and who searches.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

TEST(IdleWordTest, NobodySleepsAtTheStart) {
    IdleWord idle(4);
    EXPECT_EQ(idle.sleepers(), 0U);
    EXPECT_EQ(idle.searching(), 0U);
    EXPECT_FALSE(idle.may_need_wake());
    EXPECT_LT(idle.choose_sleeper(0), 0);
}

TEST(IdleWordTest, ASleeperIsChosenOnceAndThenCountsAsSearching) {
    IdleWord idle(2);
    EXPECT_TRUE(idle.sleep(1, false)) << "nobody searches: look at everything";
    EXPECT_TRUE(idle.may_need_wake());
    EXPECT_EQ(idle.choose_sleeper(0), 1);
    EXPECT_EQ(idle.sleepers(), 0U);
    EXPECT_EQ(idle.searching(), 1U);
    EXPECT_LT(idle.choose_sleeper(0), 0) << "a searcher will see it";
    EXPECT_FALSE(idle.may_need_wake());
    EXPECT_TRUE(idle.woken(1)) << "chosen";
    EXPECT_TRUE(idle.stop_search(1)) << "the last searcher passes the torch";
    EXPECT_EQ(idle.searching(), 0U);
}

TEST(IdleWordTest, OneThatWakesByItselfDoesNotSearch) {
    IdleWord idle(2);
    EXPECT_TRUE(idle.sleep(0, false));
    EXPECT_FALSE(idle.woken(0));
    EXPECT_EQ(idle.sleepers(), 0U);
    EXPECT_EQ(idle.searching(), 0U);
}

TEST(IdleWordTest, OnlyTheLastSearcherLooksOnceMore) {
    IdleWord idle(4);
    EXPECT_TRUE(idle.try_start_search(0));
    EXPECT_TRUE(idle.try_start_search(1));
    EXPECT_FALSE(idle.sleep(2, false)) << "others search";
    EXPECT_FALSE(idle.sleep(0, true)) << "one still searches";
    EXPECT_TRUE(idle.sleep(1, true));
    EXPECT_EQ(idle.sleepers(), 3U);
    EXPECT_EQ(idle.searching(), 0U);
}

TEST(IdleWordTest, HalfOfTheWorkersSearchAtMost) {
    IdleWord idle(4);
    EXPECT_TRUE(idle.try_start_search(0));
    EXPECT_TRUE(idle.try_start_search(1));
    EXPECT_FALSE(idle.try_start_search(2));
    EXPECT_FALSE(idle.stop_search(0)) << "not the last";
    EXPECT_TRUE(idle.try_start_search(2));
    EXPECT_EQ(idle.searching(), 2U);
}

TEST(IdleWordTest, TheLastLookMayFindWork) {
    IdleWord idle(2);
    EXPECT_TRUE(idle.sleep(0, false));
    idle.wake_self_searching(0);
    EXPECT_EQ(idle.sleepers(), 0U);
    EXPECT_EQ(idle.searching(), 1U);
    EXPECT_TRUE(idle.stop_search(0));
    // Chosen by somebody in between: counted once all the same.
    EXPECT_TRUE(idle.sleep(0, false));
    EXPECT_EQ(idle.choose_sleeper(1), 0);
    idle.wake_self_searching(0);
    EXPECT_EQ(idle.searching(), 1U);
    EXPECT_TRUE(idle.stop_search(0));
    EXPECT_EQ(idle.searching(), 0U);
}

TEST(IdleWordTest, OneKeepsWatch) {
    IdleWord idle(2);
    EXPECT_TRUE(idle.take_watch(0));
    EXPECT_FALSE(idle.take_watch(1));
    idle.leave_watch(1);
    EXPECT_FALSE(idle.take_watch(1)) << "left by somebody who has not got it";
    idle.leave_watch(0);
    EXPECT_TRUE(idle.take_watch(1));
}

TEST(IdleWordTest, WhoLooksNowAndThenGivesTheWatchAway) {
    IdleWord idle(2);
    EXPECT_FALSE(idle.slow_watch(0)) << "it has not got it";
    EXPECT_TRUE(idle.take_watch(0));
    EXPECT_TRUE(idle.take_watch(0));
    EXPECT_TRUE(idle.slow_watch(0));
    EXPECT_TRUE(idle.slow_watch(0));
    EXPECT_TRUE(idle.take_watch(1));
    EXPECT_FALSE(idle.take_watch(0));
    EXPECT_FALSE(idle.slow_watch(0));
    EXPECT_TRUE(idle.slow_watch(1));
    EXPECT_TRUE(idle.take_watch(1)) << "often again";
    EXPECT_FALSE(idle.take_watch(0));
    EXPECT_TRUE(idle.slow_watch(1));
    idle.leave_watch(1);
    EXPECT_TRUE(idle.take_watch(0));
}

TEST(IdleWordTest, TheSentinelIsWokenLast) {
    IdleWord idle(100);
    for (const unsigned worker : {0U, 1U, 50U}) {
        EXPECT_TRUE(idle.sleep(worker, false));
    }
    EXPECT_TRUE(idle.take_watch(0));
    EXPECT_EQ(idle.choose_sleeper(0), 1);
    EXPECT_TRUE(idle.stop_search(1));
    EXPECT_EQ(idle.choose_sleeper(0), 0) << "nobody else sleeps in this group";
    EXPECT_TRUE(idle.stop_search(0));
    EXPECT_EQ(idle.choose_sleeper(0), 50);
}

// More workers than one word holds: groups of 48.
TEST(IdleWordTest, Groups) {
    constexpr unsigned workers = 100;
    IdleWord idle(workers);
    for (unsigned i = 0; i < workers; ++i) {
        EXPECT_TRUE(idle.sleep(i, false));
    }
    EXPECT_EQ(idle.sleepers(), workers);
    EXPECT_EQ(idle.choose_sleeper(99) / 48, 2) << "the near group first";
    EXPECT_LT(idle.choose_sleeper(99), 0) << "it has a searcher now";
    EXPECT_FALSE(idle.may_need_wake());
    EXPECT_EQ(idle.searching(), 1U);
    EXPECT_EQ(idle.sleepers(), workers - 1);
    // All of the last group are awake: the others are asked.
    EXPECT_TRUE(idle.stop_search(99));
    for (unsigned i = 96; i < workers; ++i) {
        static_cast<void>(idle.woken(i));
    }
    EXPECT_EQ(idle.choose_sleeper(99) / 48, 0);
}

TEST(IdleWordTest, AllFortyEightOfAGroup) {
    constexpr unsigned workers = IdleWord::group_size;
    IdleWord idle(workers);
    for (unsigned i = 0; i < workers; ++i) {
        EXPECT_TRUE(idle.sleep(i, false));
    }
    EXPECT_EQ(idle.sleepers(), workers);
    EXPECT_EQ(idle.searching(), 0U) << "the highest bit does not run into the searchers";
    std::vector<bool> chosen(workers);
    for (unsigned i = 0; i < workers; ++i) {
        const int one = idle.choose_sleeper(0);
        ASSERT_GE(one, 0);
        EXPECT_FALSE(chosen[static_cast<unsigned>(one)]);
        chosen[static_cast<unsigned>(one)] = true;
        EXPECT_TRUE(idle.stop_search(static_cast<unsigned>(one)));
    }
    EXPECT_EQ(idle.sleepers(), 0U);
    EXPECT_EQ(idle.searching(), 0U);
}

// The protocol of the scheduler in small: producers publish and notify, workers search and sleep. A lost
// wake-up shows as a hang.
TEST(IdleWordRace, NoWakeUpIsLost) {
    constexpr unsigned workers = 3;
    constexpr int items = 30'000;
    IdleWord idle(workers);
    std::array<Parker, workers> parkers;
    std::atomic<int> ready{0};
    std::atomic<int> taken{0};
    std::atomic<bool> stop{false};
    const auto notify = [&](unsigned near) {
        if (const int chosen = idle.choose_sleeper(near); chosen >= 0) {
            parkers[static_cast<unsigned>(chosen)].unpark();
        }
    };
    const auto take = [&] {
        int n = ready.load();
        while (n > 0) {
            if (ready.compare_exchange_weak(n, n - 1)) {
                ++taken;
                return true;
            }
        }
        return false;
    };
    const auto work = [&](unsigned me) {
        bool searching = false;
        while (!stop) {
            if (!searching) {
                searching = idle.try_start_search(me);
            }
            if (take()) {
                if (searching && idle.stop_search(me)) {
                    notify(me);
                }
                searching = false;
                continue;
            }
            if (idle.sleep(me, searching) && (ready > 0 || stop)) {
                idle.wake_self_searching(me);
                searching = true;
                continue;
            }
            parkers[me].park(never);
            searching = idle.woken(me);
        }
    };
    at_once(workers + 2, [&](std::size_t me) {
        if (me < workers) {
            work(static_cast<unsigned>(me));
            return;
        }
        for (int i = 0; i < items; ++i) {
            ++ready;
            notify(0);
            // Let the workers go to sleep now and then: wait until all has been taken.
            while (i % 16 == 0 && ready > 0) {
                std::this_thread::yield();
            }
        }
        while (taken < 2 * items) {
            std::this_thread::yield();
        }
        stop = true;
        for (Parker& parker : parkers) {
            parker.unpark();
        }
    });
    EXPECT_EQ(taken, 2 * items);
}

}  // namespace
}  // namespace heddle::test
