#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Deadlines that pass at the very moment at which their scope ends, is moved, or ends for another reason.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class ParallelScope : public OverWorkers {
protected:
    /// A deadline that comes soon, at another moment in each round.
    static Clock::time_point soon(unsigned round) {
        return Clock::now() + std::chrono::microseconds(20 + 7 * (round % 30));
    }
};
HEDDLE_OVER_WORKERS(ParallelScope);

/// After a scope: nothing is left of it in the running task.
Coro<void> expect_clean() {
    EXPECT_EQ(current_task().cancelling(), 0);
    for (int i = 0; i < 3; ++i) {
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    }
    EXPECT_EQ(current_task().cancelling(), 0);
}

TEST_P(ParallelScope, PAR_93_the_deadline_passes_as_the_scope_is_left) {
    auto one = [](unsigned round, Clock::time_point when) -> Coro<void> {
        Jitter jitter(round);
        bool expired = false;
        auto body = [&](Timeout& scope) -> Coro<void> {
            bool over = Clock::now() >= when;
            try {
                while (!over) {
                    if (round % 2 == 0) {
                        co_await yield();
                    }
                    over = Clock::now() >= when;
                }
                jitter();
                if (round % 3 == 0) {
                    co_await yield();
                }
            } catch (...) {
                expired = scope.expired();
                throw;
            }
            expired = scope.expired();
        };
        const std::string how = co_await ending(timeout_at(when, body));
        EXPECT_TRUE(how == "value" || how == "TimeoutError") << how;
        if (how == "TimeoutError") {
            EXPECT_TRUE(expired);
            EXPECT_GE(Clock::now(), when);
        }
        co_await expect_clean();
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::vector<Task<void>> tasks;
            for (unsigned i = 0; i < 4; ++i) {
                tasks.push_back(create_task(one(rounds.number() + i, soon(rounds.number() + i))));
            }
            co_await settle_all(tasks);
        }
    });
}

TEST_P(ParallelScope, PAR_94_reschedule_against_the_deadline) {
    // reschedule() is for the task in the scope; what passes at that moment is the deadline.
    Event never;
    auto one = [&](unsigned round, Clock::time_point when) -> Coro<void> {
        Jitter jitter(round);
        bool moved = false;
        bool refused = false;
        auto body = [&](Timeout& scope) -> Coro<void> {
            if (round % 2 == 0) {
                co_await yield();
            }
            busy_until(when - 3us);
            jitter();
            try {
                scope.reschedule(std::nullopt);
                moved = true;
            } catch (const std::runtime_error&) {
                refused = true;
                EXPECT_GE(Clock::now(), when);
            }
            if (moved) {
                EXPECT_FALSE(scope.when().has_value());
                // The old deadline has passed by now; nothing happens.
                busy_until(when + 20us);
                co_await yield();
                EXPECT_FALSE(scope.expired());
            } else {
                co_await never.wait();
            }
        };
        const std::string how = co_await ending(timeout_at(when, body));
        EXPECT_EQ(how, moved ? "value" : "TimeoutError");
        if (how == "value") {
            EXPECT_FALSE(refused);
        }
        co_await expect_clean();
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const Task<void> a = create_task(one(rounds.number(), soon(rounds.number())));
            const Task<void> b = create_task(one(rounds.number() + 1, soon(rounds.number() + 5)));
            co_await settle(a, b);
            EXPECT_FALSE(a.cancelled() || b.cancelled());
        }
    });
}

TEST_P(ParallelScope, PAR_95_nested_scopes_with_one_deadline) {
    Event never;
    auto one = [&](Clock::time_point when) -> Coro<void> {
        std::string inner_how;
        std::string middle_how;
        auto innermost = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
        auto middle = [&](Timeout&) -> Coro<void> {
            inner_how = co_await ending(timeout_at(when, innermost));
            if (inner_how == "TimeoutError") {
                throw TimeoutError();
            }
            EXPECT_EQ(inner_how, "CancelledError");
            throw CancelledError();
        };
        auto outer = [&](Timeout&) -> Coro<void> {
            middle_how = co_await ending(timeout_at(when, middle));
            if (middle_how == "TimeoutError") {
                throw TimeoutError();
            }
            EXPECT_EQ(middle_how, "CancelledError");
            throw CancelledError();
        };
        const std::string how = co_await ending(timeout_at(when, outer));
        EXPECT_EQ(how, "TimeoutError") << "out of the outermost never comes CancelledError";
        EXPECT_GE(Clock::now(), when);
        co_await expect_clean();
    };
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const Clock::time_point when = soon(rounds.number());
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 6; ++i) {
                tasks.push_back(create_task(one(when)));
            }
            co_await settle_all(tasks);
        }
    });
    EXPECT_EQ(waiters(never), 0U);
}

TEST_P(ParallelScope, PAR_96_the_inner_ends_as_wait_for_runs_out) {
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            const Clock::time_point when = soon(rounds.number());
            Event event;
            ProbeCounts counts;
            std::atomic<int> steps{0};
            std::atomic<bool> started{false};
            std::atomic<int> after{0};
            std::atomic<bool> over{false};
            std::string how;
            auto inner = [&]() -> Coro<int> {
                const Probe local(counts);
                started = true;
                co_await event.wait();
                ++steps;
                after += over ? 1 : 0;
                co_return 6;
            };
            auto waits = [&]() -> Coro<void> {
                how = co_await ending(wait_for(inner(), when - Clock::now()));
                over = true;
                EXPECT_EQ(counts.alive, 0) << "the inner one has ended";
                co_await expect_clean();
            };
            const Task<void> task = create_task(waits());
            auto under_way = [&] { return started || over; };
            co_await until(under_way);
            auto set = [&] {
                busy_until(when);
                event.set();
            };
            auto nothing = [] {};
            co_await racers.at_once(set, nothing);
            co_await settle(task);
            EXPECT_TRUE(how == "value" || how == "TimeoutError") << how;
            EXPECT_EQ(after, 0);
            EXPECT_TRUE(steps == 1 || how == "TimeoutError");
            EXPECT_EQ(waiters(event), 0U);
        }
    });
}

TEST_P(ParallelScope, PAR_96_the_same_with_a_task) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const Clock::time_point when = soon(rounds.number());
            auto inner = [&]() -> Coro<int> {
                co_await sleep_until(when);
                co_return 6;
            };
            const Task<int> task = create_task(inner());
            const std::string how = co_await ending(wait_for(task, when - Clock::now()));
            EXPECT_TRUE(task.done());
            EXPECT_TRUE(how == "value" || how == "TimeoutError") << how;
            if (how == "value") {
                EXPECT_EQ(task.result(), 6);
            }
            co_await expect_clean();
        }
    });
}

}  // namespace
}  // namespace heddle::test
