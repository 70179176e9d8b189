#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/memory.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/shield.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <string>
#include <tuple>
#include <vector>

namespace heddle::test {
namespace {

class Shield : public WithJobs {
protected:
    /// Awaits a shielded task in a task of its own.
    static Coro<int> shielding(Task<int> inner) {
        const int value = co_await shield(inner);
        co_return value;
    }
    /// Shields `inner` and gives up.
    static Coro<void> give_up(Task<int> inner) {
        const Task<int> outer = create_task(shielding(inner));
        co_await until_parked(outer);
        outer.cancel();
        co_await settle(outer);
        EXPECT_TRUE(outer.cancelled());
    }
};
HEDDLE_OVER_WORKERS(Shield);

TEST_P(Shield, SHD_01_gives_the_value) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> inner = create_task(give_after(go, 42));
        const Task<int> outer = create_task(shielding(inner));
        co_await until_parked(inner, outer);
        EXPECT_FALSE(outer.done());
        go.set();
        int value = co_await outer;
        EXPECT_EQ(value, 42);
        value = co_await shield(give(43));
        EXPECT_EQ(value, 43);
        auto nothing = []() -> Coro<void> { co_await yield(); };
        co_await shield(nothing());
        Event set;
        set.set();
        co_await shield(set.wait());  // any awaitable
    };
    run(main());
}

TEST_P(Shield, SHD_01_a_task_that_is_done) {
    auto main = [&]() -> Coro<void> {
        Event go;
        go.set();
        const Task<int> good = create_task(give(1));
        const Task<int> bad = create_task(fail_after(go, "boom"));
        auto both_done = [&] { return good.done() && bad.done(); };
        co_await until(both_done);
        bool other_ran = false;
        auto other = [&]() -> Coro<void> {
            other_ran = true;
            co_return;
        };
        const Task<void> ready = create_task(other());
        const std::size_t alive = tasks_alive();
        const int value = co_await shield(good);
        EXPECT_EQ(value, 1);
        const std::string end = co_await ending(shield(bad));
        EXPECT_EQ(end, "boom");
        if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
            EXPECT_FALSE(other_ran);  // no suspension
            EXPECT_EQ(tasks_alive(), alive);
        }
        co_await ready;
        // Not even a request to stop is in the way.
        auto asked_to_stop = [&]() -> Coro<int> {
            current_task().cancel();
            const int again = co_await shield(good);
            current_task().uncancel();
            co_return again;
        };
        const int again = co_await create_task(asked_to_stop());
        EXPECT_EQ(again, 1);
    };
    run(main());
}

TEST_P(Shield, SHD_02_the_inner_task_fails) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> inner = create_task(fail_after(go, "boom"));
        const Task<int> outer = create_task(shielding(inner));
        co_await until_parked(inner, outer);
        go.set();
        const std::string end = co_await ending(outer);
        EXPECT_EQ(end, "boom");
        EXPECT_EQ(ending_of(inner), "boom");
    };
    run(main());
}

TEST_P(Shield, SHD_03_the_inner_task_is_cancelled) {
    auto main = [&]() -> Coro<void> {
        const Task<int> inner = create_task(sleeper());
        const Task<int> outer = create_task(shielding(inner));
        co_await until_parked(inner, outer);
        inner.cancel("inner");
        const std::string end = co_await ending(outer);
        EXPECT_EQ(end, "CancelledError: inner");
        EXPECT_TRUE(outer.cancelled());
        EXPECT_EQ(outer.cancelling(), 0);  // nobody asked it to stop
        EXPECT_TRUE(inner.cancelled());
    };
    run(main());
}

TEST_P(Shield, SHD_04_SHD_05_the_awaiting_task_is_cancelled) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> inner = create_task(give_after(go, 42));
        std::string at_the_shield;
        auto shields = [&]() -> Coro<void> {
            at_the_shield = co_await ending(shield(inner));
            throw CancelledError("on");
        };
        const Task<void> outer = create_task(shields());
        co_await until_parked(inner, outer);
        outer.cancel("outer");
        const std::string end = co_await ending(outer);
        EXPECT_EQ(at_the_shield, "CancelledError: outer");
        EXPECT_EQ(end, "CancelledError: on");
        EXPECT_FALSE(inner.done());
        EXPECT_EQ(inner.cancelling(), 0);
        go.set();
        const int value = co_await inner;
        EXPECT_EQ(value, 42);
        EXPECT_FALSE(inner.cancelled());
    };
    run(main());
}

// Also before it waits, and although the inner task could be cancelled before its first step.
TEST_P(Shield, SHD_04_cancelled_before_it_waits) {
    auto main = [&]() -> Coro<void> {
        std::atomic<int> ran{0};
        auto work = [&]() -> Coro<int> {
            ++ran;
            co_return 1;
        };
        auto shields = [&]() -> Coro<void> {
            current_task().cancel();
            co_await shield(work());
        };
        const Task<void> outer = create_task(shields());
        const std::string end = co_await ending(outer);
        EXPECT_EQ(end, "CancelledError");
        auto has_run = [&] { return ran == 1; };
        co_await until(has_run);
    };
    run(main());
}

TEST_P(Shield, SHD_05_a_value_that_nobody_wants) {
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        Event go;
        auto work = [&](Probe probe) -> Coro<Probe> {
            co_await go.wait();
            co_return probe;
        };
        auto shields = [&]() -> Coro<void> { co_await shield(work(Probe(counts))); };
        const Task<void> outer = create_task(shields());
        co_await until_waiters(go, 1);
        co_await until_parked(outer);
        outer.cancel();
        co_await settle(outer);
        go.set();
        auto all_gone = [&] { return counts.alive == 0; };
        co_await until(all_gone);
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

TEST_P(Shield, SHD_06_an_error_that_nobody_sees_is_reported_once) {
    auto main = [&]() -> Coro<void> {
        Event go;
        {
            const Task<int> inner = create_task(fail_after(go, "boom"), {.name = "inner"});
            co_await until_parked(inner);
            for (int i = 0; i < 5; ++i) {
                co_await give_up(inner);
            }
        }
        go.set();
        auto only_main_is_left = [] { return all_tasks().size() == 1; };
        co_await until(only_main_is_left);
    };
    run(main());
    const std::vector<std::string> reports = take_reports();
    EXPECT_EQ(reports, std::vector<std::string>{"Task exception was never retrieved: inner"});
}

TEST_P(Shield, SHD_06_an_error_that_somebody_sees_is_not_reported) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> inner = create_task(fail_after(go, "boom"));
        co_await until_parked(inner);
        co_await give_up(inner);
        go.set();
        const std::string end = co_await ending(inner);
        EXPECT_EQ(end, "boom");
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

TEST_P(Shield, SHD_07_shield_of_a_gather) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> child = create_task(give_after(go, 2));
        std::atomic<int> ended{0};
        auto work = [&]() -> Coro<int> {
            co_await go.wait();
            ++ended;
            co_return 1;
        };
        auto together = [&]() -> Coro<void> {
            const auto results = co_await gather(work(), child, work());
            EXPECT_EQ(results, std::tuple(1, 2, 1));
            ++ended;
        };
        auto shields = [&]() -> Coro<void> { co_await shield(together()); };
        const Task<void> outer = create_task(shields());
        co_await until_waiters(go, 3);
        co_await until_parked(outer);
        outer.cancel();
        const std::string end = co_await ending(outer);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_FALSE(child.done());
        EXPECT_EQ(child.cancelling(), 0);
        go.set();
        const int value = co_await child;
        EXPECT_EQ(value, 2);
        auto all_ended = [&] { return ended == 3; };
        co_await until(all_ended);
        // Directly, without a coroutine around it.
        const auto results = co_await shield(gather(give(3), give(4)));
        EXPECT_EQ(results, std::tuple(3, 4));
    };
    run(main());
}

TEST_P(Shield, SHD_08_the_work_goes_on_without_anybody) {
    ProbeCounts counts;
    Event go;
    std::atomic<bool> ended{false};
    auto work = [&](Probe probe) -> Coro<void> {
        co_await go.wait();
        co_await yield();
        EXPECT_EQ(probe.value(), 7);
        ended = true;
    };
    auto main = [&]() -> Coro<void> {
        auto shields = [&]() -> Coro<void> { co_await shield(work(Probe(counts, 7))); };
        {
            const Task<void> outer = create_task(shields());
            co_await until_parked(outer);
            outer.cancel();
            co_await settle(outer);
        }
        co_await until_waiters(go, 1);
        EXPECT_EQ(counts.alive, 1);
        go.set();
        auto has_ended = [&] { return ended.load(); };
        co_await until(has_ended);
    };
    run(main());
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(Shield, SHD_09_giving_up_again_and_again_leaves_nothing_behind) {
    constexpr std::size_t total = sanitized ? 4'000 : 100'000;
    auto main = [&]() -> Coro<void> {
        const Task<int> inner = create_task(sleeper());
        co_await until_parked(inner);
        const Task<int> other = create_task(shielding(inner));  // so that there is always one that stays
        co_await until_parked(other);
        const std::size_t tasks_before = tasks_alive();
        std::size_t before = 0;
        for (std::size_t i = 0; i < total; ++i) {
            const Task<int> outer = create_task(shielding(inner));
            co_await yield();
            outer.cancel();
            co_await settle(outer);
            if (i == total / 2) {
                before = resident_bytes();
            }
        }
        auto none_left = [&] { return tasks_alive() == tasks_before; };
        co_await until(none_left);
        if (!sanitized) {
            EXPECT_LE(resident_bytes(), before + (std::size_t{2} << 20U));
        }
        EXPECT_EQ(inner.cancelling(), 0);
        inner.cancel();
        co_await settle(inner, other);
        EXPECT_TRUE(other.cancelled());
    };
    run(main());
}

TEST_P(Shield, SHD_10_cancel_against_the_end_of_the_inner_task) {
    auto main = [&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Event go;
            const Task<int> inner = create_task(give_after(go, 42));
            std::string at_the_shield;
            int value = 0;
            auto shields = [&]() -> Coro<void> {
                try {
                    value = co_await shield(inner);
                } catch (const CancelledError&) {
                    at_the_shield = "cancelled";
                }
            };
            const Task<void> outer = create_task(shields());
            co_await until_parked(inner, outer);
            bool accepted = false;
            auto set = [&] { go.set(); };
            auto cancel = [&] { accepted = outer.cancel(); };
            co_await racers.at_once(set, cancel);
            co_await settle(outer);
            EXPECT_NE(value == 42, at_the_shield == "cancelled");  // one of the two
            EXPECT_TRUE(accepted || value == 42);
            // A request that came after the value was there is not lost.
            EXPECT_EQ(outer.cancelled(), accepted && value == 42);
            const int inner_value = co_await inner;
            EXPECT_EQ(inner_value, 42);
            EXPECT_EQ(inner.cancelling(), 0);
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
