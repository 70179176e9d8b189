#include <heddle/detail/queue/backoff.hpp>

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
            crowded += QueueBackoff::crowded(this, was, word_.load()) ? 1 : 0;
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
    void give_way() { QueueBackoff::give_way(this, word_); }
    void give_way_to_one_that_works() {
        const std::int64_t before = word_.load();
        std::atomic<bool> stop{false};
        std::thread other([&] {
            while (!stop.load()) {
                word_.fetch_add(10 * QueueWord::unit);  // ten puts
            }
        });
        while (word_.load() == before) {
        }
        give_way();
        stop.store(true);
        other.join();
    }

private:
    void change(int i) {
        const std::int64_t w = word_.load();
        word_.store(i % 2 == 0 ? w + QueueWord::unit : QueueWord::drawn(w) - QueueWord::unit);
    }
    std::atomic<std::int64_t> word_{QueueWord::initial(100)};
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

TEST(QueueBackoff, EachQueueIsKnownByItself) {
    on_a_new_thread([] {
        std::array<Turns, 1000>
            queues{};  // more than a thread remembers, so that they take each other's places
        for (int i = 0; i < 10; ++i) {
            for (Turns& turns : queues) {
                turns.theirs(1);
                EXPECT_EQ(turns.ours(1), 0);
            }
        }
        for (Turns& turns : queues) {
            turns.ours(1);
            const int needed = turns.close_together_until_crowded(100);
            EXPECT_GE(needed, 4);
            EXPECT_LE(needed, 5) << "one more where the word is by chance that of the queue before it";
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
        for (int of_use = 0, needed = 0; needed != 64 + 4;) {
            turns.give_way_to_one_that_works();
            turns.theirs(100);  // since then
            turns.ours(1);
            needed = turns.close_together_until_crowded(20'000);
            of_use += needed == 4 ? 1 : 0;  // else the other one had no core
            ASSERT_LT(of_use, 64);
        }
    });
}

}  // namespace
}  // namespace heddle::test
