#include "support/barrier.hpp"

#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

// asyncio.Barrier: rounds, indexes and cancelled parties. reset() and abort(): barrier_reset_test.cpp.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Barrier : public OverWorkers {};
HEDDLE_OVER_WORKERS(Barrier);

TEST_P(Barrier, BAR_01_parties_must_be_positive) {
    for (const std::ptrdiff_t parties : {std::ptrdiff_t{0}, std::ptrdiff_t{-1}, std::ptrdiff_t{-100}}) {
        bool refused = false;
        try {
            const heddle::Barrier barrier(parties);
        } catch (const std::invalid_argument& error) {
            refused = std::string(error.what()) == "parties must be >= 1";
        }
        EXPECT_TRUE(refused) << parties;
    }
}

TEST_P(Barrier, BAR_02_all_pass_and_each_index_is_given_once) {
    run([&]() -> Coro<void> {
        for (int n = 1; n <= 20; ++n) {
            heddle::Barrier barrier(n);
            std::vector<Task<int>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(barrier.wait()));
            }
            co_await settle_all(tasks);
            expect_all_indexes(tasks);
            EXPECT_EQ(barrier.n_waiting(), 0);
            EXPECT_FALSE(barrier.broken());
        }
    });
}

TEST_P(Barrier, BAR_03_BAR_05_the_index_is_the_place_in_the_order_of_arrival) {
    run([&]() -> Coro<void> {
        heddle::Barrier barrier(5);
        for (int round = 0; round < 20; ++round) {
            std::vector<Task<int>> tasks;
            for (int i = 0; i < 4; ++i) {
                const Task<int> task = co_await parked_party(barrier);
                tasks.push_back(task);
                EXPECT_EQ(barrier.n_waiting(), i + 1);
            }
            const int last = co_await barrier.wait();
            EXPECT_EQ(last, 4);
            EXPECT_EQ(barrier.n_waiting(), 0);
            for (int i = 0; i < 4; ++i) {
                const int index = co_await tasks[static_cast<std::size_t>(i)];
                EXPECT_EQ(index, i);
            }
        }
    });
}

TEST_P(Barrier, BAR_04_nobody_passes_before_the_last_one_arrives) {
    run([&]() -> Coro<void> {
        constexpr int n = 6;
        heddle::Barrier barrier(n);
        std::vector<Task<int>> tasks;
        for (int i = 0; i < n - 1; ++i) {
            const Task<int> task = co_await parked_party(barrier);
            tasks.push_back(task);
        }
        EXPECT_EQ(barrier.n_waiting(), n - 1);
        for (const Task<int>& task : tasks) {
            EXPECT_FALSE(task.done());
        }
        tasks.push_back(create_task(barrier.wait()));
        co_await settle_all(tasks);
        expect_all_indexes(tasks);
    });
}

TEST_P(Barrier, BAR_06_a_barrier_for_one_never_waits) {
    heddle::Barrier barrier(1);
    run([&]() -> Coro<void> {
        for (int i = 0; i < 100; ++i) {
            const int index = co_await barrier.wait();
            EXPECT_EQ(index, 0);
            EXPECT_EQ(barrier.n_waiting(), 0);
        }
    });
}

TEST_P(Barrier, BAR_07_BAR_08_BAR_09_rounds_do_not_mix) {
    constexpr int n = 4;
    constexpr int rounds = 200;
    heddle::Barrier barrier(n);
    std::vector<std::atomic<int>> arrived(rounds);
    std::vector<std::atomic<int>> index_sum(rounds);
    // Comes back at once, also while others of the round still leave.
    auto party = [&]() -> Coro<void> {
        for (std::size_t round = 0; round < rounds; ++round) {
            ++arrived[round];
            const int index = co_await barrier.wait();
            EXPECT_EQ(arrived[round], n) << "passed before all had come";
            index_sum[round] += 1 << (4 * index);
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < n; ++i) {
            tasks.push_back(create_task(party()));
        }
        co_await settle_all(tasks);
        for (const std::atomic<int>& sum : index_sum) {
            EXPECT_EQ(sum, 0x1111) << "each index once";
        }
        EXPECT_EQ(barrier.n_waiting(), 0);
    });
}

TEST_P(Barrier, BAR_09_more_tasks_than_parties_form_rounds_among_themselves) {
    constexpr int n = 3;
    constexpr int tasks_at_once = 12;
    heddle::Barrier barrier(n);
    std::atomic<int> passed{0};
    auto party = [&]() -> Coro<void> {
        for (int i = 0; i < 50; ++i) {
            const int index = co_await barrier.wait();
            EXPECT_GE(index, 0);
            EXPECT_LT(index, n);
            ++passed;
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < tasks_at_once; ++i) {
            tasks.push_back(create_task(party()));
        }
        // Towards the end fewer than `n` tasks may be left: others take the empty places.
        auto all_done = [&] { return passed == 50 * tasks_at_once; };
        auto filler = [&]() -> Coro<void> {
            while (!all_done()) {
                static_cast<void>(co_await barrier.wait());
            }
        };
        std::vector<Task<void>> fillers;
        for (int i = 0; i < n - 1; ++i) {
            fillers.push_back(create_task(filler()));
        }
        co_await settle_all(tasks);
        for (const Task<void>& task : fillers) {
            task.cancel();
        }
        co_await settle_all(fillers);
        EXPECT_TRUE(all_done());
        EXPECT_EQ(barrier.n_waiting(), 0);
    });
}

TEST_P(Barrier, BAR_10_n_waiting_counts_only_those_of_a_round_that_fills) {
    run([&]() -> Coro<void> {
        heddle::Barrier barrier(3);
        const Task<int> a = co_await parked_party(barrier);
        const Task<int> b = co_await parked_party(barrier);
        EXPECT_EQ(barrier.n_waiting(), 2);
        barrier.abort();
        EXPECT_EQ(barrier.n_waiting(), 0) << "broken";
        barrier.reset();
        EXPECT_EQ(barrier.n_waiting(), 0) << "being reset, or as new";
        EXPECT_FALSE(barrier.broken());
        co_await settle_broken(a, b);
        EXPECT_EQ(barrier.n_waiting(), 0);
    });
}

TEST_P(Barrier, BAR_11_a_cancelled_party_no_longer_counts) {
    run([&]() -> Coro<void> {
        heddle::Barrier barrier(3);
        for (int round = 0; round < 50; ++round) {
            const Task<int> a = co_await parked_party(barrier);
            const Task<int> b = co_await parked_party(barrier);
            EXPECT_TRUE(a.cancel());
            co_await settle(a);
            EXPECT_TRUE(a.cancelled());
            EXPECT_EQ(barrier.n_waiting(), 1);
            EXPECT_FALSE(barrier.broken());
            EXPECT_TRUE(detail::is_parked(b));
            const Task<int> c = co_await parked_party(barrier);
            EXPECT_EQ(barrier.n_waiting(), 2);
            const Task<int> d = create_task(barrier.wait());
            co_await settle(b, c, d);
            expect_all_indexes({b, c, d});
        }
    });
}

TEST_P(Barrier, BAR_12_indexes_stay_unique_when_a_party_in_the_middle_is_replaced) {
    run([&]() -> Coro<void> {
        for (std::size_t victim = 0; victim < 3; ++victim) {
            heddle::Barrier barrier(4);
            std::vector<Task<int>> tasks;
            for (int i = 0; i < 3; ++i) {
                const Task<int> task = co_await parked_party(barrier);
                tasks.push_back(task);
            }
            tasks[victim].cancel();
            co_await settle(tasks[victim]);
            const Task<int> instead = co_await parked_party(barrier);
            tasks[victim] = instead;
            tasks.push_back(create_task(barrier.wait()));
            co_await settle_all(tasks);
            expect_all_indexes(tasks);
        }
    });
}

TEST_P(Barrier, BAR_13_cancelled_after_the_trip_the_others_pass) {
    run([&]() -> Coro<void> {
        heddle::Barrier barrier(3);
        for (int round = 0; round < 100; ++round) {
            const Task<int> a = co_await parked_party(barrier);
            const Task<int> b = co_await parked_party(barrier);
            const int last = co_await barrier.wait();
            const bool accepted = a.cancel();
            co_await settle(a, b);
            EXPECT_EQ(b.result(), 1);
            EXPECT_EQ(last, 2);
            if (!a.cancelled()) {
                EXPECT_EQ(a.result(), 0);
            }
            EXPECT_TRUE(accepted || !a.cancelled());
            EXPECT_EQ(barrier.n_waiting(), 0);
            EXPECT_FALSE(barrier.broken());
        }
    });
}

TEST_P(Barrier, BAR_15_a_party_that_times_out_no_longer_counts) {
    run([&]() -> Coro<void> {
        heddle::Barrier barrier(2);
        for (int round = 0; round < 5; ++round) {
            auto timed = ending(wait_for(barrier.wait(), 2ms));
            const std::string how = co_await std::move(timed);
            EXPECT_EQ(how, "TimeoutError");
            EXPECT_EQ(barrier.n_waiting(), 0);
            EXPECT_FALSE(barrier.broken());
            const Task<int> a = co_await parked_party(barrier);
            const int index = co_await barrier.wait();
            EXPECT_EQ(index, 1);
            co_await a;
        }
    });
}

TEST_P(Barrier, BAR_16_PAR_08_the_last_arrival_against_a_cancel_of_a_counted_party) {
    run([&]() -> Coro<void> {
        Racers racers(1);
        heddle::Barrier barrier(3);
        for (Rounds rounds; rounds.next();) {
            const Task<int> a = co_await parked_party(barrier);
            const Task<int> b = co_await parked_party(barrier);
            const Task<int> last = create_task(barrier.wait());
            auto cancel = [&] { a.cancel(); };
            co_await racers.at_once(cancel);
            co_await settle(a);
            // Released with three, or waiting for one more: both show in how often somebody must come.
            auto settled = [&] { return last.done() || barrier.n_waiting() == 2; };
            co_await until(settled);
            if (last.done()) {
                co_await settle(b, last);
                if (a.cancelled()) {
                    EXPECT_NE(b.result(), last.result());
                } else {
                    expect_all_indexes({a, b, last});
                }
            } else {
                EXPECT_TRUE(a.cancelled());
                EXPECT_FALSE(b.done()) << "released with fewer than three";
                const Task<int> instead = create_task(barrier.wait());
                co_await settle(b, last, instead);
                expect_all_indexes({b, last, instead});
            }
            EXPECT_EQ(barrier.n_waiting(), 0);
        }
    });
}

TEST_P(Barrier, PAR_79_what_a_party_wrote_before_is_read_by_all_after) {
    constexpr std::size_t n = 4;
    constexpr std::size_t rounds = 300;
    heddle::Barrier barrier(n);
    std::vector<std::size_t> plain(n);
    auto party = [&](std::size_t me) -> Coro<void> {
        for (std::size_t round = 1; round <= rounds; ++round) {
            plain[me] = round;
            static_cast<void>(co_await barrier.wait());
            for (const std::size_t value : plain) {
                EXPECT_EQ(value, round);
            }
            static_cast<void>(co_await barrier.wait());  // nobody writes while others still read
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < n; ++i) {
            tasks.push_back(create_task(party(i)));
        }
        co_await settle_all(tasks);
    });
}

TEST_P(Barrier, PAR_72_no_party_is_two_rounds_ahead_of_another) {
    constexpr std::size_t n = 4;
    heddle::Barrier barrier(n);
    std::vector<std::atomic<int>> round_of(n);
    auto party = [&](std::size_t me) -> Coro<void> {
        for (int round = 1; round <= 300; ++round) {
            round_of[me] = round;
            static_cast<void>(co_await barrier.wait());
            for (const std::atomic<int>& other : round_of) {
                EXPECT_GE(other, round);
                EXPECT_LE(other, round + 1);
            }
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < n; ++i) {
            tasks.push_back(create_task(party(i)));
        }
        co_await settle_all(tasks);
    });
}

TEST_P(Barrier, PAR_38_the_last_party_out_may_destroy_the_barrier) {
    constexpr int n = 4;
    struct Shared {
        heddle::Barrier barrier{n};
        std::atomic<int> left{n};
    };
    auto party = [](Shared* shared) -> Coro<void> {
        static_cast<void>(co_await shared->barrier.wait());
        if (--shared->left == 0) {
            delete shared;
        }
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            auto* shared = new Shared;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < n; ++i) {
                tasks.push_back(create_task(party(shared)));
            }
            co_await settle_all(tasks);
        }
    });
}

}  // namespace
}  // namespace heddle::test
