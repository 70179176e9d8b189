#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/as_completed.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/gather.hpp>
#include <heddle/runtime.hpp>
#include <heddle/shield.hpp>
#include <heddle/task.hpp>
#include <heddle/task_group.hpp>
#include <heddle/wait.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// A task or future ends once, for all who look, whatever else happens to it at that moment.

namespace heddle::test {
namespace {

class ParallelCompletion : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelCompletion);

TEST_P(ParallelCompletion, PAR_11_a_future_decided_from_two_sides) {
    auto await = [](Future<int> future) -> Coro<std::string> {
        std::string how;
        try {
            const int value = co_await shield(create_task(future));
            how = std::to_string(value);
        } catch (...) {
            how = describe(std::current_exception());
        }
        co_return how;
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            const Future<int> future;
            std::array<bool, 2> won{};
            std::vector<Task<std::string>> awaiters;
            for (int i = 0; i < 3; ++i) {
                awaiters.push_back(create_task(await(future)));
            }
            // The other side sets a value, an error, or cancels.
            const unsigned kind = rounds.number() % 3;
            auto decide = [&](std::size_t side, unsigned how) {
                const std::string told = ending_of([&] {
                    if (how == 0) {
                        future.set_result(static_cast<int>(side));
                    } else if (how == 1) {
                        future.set_exception(Boom("error"));
                    } else if (!future.cancel()) {
                        throw InvalidStateError("invalid state");
                    }
                });
                EXPECT_TRUE(told == "value" || told == "invalid state") << told;
                won.at(side) = told == "value";
            };
            auto one = [&] { decide(0, 0); };
            auto two = [&] { decide(1, kind); };
            co_await racers.at_once(one, two);
            EXPECT_NE(won[0], won[1]) << "exactly one wins";
            const std::array<std::string, 3> others{"1", "error", "CancelledError"};
            const std::string expected = won[0] ? "0" : others.at(kind);
            for (const Task<std::string>& awaiter : awaiters) {
                const std::string seen = co_await awaiter;
                EXPECT_EQ(seen, expected);
            }
            EXPECT_EQ(ending_of([&] { return future.set_result(9); }), "invalid state");
            EXPECT_FALSE(future.cancel());
        }
    });
}

TEST_P(ParallelCompletion, PAR_12_cancel_against_the_end_of_the_task) {
    auto body = [](unsigned seed) -> Coro<int> {
        Jitter jitter(seed);
        co_await yield();
        jitter();
        co_return 7;
    };
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            const Task<int> task = create_task(body(rounds.number()));
            bool accepted = false;
            auto cancel = [&] { accepted = task.cancel(); };
            auto nothing = [] {};
            co_await racers.at_once(cancel, nothing);
            co_await settle(task);
            if (accepted) {
                EXPECT_TRUE(task.cancelled() || task.cancelling() == 1);
            } else {
                EXPECT_FALSE(task.cancelled());
                EXPECT_EQ(task.cancelling(), 0);
                EXPECT_EQ(task.result(), 7);
            }
            EXPECT_FALSE(task.cancel()) << "it is done";
        }
    });
}

TEST_P(ParallelCompletion, PAR_13_cancels_from_several_sides_are_counted) {
    Event event;
    std::atomic<int> caught{0};
    auto victim = [&]() -> Coro<void> {
        for (bool again = true; again;) {
            try {
                co_await event.wait();
                co_await yield();  // what was asked for and not delivered yet comes here, once
                again = false;
            } catch (const CancelledError&) {
                ++caught;
            }
        }
    };
    run([&]() -> Coro<void> {
        Racers racers(3);
        for (Rounds rounds; rounds.next();) {
            event.clear();
            caught = 0;
            const Task<void> task = create_task(victim());
            if (rounds.number() % 2 == 0) {
                co_await until_waiters(event, 1);
            }
            std::atomic<int> accepted{0};
            auto cancel = [&] {
                for (int i = 0; i < 2; ++i) {
                    accepted += task.cancel() ? 1 : 0;
                }
            };
            co_await racers.at_once(cancel, cancel, cancel);
            EXPECT_EQ(task.cancelling(), accepted);
            EXPECT_TRUE(accepted == 6 || (accepted > 0 && task.cancelled())) << "ended before its first step";
            event.set();
            const std::string how = co_await ending(task);
            EXPECT_LE(caught, accepted);
            if (how == "CancelledError") {
                EXPECT_EQ(caught, 0) << "ended before its first step";
            } else {
                EXPECT_EQ(how, "value");
                EXPECT_GE(caught, 1);
                EXPECT_EQ(task.cancelling(), accepted);
            }
        }
    });
}

TEST_P(ParallelCompletion, PAR_14_cancel_against_uncancel) {
    Event event;
    std::atomic<int> caught{0};
    auto victim = [&]() -> Coro<void> {
        for (bool again = true; again;) {
            try {
                co_await event.wait();
                again = false;
            } catch (const CancelledError&) {
                ++caught;
            }
        }
    };
    run([&]() -> Coro<void> {
        constexpr int n = 5;
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            event.clear();
            caught = 0;
            const Task<void> task = create_task(victim());
            co_await until_waiters(event, 1);
            // From a count that cannot reach 0, so that every call counts; or from 0.
            const int start = rounds.number() % 2 == 0 ? n : 0;
            const int calls = start == 0 ? 1 : n;
            for (int i = 0; i < start; ++i) {
                EXPECT_TRUE(task.cancel());
            }
            int accepted = 0;
            int least = start;
            int most = 0;
            auto cancel = [&] {
                for (int i = 0; i < calls; ++i) {
                    accepted += task.cancel() ? 1 : 0;
                }
            };
            auto uncancel = [&] {
                for (int i = 0; i < calls; ++i) {
                    const int left = task.uncancel();
                    least = std::min(least, left);
                    most = std::max(most, left);
                }
            };
            co_await racers.at_once(cancel, uncancel);
            EXPECT_EQ(accepted, calls);
            EXPECT_GE(least, 0);
            EXPECT_LE(most, start + calls - 1);
            const int count = task.cancelling();
            if (start > 0) {
                EXPECT_EQ(count, start);
            } else {
                EXPECT_TRUE(count == 0 || count == 1) << count;
            }
            if (count > 0) {
                auto delivered = [&] { return caught > 0; };
                co_await until(delivered);
            }
            event.set();
            co_await settle(task);
            EXPECT_LE(caught, start + calls);
            EXPECT_EQ(task.cancelling(), count);
        }
    });
}

TEST_P(ParallelCompletion, PAR_21_the_last_child_ends_while_the_parent_parks) {
    run([&]() -> Coro<void> {
        int exits = 0;
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::atomic<int> ended{0};
            auto child = [&](unsigned seed) -> Coro<void> {
                Jitter jitter(seed);
                auto is_open = [&] { return go.load(); };
                co_await until(is_open);
                jitter();
                ++ended;
            };
            auto body = [&](TaskGroup& group) -> Coro<void> {
                for (unsigned i = 0; i < 1 + rounds.number() % 3; ++i) {
                    group.create_task(child(rounds.number() + i));
                }
                co_await yield();
                go = true;  // and leaves at once
            };
            co_await task_group(body);
            ++exits;
            EXPECT_EQ(ended, 1 + rounds.number() % 3);
            EXPECT_EQ(exits, static_cast<int>(rounds.number()));
        }
    });
}

/// One way to hear of the end of a task; gives what it heard.
Coro<int> hear(Task<int> task, unsigned how) {
    int value = 0;
    switch (how) {
        case 0:
            value = co_await task;
            break;
        case 1: {
            const std::tuple<int> all = co_await gather(task);
            value = std::get<0>(all);
            break;
        }
        case 2: {
            const std::vector<Task<int>> tasks{task};
            const Waited<int> ended = co_await wait(tasks);
            EXPECT_EQ(ended.done.size(), 1U);
            value = ended.done.at(0).result();
            break;
        }
        case 3: {
            const std::vector<Task<int>> tasks{task};
            AsCompleted<int> ended = as_completed(tasks);
            const Task<int> first = co_await ended.next();
            const Task<int> none = co_await ended.next();
            EXPECT_FALSE(none);
            value = first.result();
            break;
        }
        default:
            value = co_await shield(task);
    }
    co_return value;
}

TEST_P(ParallelCompletion, PAR_22_the_end_against_whoever_begins_to_wait) {
    constexpr unsigned ways = 5;
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::atomic<int> called{0};
            auto ends = [&](unsigned seed) -> Coro<int> {
                Jitter jitter(seed);
                auto is_open = [&] { return go.load(); };
                co_await until(is_open);
                jitter();
                co_return 5;
            };
            Jitter jitter(rounds.number() + 17);
            const Task<int> task = create_task(ends(rounds.number()));
            std::vector<Task<int>> others;
            if (rounds.number() % 3 == 0) {
                for (unsigned how = 0; how < ways; ++how) {
                    others.push_back(create_task(hear(task, how)));
                }
            }
            co_await yield();
            go = true;
            jitter();
            task.add_done_callback([&] { ++called; });
            const int heard = co_await hear(task, rounds.number() % ways);
            EXPECT_EQ(heard, 5);
            task.add_done_callback([&] { ++called; });
            for (const Task<int>& other : others) {
                const int value = co_await other;
                EXPECT_EQ(value, 5);
            }
            auto both_called = [&] { return called == 2; };
            co_await until(both_called);
        }
    });
}

TEST_P(ParallelCompletion, PAR_22_the_end_against_a_thread_that_begins_to_wait) {
    Runtime runtime(options());
    auto ends = [](unsigned seed) -> Coro<unsigned> {
        Jitter jitter(seed);
        co_await yield();
        jitter();
        co_return seed;
    };
    for (Rounds rounds; rounds.next();) {
        const Task<unsigned> task = runtime.spawn(ends(rounds.number()));
        Jitter jitter(rounds.number() + 5);
        jitter();
        EXPECT_EQ(task.result_blocking(), rounds.number());
    }
}

}  // namespace
}  // namespace heddle::test
