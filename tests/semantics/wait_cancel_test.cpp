#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/memory.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/event.hpp>
#include <heddle/timeout.hpp>
#include <heddle/wait.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

// wait() whose caller is cancelled, and what a wait() leaves behind.

namespace heddle::test {
namespace {

class WaitCancel : public WithJobs {
protected:
    static Coro<int> give(int value) { co_return value; }
};
HEDDLE_OVER_WORKERS(WaitCancel);

TEST_P(WaitCancel, WAIT_13_the_caller_is_cancelled) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> a = create_task(give_after(go, 1));
        const Task<int> b = create_task(give_after(go, 2));
        for (const ReturnWhen when : {ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION}) {
            auto waits = [&]() -> Coro<void> {
                co_await wait(ints(a, b), {.timeout = std::chrono::hours(1), .return_when = when});
            };
            const Task<void> waiter = create_task(waits());
            co_await until_parked(a, b, waiter);
            EXPECT_TRUE(waiter.cancel("enough"));
            const std::string end = co_await ending(waiter);
            EXPECT_EQ(end, "CancelledError: enough");
            EXPECT_TRUE(waiter.cancelled());
            EXPECT_FALSE(a.done() || b.done());
            EXPECT_EQ(a.cancelling(), 0);
            EXPECT_EQ(b.cancelling(), 0);
        }
        go.set();
        const int first = co_await a;
        const int second = co_await b;
        EXPECT_EQ(first + second, 3);
    };
    run(main());
}

// Before the wait has really begun: its request is not lost, and the tasks know nothing of it.
TEST_P(WaitCancel, WAIT_13_the_caller_is_cancelled_before_it_waits) {
    auto main = [&]() -> Coro<void> {
        Event go;
        const Task<int> a = create_task(give_after(go, 1));
        co_await until_parked(a);
        std::string end;
        auto waits = [&]() -> Coro<void> {
            current_task().cancel();
            end = co_await ending(wait(ints(a)));
        };
        co_await create_task(waits());
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(a.cancelling(), 0);
        go.set();
        const int value = co_await a;
        EXPECT_EQ(value, 1);
    };
    run(main());
}

TEST_P(WaitCancel, WAIT_13_cancel_against_the_end_of_the_task) {
    auto main = [&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Event go;
            const Task<int> task = create_task(give_after(go, 1));
            bool returned = false;
            auto waits = [&]() -> Coro<void> {
                const Waited<int> result = co_await wait(ints(task));
                EXPECT_EQ(result.done, ints(task));
                returned = true;
            };
            const Task<void> waiter = create_task(waits());
            co_await until_parked(task, waiter);
            bool accepted = false;
            auto set = [&] { go.set(); };
            auto cancel = [&] { accepted = waiter.cancel(); };
            co_await racers.at_once(set, cancel);
            co_await settle(waiter);
            const int value = co_await task;
            EXPECT_EQ(value, 1);
            EXPECT_EQ(task.cancelling(), 0);
            EXPECT_TRUE(returned || waiter.cancelled());
            EXPECT_TRUE(accepted || returned);
            EXPECT_TRUE(!accepted || waiter.cancelled());  // at the wait, or as the last thing it did
        }
    };
    run(main());
}

TEST_P(WaitCancel, WAIT_14_nothing_stays_with_a_pending_task) {
    constexpr std::size_t total = sanitized ? 4'000 : 100'000;
    auto main = [&]() -> Coro<void> {
        const Task<int> immortal = create_task(sleeper());
        co_await until_parked(immortal);
        const std::size_t tasks_before = tasks_alive();
        std::size_t before = 0;
        for (std::size_t i = 0; i < total; ++i) {
            const Task<int> quick = create_task(give(1));
            const Waited<int> result = co_await wait(ints(immortal, quick), {.return_when = FIRST_COMPLETED});
            EXPECT_EQ(result.pending, ints(immortal));
            if (i % 4 == 0) {
                const Waited<int> nothing =
                    co_await wait(ints(immortal), {.timeout = std::chrono::nanoseconds(0)});
                EXPECT_EQ(nothing.pending, ints(immortal));
            } else if (i % 4 == 1) {
                auto waits = [&]() -> Coro<void> { co_await wait(ints(immortal)); };
                const Task<void> waiter = create_task(waits());
                co_await yield();
                waiter.cancel();
                co_await settle(waiter);
            }
            if (i == total / 2) {
                before = resident_bytes();
            }
        }
        auto none_left = [&] { return tasks_alive() == tasks_before; };
        co_await until(none_left);
        if (!sanitized) {
            EXPECT_LE(resident_bytes(), before + (std::size_t{2} << 20U));
        }
        immortal.cancel();
        co_await settle(immortal);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
