#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/race.hpp>
#include <heddle/shield.hpp>
#include <heddle/sleep.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Race : public WithJobs {
protected:
    static Coro<int> give_now(int value) { co_return value; }
};
HEDDLE_OVER_WORKERS(Race);

TEST_P(Race, TheFirstWinsAndTheRestHasEnded) {
    auto main = [&]() -> Coro<void> {
        Event go;
        std::atomic<int> cleaned_up{0};
        auto text = [&]() -> Coro<std::string> {
            co_await go.wait();
            co_return "text";
        };
        auto racing = [&]() -> Coro<std::variant<int, std::string, int>> {
            auto result = co_await race(sleeper(cleaned_up), text(), sleeper(cleaned_up));
            EXPECT_EQ(cleaned_up, 2);
            EXPECT_EQ(current_task().cancelling(), 0);
            co_return result;
        };
        const Task<std::variant<int, std::string, int>> all = create_task(racing());
        co_await until_waiters(never, 2);
        co_await until_waiters(go, 1);
        EXPECT_FALSE(all.done());
        go.set();
        const auto& result = co_await all;
        EXPECT_EQ(result.index(), 1U);
        EXPECT_EQ(std::get<1>(result), "text");
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

TEST_P(Race, ResultsOfAllKinds) {
    int number = 1;
    auto nothing = []() -> Coro<void> { co_return; };
    auto owner = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto reference = [&]() -> Coro<int&> { co_return number; };
    run([&]() -> Coro<void> {
        auto of_void = co_await race(nothing(), never.wait());
        static_assert(std::is_same_v<decltype(of_void), std::variant<std::monostate, bool>>);
        EXPECT_EQ(of_void.index(), 0U);
        auto moved = co_await race(owner(), never.wait());
        EXPECT_EQ(*std::get<0>(moved), 7);
        std::vector<Coro<int&>> references;
        references.push_back(reference());
        const auto same = co_await race(std::move(references));
        EXPECT_EQ(&same.value, &number);
        std::vector<Coro<void>> nothings;
        nothings.push_back(nothing());
        const RaceResult<std::monostate> unit = co_await race(std::move(nothings));
        EXPECT_EQ(unit.index, 0U);
        auto slept = co_await race(sleep(1ms), sleep(1h), never.wait());  // any awaitable
        EXPECT_EQ(slept.index(), 0U);
    });
}

TEST_P(Race, AnyNumber) {
    auto main = [&]() -> Coro<void> {
        Event go;
        std::atomic<int> cleaned_up{0};
        std::vector<Coro<int>> coros;
        for (int i = 0; i < 50; ++i) {
            coros.push_back(i == 30 ? give_after(go, i) : sleeper(cleaned_up));
        }
        auto racing = [&]() -> Coro<RaceResult<int>> {
            auto result = co_await race(std::move(coros));
            co_return result;
        };
        const Task<RaceResult<int>> all = create_task(racing());
        co_await until_waiters(never, 49);
        co_await until_waiters(go, 1);
        go.set();
        const RaceResult<int>& result = co_await all;
        EXPECT_EQ(result.index, 30U);
        EXPECT_EQ(result.value, 30);
        EXPECT_EQ(cleaned_up, 49);
        EXPECT_THROW(static_cast<void>(race(std::vector<Coro<int>>{})), std::invalid_argument);
        EXPECT_THROW(static_cast<void>(race(std::vector<Task<int>>{})), std::invalid_argument);
    };
    run(main());
}

// One that ends without suspending ends the race before the others have begun.
TEST_P(Race, LosersMayNeverStart) {
    ProbeCounts counts;
    std::atomic<int> ran{0};
    auto counted = [&](Probe probe) -> Coro<int> {
        ++ran;
        co_await never.wait();
        co_return probe.value();
    };
    auto main = [&]() -> Coro<void> {
        const auto result = co_await race(give_now(1), counted(Probe(counts)), counted(Probe(counts)));
        EXPECT_EQ(result.index(), 0U);
        EXPECT_EQ(counts.alive, 0);
    };
    run(main());
    if (workers() == 1) {
        EXPECT_EQ(ran, 0);
    }
}

TEST_P(Race, TheFirstFails) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> cleaned_up{0};
        const std::string end = co_await ending(race(sleeper(cleaned_up), fail("boom"), sleeper(cleaned_up)));
        EXPECT_EQ(end, "boom");
        EXPECT_LE(cleaned_up, 2);
        EXPECT_EQ(waiters(never), 0U);
        EXPECT_EQ(current_task().cancelling(), 0);
        // An end of its own by CancelledError is an end too.
        auto gives_up = []() -> Coro<int> {
            co_await yield();
            throw CancelledError("mine");
        };
        const std::string cancelled = co_await ending(race(gives_up(), sleeper(cleaned_up)));
        EXPECT_EQ(cancelled, "CancelledError: mine");
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(Race, WhatLosersEndWithIsDropped) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto fails_when_cancelled = [&]() -> Coro<int> {
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("cleanup");
            }
            co_return 0;
        };
        auto ignores = [&]() -> Coro<int> {
            const std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            co_return 2;
        };
        auto racing = [&]() -> Coro<std::size_t> {
            const auto result = co_await race(fails_when_cancelled(), ignores(), give_after(go, 3));
            co_return result.index();
        };
        const Task<std::size_t> all = create_task(racing());
        co_await until_waiters(never, 2);
        co_await until_waiters(go, 1);
        go.set();
        const std::size_t winner = co_await all;
        EXPECT_EQ(winner, 2U);
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

TEST_P(Race, CancelledFromOutside) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> cleaned_up{0};
        auto racing = [&]() -> Coro<void> {
            const std::string end = co_await ending(race(sleeper(cleaned_up), sleeper(cleaned_up)));
            EXPECT_EQ(cleaned_up, 2);
            EXPECT_EQ(end, "CancelledError: outside");
            EXPECT_EQ(current_task().cancelling(), 1);
            throw CancelledError("on");
        };
        const Task<void> all = create_task(racing());
        co_await until_waiters(never, 2);
        co_await until_parked(all);
        all.cancel("outside");
        const std::string end = co_await ending(all);
        EXPECT_EQ(end, "CancelledError: on");
        // By a deadline.
        const std::string late =
            co_await ending(wait_for(race(sleeper(cleaned_up), sleeper(cleaned_up)), 2ms));
        EXPECT_EQ(late, "TimeoutError");
        EXPECT_EQ(current_task().cancelling(), 0);
        EXPECT_EQ(waiters(never), 0U);
    };
    run(main());
}

TEST_P(Race, LosingTasksAreCancelledToo) {
    auto main = [&]() -> Coro<void> {
        for (const bool at_once : {false, true}) {
            Event go;
            std::atomic<int> cleaned_up{0};
            const Task<int> loser = create_task(sleeper(cleaned_up));
            const Task<int> shielded = create_task(give_after(go, 5));
            co_await until_parked(loser, shielded);
            Coro<int> winner = at_once ? give_now(1) : give(1);
            const auto result = co_await race(std::move(winner), loser, shield(shielded));
            EXPECT_EQ(result.index(), 0U);
            EXPECT_TRUE(loser.done() && loser.cancelled());
            EXPECT_EQ(cleaned_up, 1);
            EXPECT_FALSE(shielded.done());
            EXPECT_EQ(shielded.cancelling(), 0);
            go.set();
            const int value = co_await shielded;
            EXPECT_EQ(value, 5);
            // The winner's result stays with it.
            const Task<int> other = create_task(sleeper(cleaned_up));
            std::vector<Task<int>> both{other, shielded};
            const RaceResult<int> tasks = co_await race(std::move(both));
            EXPECT_EQ(tasks.index, 1U);
            EXPECT_EQ(tasks.value, 5);
            EXPECT_EQ(shielded.result(), 5);
            EXPECT_TRUE(other.cancelled());
        }
    };
    run(main());
}

// Whether or not the competitors that wait for the tasks have begun, and however often it is cancelled.
TEST_P(Race, TasksOfARaceThatIsCancelled) {
    auto main = [&]() -> Coro<void> {
        for (const bool early : {false, true}) {
            Event released;
            auto slow_to_stop = [&]() -> Coro<int> {
                const std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
                co_await ending(released.wait());
                co_await released.wait();
                throw CancelledError();
            };
            const Task<int> a = create_task(slow_to_stop());
            const Task<int> b = create_task(slow_to_stop());
            co_await until_parked(a, b);
            std::string end;
            auto racing = [&]() -> Coro<void> {
                if (early) {
                    current_task().cancel("outside");
                }
                end = co_await ending(race(a, b));
                EXPECT_TRUE(a.cancelled() && b.cancelled());
            };
            const Task<void> all = create_task(racing());
            if (!early) {
                co_await until_parked(all);
                all.cancel("outside");
            }
            co_await until_waiters(released, 2);
            co_await until_parked(all);
            EXPECT_FALSE(all.done());
            all.cancel("again");
            auto both_again = [&] { return a.cancelling() >= 1 && b.cancelling() >= 1; };
            co_await until(both_again);
            released.set();
            co_await settle(all);
            EXPECT_EQ(end.substr(0, 14), "CancelledError");
        }
    };
    run(main());
}

// A race has nobody to wait for any more when somebody has cancelled its competitors one by one.
TEST_P(Race, CompetitorsThatSomebodyElseCancels) {
    auto main = [&]() -> Coro<void> {
        const Task<void> me = current_task();
        auto cancels_all = [&]() -> Coro<void> {
            for (const Task<void>& task : all_tasks()) {
                if (task != me && task != current_task()) {
                    task.cancel();
                }
            }
            co_return;
        };
        for (int i = 0; i < 100; ++i) {
            const Task<void> other = create_task(cancels_all());
            const std::string end = co_await ending(race(give(1), give(2)));
            EXPECT_TRUE(end == "value" || end == "CancelledError") << end;
            if (workers() == 1) {
                EXPECT_EQ(end, "CancelledError");  // they had not begun
            }
            EXPECT_EQ(me.cancelling(), 0);
            co_await settle(other);
        }
    };
    run(main());
}

TEST_P(Race, ExactlyOneOfManyWins) {
    auto main = [&]() -> Coro<void> {
        ProbeCounts counts;
        for (int round = 0; round < 200; ++round) {
            Event go;
            auto competes = [&](Probe probe) -> Coro<Probe> {
                co_await go.wait();
                co_return probe;
            };
            std::vector<Coro<Probe>> coros;
            for (int i = 0; i < 8; ++i) {
                coros.push_back(competes(Probe(counts, i + 1)));
            }
            auto opens = [&]() -> Coro<Probe> {
                go.set();
                co_await never.wait();
                co_return Probe(counts);
            };
            coros.push_back(opens());
            const RaceResult<Probe> result = co_await race(std::move(coros));
            EXPECT_LT(result.index, 8U);
            EXPECT_EQ(result.value.value(), static_cast<int>(result.index) + 1);
            EXPECT_EQ(counts.alive, 1);
        }
        EXPECT_EQ(waiters(never), 0U);
    };
    run(main());
}

TEST_P(Race, Nested) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> cleaned_up{0};
        auto inner = [&]() -> Coro<int> {
            const auto result = co_await race(sleeper(cleaned_up), sleeper(cleaned_up));
            co_return static_cast<int>(result.index());
        };
        for (int i = 0; i < 50; ++i) {
            const auto result = co_await race(inner(), give(i), inner());
            EXPECT_EQ(result.index(), 1U);
            EXPECT_EQ(std::get<1>(result), i);
            EXPECT_EQ(waiters(never), 0U);
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
