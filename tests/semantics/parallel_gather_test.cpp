#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/as_completed.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/race.hpp>
#include <heddle/runtime.hpp>
#include <heddle/shield.hpp>
#include <heddle/task.hpp>
#include <heddle/wait.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

// gather, wait, as_completed, race and shield whose parts end on several workers at the same moment.

namespace heddle::test {
namespace {

class ParallelGather : public OverWorkers {
protected:
    /// Ends about when `go` is set.
    static Coro<int> at(std::atomic<bool>& go, unsigned seed, int value) {
        Jitter jitter(seed);
        auto is_open = [&] { return go.load(); };
        co_await until(is_open);
        jitter();
        if (value < 0) {
            throw Boom(std::to_string(value));
        }
        co_return value;
    }
    static std::vector<Task<int>> tasks_at(std::atomic<bool>& go, unsigned seed, int n) {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < n; ++i) {
            tasks.push_back(create_task(at(go, seed + static_cast<unsigned>(i), i)));
        }
        return tasks;
    }
    static Coro<void> open(std::atomic<bool>& gate) {
        gate = true;
        co_return;
    }
};
HEDDLE_OVER_WORKERS(ParallelGather);

TEST_P(ParallelGather, PAR_40_what_waited_is_gone_while_the_parts_complete) {
    // What goes wrong here is seen by the sanitizers.
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            const std::vector<Task<int>> tasks = tasks_at(go, rounds.number(), 6);
            const Task<void> opens = create_task(open(go));
            switch (rounds.number() % 5) {
                case 0: {
                    const Waited<int> some = co_await wait(tasks, {.return_when = FIRST_COMPLETED});
                    EXPECT_GE(some.done.size(), 1U);
                    break;
                }
                case 1: {
                    const Waited<int> some = co_await wait(tasks, {.timeout = std::chrono::microseconds(20)});
                    EXPECT_EQ(some.done.size() + some.pending.size(), tasks.size());
                    break;
                }
                case 2: {
                    AsCompleted<int> ended = as_completed(tasks);
                    const Task<int> first = co_await ended.next();
                    EXPECT_TRUE(first.done());
                    break;
                }
                case 3: {
                    auto shields = [&]() -> Coro<void> {
                        const int value = co_await shield(tasks[0]);
                        EXPECT_EQ(value, 0);
                    };
                    const Task<void> waiter = create_task(shields());
                    co_await yield();
                    waiter.cancel();
                    co_await settle(waiter);
                    break;
                }
                default: {
                    auto fails = []() -> Coro<int> {
                        co_await yield();
                        throw Boom("gathered");
                    };
                    auto all = gather(tasks[0], tasks[1], fails());
                    const std::string how = co_await ending(std::move(all));
                    EXPECT_EQ(how, "gathered");
                }
            }
            co_await settle_all(tasks);
            for (std::size_t i = 0; i < tasks.size(); ++i) {
                EXPECT_EQ(tasks[i].result(), static_cast<int>(i)) << "left alone";
            }
            co_await opens;
        }
    });
}

TEST_P(ParallelGather, PAR_40_the_losers_of_a_race_are_gone_when_it_is) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            ProbeCounts counts;
            std::atomic<bool> go{false};
            auto runner = [&](unsigned seed) -> Coro<int> {
                const Probe local(counts);
                const int value = co_await at(go, seed, 1);
                co_return value;
            };
            std::vector<Coro<int>> runners;
            for (unsigned i = 0; i < 4; ++i) {
                runners.push_back(runner(rounds.number() + i));
            }
            const Task<void> opens = create_task(open(go));
            const RaceResult<int> won = co_await race(std::move(runners));
            EXPECT_LT(won.index, 4U);
            EXPECT_EQ(won.value, 1);
            EXPECT_EQ(counts.alive, 0);
            co_await opens;
        }
    });
}

/// Each of `tasks` is in one of the two, once; and who is in `done` is done.
void expect_partition(const std::vector<Task<int>>& tasks, const Waited<int>& waited) {
    EXPECT_EQ(waited.done.size() + waited.pending.size(), tasks.size());
    for (const Task<int>& task : tasks) {
        EXPECT_EQ(std::count(waited.done.begin(), waited.done.end(), task) +
                      std::count(waited.pending.begin(), waited.pending.end(), task),
                  1);
    }
    for (const Task<int>& task : waited.done) {
        EXPECT_TRUE(task.done());
    }
}

TEST_P(ParallelGather, PAR_55_PAR_97_wait_while_several_end_at_once) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            const std::vector<Task<int>> tasks = tasks_at(go, rounds.number(), 6);
            const Clock::time_point begin = Clock::now();
            const auto limit = std::chrono::microseconds(10 * (rounds.number() % 10));
            const unsigned kind = rounds.number() % 3;
            go = true;
            WaitOptions options;
            if (kind != 0) {
                options.return_when = FIRST_COMPLETED;
            }
            if (kind == 2) {
                options.timeout = limit;  // over at about the same moment
            }
            const Waited<int> waited = co_await wait(tasks, options);
            expect_partition(tasks, waited);
            if (kind == 0) {
                EXPECT_TRUE(waited.pending.empty());
            } else if (waited.done.empty()) {
                EXPECT_EQ(kind, 2U);
                EXPECT_GE(Clock::now() - begin, limit);
            }
            co_await settle_all(tasks);
        }
    });
}

TEST_P(ParallelGather, PAR_55_as_completed_gives_each_once) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            const std::vector<Task<int>> tasks = tasks_at(go, rounds.number(), 8);
            std::vector<int> times(tasks.size());
            AsCompleted<int> ended = as_completed(tasks);
            go = true;
            Task<int> task = co_await ended.next();
            while (task) {
                EXPECT_TRUE(task.done());
                ++times.at(static_cast<std::size_t>(task.result()));
                task = co_await ended.next();
            }
            EXPECT_EQ(times, std::vector<int>(tasks.size(), 1));
        }
    });
}

TEST_P(ParallelGather, PAR_91_all_children_end_at_once) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::vector<Coro<int>> children;
            std::vector<int> expected;
            for (int i = 0; i < 7; ++i) {
                children.push_back(at(go, rounds.number() + static_cast<unsigned>(i), i));
                expected.push_back(i);
            }
            const Task<void> opens = create_task(open(go));
            const std::vector<int> values = co_await gather(std::move(children));
            EXPECT_EQ(values, expected);
            co_await opens;
        }
    });
}

TEST_P(ParallelGather, PAR_91_two_errors_at_once) {
    // That the other error is not reported is seen by the fixture.
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            const Task<void> opens = create_task(open(go));
            auto all = gather(at(go, rounds.number(), -1), at(go, rounds.number() + 1, 5),
                              at(go, rounds.number() + 2, -2));
            const std::string how = co_await ending(std::move(all));
            EXPECT_TRUE(how == "-1" || how == "-2") << how;
            co_await opens;
        }
    });
}

TEST_P(ParallelGather, PAR_92_cancelled_while_its_last_child_completes) {
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::string how;
            auto gathers = [&]() -> Coro<void> {
                auto all = gather(at(go, rounds.number(), 1), at(go, rounds.number() + 1, 2));
                how = co_await ending(std::move(all));
                if (how == "CancelledError") {
                    throw CancelledError();
                }
            };
            const Task<void> task = create_task(gathers());
            co_await yield();
            bool accepted = false;
            auto complete = [&] { go = true; };
            auto cancel = [&] { accepted = task.cancel(); };
            co_await racers.at_once(complete, cancel);
            co_await settle(task);
            EXPECT_TRUE(how == "value" || how == "CancelledError" || (how.empty() && task.cancelled()))
                << how;
            if (!accepted) {
                EXPECT_EQ(how, "value");
                EXPECT_FALSE(task.cancelled());
            } else {
                // Seen by the gather, or after it: in how the task ended or in its count.
                EXPECT_TRUE(task.cancelled() || task.cancelling() == 1);
            }
        }
    });
}

TEST_P(ParallelGather, PAR_98_the_shielding_task_is_cancelled_while_the_inner_ends) {
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            const bool fails = rounds.number() % 4 < 2;
            Task<int> inner = create_task(at(go, rounds.number(), fails ? -3 : 3));
            std::string how;
            auto shields = [&]() -> Coro<void> { how = co_await ending(shield(inner)); };
            const Task<void> outer = create_task(shields());
            co_await yield();
            bool accepted = false;
            auto complete = [&] { go = true; };
            auto cancel = [&] { accepted = outer.cancel(); };
            co_await racers.at_once(complete, cancel);
            co_await settle(outer);
            const std::string inner_how = co_await ending(inner);
            EXPECT_EQ(inner_how, fails ? "-3" : "value") << "not touched by the cancellation";
            EXPECT_TRUE(how == inner_how || (accepted && how == "CancelledError") ||
                        (how.empty() && outer.cancelled()))
                << how;
        }
    });
}

TEST_P(ParallelGather, PAR_98_an_inner_error_is_reported_at_most_once) {
    std::atomic<unsigned> unheard{0};
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::string how;
            std::atomic<bool> ended{false};
            auto fails = [&]() -> Coro<int> {
                auto is_open = [&] { return go.load(); };
                co_await until(is_open);
                throw Boom("inner");
            };
            auto shields = [&]() -> Coro<void> {
                Task<int> inner = create_task(fails());
                inner.add_done_callback([&] { ended = true; });
                how = co_await ending(shield(std::move(inner)));
            };
            const Task<void> outer = create_task(shields());
            co_await yield();
            auto complete = [&] { go = true; };
            auto cancel = [&] { outer.cancel(); };
            co_await racers.at_once(complete, cancel);
            co_await settle(outer);
            if (!how.empty()) {
                auto has_ended = [&] { return ended.load(); };
                co_await until(has_ended);
                unheard += how == "inner" ? 0 : 1;
            }
        }
    });
    EXPECT_LE(take_reports().size(), unheard);
}

TEST_P(ParallelGather, PAR_91_two_tasks_fail_at_once) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            const Task<void> opens = create_task(open(go));
            const Task<int> a = create_task(at(go, rounds.number(), -1));
            const Task<int> b = create_task(at(go, rounds.number() + 1, -2));
            auto all = gather(a, b);
            const std::string how = co_await ending(std::move(all));
            auto both_done = [&] { return a.done() && b.done(); };
            co_await until(both_done);
            EXPECT_TRUE(how == "-1" || how == "-2") << how;
            co_await opens;
        }
    });
}

}  // namespace
}  // namespace heddle::test
