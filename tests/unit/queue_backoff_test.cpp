#include <heddle/detail/queue/backoff.hpp>
#include <heddle/detail/queue/word.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

// Who gives way on a queue that many threads use, and when.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

/// A queue's word that this thread and others change.
class Turns {
public:
    /// `n` puts and gets of others.
    void theirs(int n) {
        for (int i = 0; i < n; ++i) {
            change(i);
        }
    }
    /// `n` of ours: how many of them should be followed by giving way.
    int ours(int n) {
        int crowded = 0;
        for (int i = 0; i < n; ++i) {
            const std::int64_t was = word_.load();
            change(i);
            crowded += backoff_.crowded(was, word_.load()) ? 1 : 0;
        }
        return crowded;
    }
    /// How many of our operations, with one of others before each, until we should give way; `most`: never.
    int close_together_until_crowded(int most) {
        for (int i = 0; i < most; ++i) {
            theirs(1);
            if (ours(1) != 0) {
                return i + 1;
            }
        }
        return most;
    }
    /// Ours, too, but so that it tells nothing about others.
    void ours_unseen(int n) {
        theirs(n);
        backoff_.note(word_.load());
    }
    void give_way() { backoff_.give_way(word_); }
    /// To another thread, which works for about two rounds.
    void give_way_to_one_that_works() {
        word_.store(QueueWord::initial(100));
        backoff_.note(word_.load());
        std::atomic<bool> go{false};
        std::thread other([&] {
            go.store(true);
            for (int i = 0; i < 300; ++i) {
                word_.fetch_add(100 * QueueWord::unit);  // a hundred puts
            }
        });
        while (!go.load()) {
        }
        give_way();
        other.join();
    }

private:
    void change(int i) {
        const std::int64_t w = word_.load();
        word_.store(i % 2 == 0 ? w + QueueWord::unit : QueueWord::drawn(w) - QueueWord::unit);
    }
    std::atomic<std::int64_t> word_{QueueWord::initial(100)};
    QueueBackoff backoff_;
};

/// On a thread that has used no queue before.
void on_a_new_thread(const std::function<void()>& body) { std::thread(body).join(); }

TEST(QueueBackoff, WhoIsAloneGoesOn) {
    on_a_new_thread([] {
        Turns turns;
        EXPECT_EQ(turns.ours(10'000), 0);
    });
}

TEST(QueueBackoff, GivesWayWhenOthersComeBetweenAgainAndAgain) {
    on_a_new_thread([] {
        Turns turns;
        turns.ours(1);
        EXPECT_EQ(turns.close_together_until_crowded(100), 4);
    });
}

TEST(QueueBackoff, OthersThatComeNowAndThenDoNotDisturb) {
    on_a_new_thread([] {
        Turns turns;
        for (int i = 0; i < 1000; ++i) {
            turns.theirs(1);
            EXPECT_EQ(turns.ours(10), 0);
        }
    });
}

TEST(QueueBackoff, WhoComesNowAndThenIsNotInTheWay) {
    on_a_new_thread([] {
        Turns turns;
        for (int i = 0; i < 1000; ++i) {
            turns.theirs(10);
            EXPECT_EQ(turns.ours(1), 0) << "something takes its time between two of ours";
        }
    });
}

TEST(QueueBackoff, WhoHasMadeManyInARowGivesWayLater) {
    on_a_new_thread([] {
        Turns turns;
        turns.ours(20);
        EXPECT_EQ(turns.close_together_until_crowded(100), 13)
            << "the first ends the row, then 8 more than 4";
    });
}

TEST(QueueBackoff, WhatTellsNothingAboutOthersDoesNotCount) {
    on_a_new_thread([] {
        Turns turns;
        for (int i = 0; i < 1000; ++i) {
            turns.ours_unseen(1);
            EXPECT_EQ(turns.ours(1), 0);
        }
    });
}

TEST(QueueBackoff, EachOfSixteenQueuesIsKnownByItself) {
    on_a_new_thread([] {
        std::array<Turns, 16> queues{};
        for (int i = 0; i < 3; ++i) {
            for (Turns& turns : queues) {
                turns.ours(i == 0 ? 1 : 0);
                turns.theirs(1);
                EXPECT_EQ(turns.ours(1), 0);
            }
        }
        for (Turns& turns : queues) {
            EXPECT_EQ(turns.close_together_until_crowded(100), 1);
        }
    });
}

TEST(QueueBackoff, AQueueInThePlaceOfAnotherIsNotTakenForIt) {
    on_a_new_thread([] {
        std::array<Turns, 1000> queues{};
        for (int i = 0; i < 1000; ++i) {
            queues[static_cast<std::size_t>(i)].theirs(
                2 * (i / 16));  // one operation of ours, and one of others, on
            EXPECT_EQ(queues[static_cast<std::size_t>(i)].ours(1), 0);
        }
    });
}

TEST(QueueBackoff, InVainItIsTriedLessAndLessOften) {
    on_a_new_thread([] {
        Turns turns;
        turns.ours(1);
        int before = turns.close_together_until_crowded(100);
        for (int tries = 0; tries < 16; ++tries) {
            turns.give_way();  // nobody makes use of it
            const int next = turns.close_together_until_crowded(20'000);
            EXPECT_GT(next, before);
            EXPECT_LT(next, 8192 + 8 + 4 + 1);
            before = tries < 10 ? next : 8192;
        }
    });
}

TEST(QueueBackoff, OfUseItIsDoneAgainUntilItIsTheTurnOfAnother) {
    if (std::thread::hardware_concurrency() < 2) {
        // shape: allow skipped-test: there must be another core
        GTEST_SKIP() << "nobody else works while this thread gives way on the only core";
    }
    on_a_new_thread([] {
        Turns turns;
        turns.ours(1);
        int of_use = 0;
        int again_at_once = 0;
        for (int tries = 0;; ++tries) {
            ASSERT_LT(tries, 100'000) << "the other thread never has a core";
            turns.give_way_to_one_that_works();
            const int needed = turns.close_together_until_crowded(20'000);
            // The first one is far away where the other thread has worked longer.
            again_at_once += needed == 1 ? 1 : 0;
            of_use += needed == 1 || needed == 1 + 4 ? 1 : 0;
            if (of_use == 63 && (needed == 64 + 4 || needed == 1 + 64 + 4)) {
                break;
            }
            ASSERT_LT(of_use, 64);
        }
        EXPECT_GT(again_at_once, 0);
    });
}

}  // namespace
}  // namespace heddle::test
