#include "support/barrier.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

// asyncio.Barrier: reset() and abort(). The rest: barrier_test.cpp.

namespace heddle::test {
namespace {

class BarrierReset : public OverWorkers {};
HEDDLE_OVER_WORKERS(BarrierReset);

constexpr const char* sent_away = "Abort or reset of barrier";
constexpr const char* aborted = "Barrier aborted";

/// As many fresh parties as the barrier needs pass it.
Coro<void> expect_usable(heddle::Barrier& barrier) {
    EXPECT_FALSE(barrier.broken());
    EXPECT_EQ(barrier.n_waiting(), 0);
    std::vector<Task<int>> tasks;
    for (std::ptrdiff_t i = 0; i < barrier.parties(); ++i) {
        tasks.push_back(create_task(barrier.wait()));
    }
    co_await settle_all(tasks);
    expect_all_indexes(tasks);
    EXPECT_EQ(barrier.n_waiting(), 0);
}

/// Waits until it has passed; being sent away by a reset counts into `broken`.
Coro<void> pass(heddle::Barrier& barrier, std::atomic<int>& passed, std::atomic<int>& broken) {
    bool done = false;
    while (!done) {
        const std::string how = co_await ending(barrier.wait());
        done = how == "value";
        broken += how == sent_away ? 1 : 0;
        EXPECT_TRUE(done || how == sent_away) << how;
    }
    ++passed;
}

std::vector<Task<int>> parties(heddle::Barrier& barrier, int n) {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < n; ++i) {
        tasks.push_back(create_task(barrier.wait()));
    }
    return tasks;
}
Coro<void> settle_any(const std::vector<Task<int>>& tasks) {
    for (const Task<int>& task : tasks) {
        static_cast<void>(co_await ending(task));
    }
}
int count_of(const std::vector<Task<int>>& tasks, const std::string& how) {
    int n = 0;
    for (const Task<int>& task : tasks) {
        n += ending_of(task) == how ? 1 : 0;
    }
    return n;
}

TEST_P(BarrierReset, BAR_14_cancelled_before_it_is_counted_it_changes_nothing) {
    heddle::Barrier barrier(3);
    // With one worker those who were sent away have not left yet, so this party has to wait outside.
    auto come_too_early = [&]() -> Coro<void> {
        barrier.reset();
        current_task().cancel();
        static_cast<void>(co_await barrier.wait());
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Task<int> a = co_await parked_party(barrier);
            const Task<int> b = co_await parked_party(barrier);
            const Task<void> early = create_task(come_too_early());
            co_await settle(early);
            EXPECT_TRUE(early.cancelled());
            co_await settle_broken(a, b);
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_14_parties_that_are_held_outside_come_and_go) {
    constexpr int n = 3;
    heddle::Barrier barrier(n);
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const std::vector<Task<int>> inside = parties(barrier, n - 1);
            auto counted = [&] { return barrier.n_waiting() == n - 1; };
            co_await until(counted);
            barrier.reset();
            const std::vector<Task<int>> outside = parties(barrier, n + 2);
            co_await yield();
            for (const Task<int>& task : outside) {
                task.cancel();
            }
            co_await settle_any(inside);
            co_await settle_all(outside);
            EXPECT_EQ(count_of(inside, sent_away), n - 1);
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_17_reset_of_an_idle_barrier_does_nothing) {
    heddle::Barrier barrier(3);
    run([&]() -> Coro<void> {
        for (int i = 0; i < 3; ++i) {
            barrier.reset();
            EXPECT_EQ(barrier.n_waiting(), 0);
            EXPECT_FALSE(barrier.broken());
        }
        co_await expect_usable(barrier);
    });
}

TEST_P(BarrierReset, BAR_18_reset_sends_those_away_who_wait) {
    run([&]() -> Coro<void> {
        for (int n = 2; n <= 12; ++n) {
            heddle::Barrier barrier(n);
            std::vector<Task<int>> tasks;
            for (int i = 0; i < n - 1; ++i) {
                const Task<int> task = co_await parked_party(barrier);
                tasks.push_back(task);
            }
            barrier.reset();
            co_await settle_any(tasks);
            EXPECT_EQ(count_of(tasks, sent_away), n - 1);
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_19_reset_while_a_round_leaves) {
    constexpr int n = 6;
    heddle::Barrier barrier(n);
    auto trip_and_reset = [&]() -> Coro<int> {
        const int index = co_await barrier.wait();
        barrier.reset();
        co_return index;
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::vector<Task<int>> tasks = parties(barrier, n - 1);
            auto counted = [&] { return barrier.n_waiting() == n - 1; };
            co_await until(counted);
            tasks.push_back(create_task(trip_and_reset()));
            co_await settle_any(tasks);
            EXPECT_EQ(count_of(tasks, "value") + count_of(tasks, sent_away), n);
            EXPECT_EQ(ending_of(tasks.back()), "value") << "the one that came last had passed";
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_20_a_reset_does_not_concern_who_comes_after_it) {
    constexpr int n = 4;
    heddle::Barrier barrier(n);
    std::atomic<int> passed{0};
    std::atomic<int> broken{0};
    auto reset_then_wait = [&]() -> Coro<void> {
        static_cast<void>(co_await barrier.wait());
        barrier.reset();
        const int index = co_await barrier.wait();  // nobody resets any more: must not be sent away
        EXPECT_GE(index, 0);
        ++passed;
    };
    auto twice = [&]() -> Coro<void> {
        co_await pass(barrier, passed, broken);
        co_await pass(barrier, passed, broken);
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            passed = 0;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n - 1; ++i) {
                tasks.push_back(create_task(twice()));
            }
            auto counted = [&] { return barrier.n_waiting() == n - 1; };
            co_await until(counted);
            tasks.push_back(create_task(reset_then_wait()));
            co_await settle_all(tasks);
            EXPECT_EQ(passed, 2 * n - 1);
            EXPECT_EQ(barrier.n_waiting(), 0);
        }
    });
}

TEST_P(BarrierReset, BAR_21_those_who_were_sent_away_wait_again) {
    constexpr int n = 5;
    heddle::Barrier barrier(n);
    std::atomic<int> passed{0};
    std::atomic<int> broken{0};
    run([&]() -> Coro<void> {
        for (int round = 1; round <= 50; ++round) {
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n - 1; ++i) {
                tasks.push_back(create_task(pass(barrier, passed, broken)));
            }
            auto counted = [&] { return barrier.n_waiting() == n - 1; };
            co_await until(counted);
            barrier.reset();
            tasks.push_back(create_task(pass(barrier, passed, broken)));
            co_await settle_all(tasks);
            EXPECT_EQ(passed, round * n);
            EXPECT_EQ(broken, round * (n - 1));
            EXPECT_EQ(barrier.n_waiting(), 0);
        }
    });
}

TEST_P(BarrierReset, BAR_22_the_last_one_out_resets_while_others_come_back) {
    constexpr int n = 4;
    heddle::Barrier barrier(n);
    std::atomic<int> passed{0};
    std::atomic<int> broken{0};
    std::atomic<int> out{0};
    auto party = [&]() -> Coro<void> {
        co_await pass(barrier, passed, broken);
        if (++out == n) {
            barrier.reset();
        }
        co_await pass(barrier, passed, broken);
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            passed = 0;
            out = 0;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(party()));
            }
            co_await settle_all(tasks);
            EXPECT_EQ(passed, 2 * n);
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_23_a_second_reset_changes_nothing) {
    heddle::Barrier barrier(3);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Task<int> a = co_await parked_party(barrier);
            const Task<int> b = co_await parked_party(barrier);
            barrier.reset();
            barrier.reset();
            barrier.reset();
            co_await settle_broken(a, b);
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_24_abort_of_an_idle_barrier_breaks_it) {
    heddle::Barrier barrier(2);
    run([&]() -> Coro<void> {
        barrier.abort();
        EXPECT_TRUE(barrier.broken());
        EXPECT_EQ(barrier.n_waiting(), 0);
        for (int i = 0; i < 5; ++i) {
            const std::string how = co_await ending(barrier.wait());
            EXPECT_EQ(how, aborted);
            EXPECT_EQ(barrier.n_waiting(), 0);
        }
        barrier.abort();
        EXPECT_TRUE(barrier.broken());
        barrier.reset();
        co_await expect_usable(barrier);
    });
}

TEST_P(BarrierReset, BAR_25_abort_sends_those_away_who_wait) {
    constexpr int n = 5;
    run([&]() -> Coro<void> {
        heddle::Barrier barrier(n);
        for (int round = 0; round < 20; ++round) {
            std::vector<Task<int>> tasks;
            for (int i = 0; i < n - 1; ++i) {
                const Task<int> task = co_await parked_party(barrier);
                tasks.push_back(task);
            }
            barrier.abort();
            EXPECT_TRUE(barrier.broken());
            co_await settle_any(tasks);
            EXPECT_EQ(count_of(tasks, sent_away), n - 1);
            EXPECT_TRUE(barrier.broken());
            const std::string how = co_await ending(barrier.wait());
            EXPECT_EQ(how, aborted);
            barrier.reset();
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_26_abort_while_a_round_leaves_and_the_next_one_fills) {
    constexpr int n = 4;
    std::atomic<int> once{0};
    std::atomic<int> failed{0};
    auto party = [&](heddle::Barrier& barrier, bool last) -> Coro<void> {
        for (int i = 0; i < 2; ++i) {
            const std::string how = co_await ending(barrier.wait());
            if (how != "value") {
                EXPECT_TRUE(how == aborted || how == sent_away) << how;
                ++failed;
                co_return;
            }
            EXPECT_EQ(i, 0) << "the aborting party does not come to the second round";
            ++once;
            if (last) {
                barrier.abort();
                co_return;
            }
        }
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            heddle::Barrier barrier(n);
            once = 0;
            failed = 0;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n - 1; ++i) {
                tasks.push_back(create_task(party(barrier, false)));
            }
            auto counted = [&] { return barrier.n_waiting() == n - 1; };
            co_await until(counted);
            tasks.push_back(create_task(party(barrier, true)));
            co_await settle_all(tasks);
            EXPECT_EQ(failed, n - 1);
            EXPECT_LE(once, n);
            EXPECT_TRUE(barrier.broken());
            EXPECT_EQ(barrier.n_waiting(), 0);
        }
    });
}

TEST_P(BarrierReset, BAR_27_BAR_28_BAR_30_a_party_that_fails_aborts_and_another_repairs) {
    constexpr int n = 4;
    std::atomic<int> refused{0};
    std::atomic<int> passed{0};
    // What a failing body does to the barrier is its own choice: nothing happens when it is merely left.
    auto body = [&](heddle::Barrier& barrier, bool fail) -> Coro<void> {
        static_cast<void>(co_await barrier.wait());
        EXPECT_FALSE(barrier.broken() && fail);
        if (fail) {
            throw Boom("out of the body");
        }
    };
    auto party = [&](heddle::Barrier& barrier, heddle::Barrier& second, int id) -> Coro<void> {
        const std::string how = co_await ending(body(barrier, id == 0));
        if (id == 0) {
            EXPECT_EQ(how, "out of the body");
            EXPECT_FALSE(barrier.broken()) << "an error alone does not break it";
            barrier.abort();
        } else {
            const std::string next = co_await ending(barrier.wait());
            EXPECT_TRUE(next == aborted || next == sent_away) << next;
            ++refused;
        }
        const int index = co_await second.wait();
        if (index == 0) {
            barrier.reset();
        }
        static_cast<void>(co_await second.wait());
        EXPECT_FALSE(barrier.broken());
        static_cast<void>(co_await barrier.wait());
        ++passed;
    };
    run([&]() -> Coro<void> {
        for (int round = 1; round <= 30; ++round) {
            heddle::Barrier barrier(n);
            heddle::Barrier second(n);
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(party(barrier, second, i)));
            }
            co_await settle_all(tasks);
            EXPECT_EQ(refused, round * (n - 1));
            EXPECT_EQ(passed, round * n);
        }
    });
}

TEST_P(BarrierReset, BAR_29_reset_before_the_aborted_parties_have_left) {
    heddle::Barrier barrier(3);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            const Task<int> a = co_await parked_party(barrier);
            const Task<int> b = co_await parked_party(barrier);
            barrier.abort();
            barrier.reset();
            EXPECT_FALSE(barrier.broken());
            co_await settle_broken(a, b);
            co_await expect_usable(barrier);
        }
    });
}

TEST_P(BarrierReset, BAR_31_reset_and_abort_take_effect_although_the_caller_is_cancelled) {
    heddle::Barrier barrier(2);
    auto abort = [&]() -> Coro<void> {
        current_task().cancel();
        barrier.abort();
        co_await yield();
    };
    auto reset = [&]() -> Coro<void> {
        current_task().cancel();
        barrier.reset();
        co_await yield();
    };
    run([&]() -> Coro<void> {
        const Task<int> waiter = co_await parked_party(barrier);
        const Task<void> aborter = create_task(abort());
        co_await settle(aborter);
        EXPECT_TRUE(aborter.cancelled());
        EXPECT_TRUE(barrier.broken());
        co_await settle_broken(waiter);
        const Task<void> resetter = create_task(reset());
        co_await settle(resetter);
        EXPECT_TRUE(resetter.cancelled());
        co_await expect_usable(barrier);
    });
}

TEST_P(BarrierReset, BAR_16_BAR_19_everything_at_once) {
    constexpr int n = 3;
    heddle::Barrier barrier(n);
    std::atomic<bool> stop{false};
    std::atomic<int> passes{0};
    auto party = [&]() -> Coro<void> {
        while (!stop) {
            const std::string how = co_await ending(barrier.wait());
            EXPECT_TRUE(how == "value" || how == sent_away || how == aborted || how == "CancelledError")
                << how;
            passes += how == "value" ? 1 : 0;
            if (how == aborted) {
                static_cast<void>(co_await ending(yield()));
            }
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 2 * n; ++i) {
            tasks.push_back(create_task(party()));
        }
        Jitter jitter(5);
        for (Rounds rounds; rounds.next();) {
            tasks[jitter.random() % tasks.size()].cancel();
            jitter();
            switch (jitter.random() % 4) {
                case 0:
                    barrier.reset();
                    break;
                case 1:
                    barrier.abort();
                    break;
                default:
                    break;
            }
            co_await yield();
            barrier.reset();
        }
        // Whatever has happened: it works.
        const int before = passes;
        auto moves = [&] { return passes > before + 4 * n; };
        co_await until(moves);
        stop = true;
        auto all_out = [&] {
            bool all = true;
            for (const Task<void>& task : tasks) {
                all = all && task.done();
            }
            return all;
        };
        while (!all_out()) {
            barrier.reset();
            co_await yield();
        }
        co_await expect_usable(barrier);
    });
}

}  // namespace
}  // namespace heddle::test
