#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/task_group.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string>

// timeout() and timeout_at(): one scope. A Timeout lives as long as its scope, so what it says after an
// expiry is asked in the body that was interrupted.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class TimeoutScope : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(TimeoutScope);

TEST_P(TimeoutScope, TMO_01_TMO_08_body_is_interrupted_and_the_scope_raises_timeout_error) {
    auto main = [&]() -> Coro<void> {
        const auto start = Clock::now();
        std::string inside;
        bool expired = false;
        auto body = [&](Timeout& t) -> Coro<void> {
            try {
                co_await never.wait();
            } catch (...) {
                inside = describe(std::current_exception());
                expired = t.expired();
                throw;
            }
        };
        const std::string end = co_await ending(timeout(10ms, body));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_EQ(inside, "CancelledError");
        EXPECT_TRUE(expired);
        EXPECT_GE(Clock::now() - start, 10ms);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_02_absolute_deadline) {
    auto main = [&]() -> Coro<void> {
        const auto deadline = Clock::now() + 10ms;
        std::optional<Clock::time_point> when;
        bool expired = false;
        auto body = [&](Timeout& t) -> Coro<void> {
            when = t.when();
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            expired = t.expired();
            EXPECT_EQ(t.when(), deadline);
            throw CancelledError();
        };
        const std::string end = co_await ending(timeout_at(deadline, body));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_EQ(when, deadline);
        EXPECT_TRUE(expired);
        EXPECT_GE(Clock::now(), deadline);
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_03_body_ends_in_time) {
    auto main = [&]() -> Coro<void> {
        const auto before = Clock::now();
        auto body = [&](Timeout& t) -> Coro<int> {
            co_await yield();
            EXPECT_FALSE(t.expired());
            EXPECT_GE(t.when(), before + 1h);
            co_return 42;
        };
        const int value = co_await timeout(1h, body);
        EXPECT_EQ(value, 42);
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_03_timer_of_a_left_scope_does_nothing) {
    auto main = [&]() -> Coro<void> {
        for (int i = 0; i < 10; ++i) {
            const auto deadline = Clock::now() + 5ms;
            auto body = [](Timeout&) -> Coro<void> { co_await yield(); };
            const std::string end = co_await ending(timeout_at(deadline, body));
            // A busy machine may be so late that the yield came after the deadline.
            EXPECT_TRUE(end == "value" || Clock::now() >= deadline) << end;
            const std::string asleep = co_await ending(sleep_until(deadline + 5ms));
            EXPECT_EQ(asleep, "value");
            EXPECT_EQ(current_task().cancelling(), 0);
        }
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_04_no_deadline) {
    auto main = [&]() -> Coro<void> {
        auto body = [&](Timeout& t) -> Coro<int> {
            EXPECT_FALSE(t.when().has_value());
            co_await sleep(2ms);
            EXPECT_FALSE(t.expired());
            co_return 1;
        };
        int value = co_await timeout(std::nullopt, body);
        EXPECT_EQ(value, 1);
        value = co_await timeout_at(std::nullopt, body);
        EXPECT_EQ(value, 1);
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_05_zero_delay_expires_at_the_first_suspension) {
    auto main = [&]() -> Coro<void> {
        for (const bool mere_yield : {false, true}) {
            const auto before = Clock::now();
            std::optional<Clock::time_point> when;
            bool reached = false;
            auto body = [&](Timeout& t) -> Coro<void> {
                when = t.when();
                if (mere_yield) {
                    co_await yield();
                } else {
                    co_await never.wait();
                }
                reached = true;
            };
            const std::string end = co_await ending(timeout(0s, body));
            EXPECT_EQ(end, "TimeoutError") << (mere_yield ? "yield" : "wait");
            EXPECT_FALSE(reached);
            EXPECT_GE(when, before);
            EXPECT_LE(when, Clock::now());
            EXPECT_EQ(current_task().cancelling(), 0);
        }
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_06_negative_delay_and_past_deadline) {
    auto main = [&]() -> Coro<void> {
        bool reached = false;
        auto body = [&](Timeout& t) -> Coro<void> {
            EXPECT_LE(t.when(), Clock::now());
            co_await yield();
            reached = true;
        };
        std::string end = co_await ending(timeout(-1s, body));
        EXPECT_EQ(end, "TimeoutError");
        end = co_await ending(timeout_at(Clock::now() - 1s, body));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_FALSE(reached);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_07_body_that_never_suspends_is_not_interrupted) {
    auto main = [&]() -> Coro<void> {
        auto ready = []() -> Coro<int> { co_return 7; };
        auto body = [&](Timeout&) -> Coro<int> {
            const auto past = Clock::now() + 2ms;
            busy_until(past);
            const int value = co_await ready();
            co_return value;
        };
        const int value = co_await timeout(0s, body);
        EXPECT_EQ(value, 7);
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_09_body_swallows_the_expiry) {
    auto main = [&]() -> Coro<void> {
        bool expired = false;
        auto body = [&](Timeout& t) -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            EXPECT_EQ(current_task().cancelling(), 1);
            expired = t.expired();
            co_await yield();  // delivered once
            co_return 3;
        };
        const int value = co_await timeout(5ms, body);
        EXPECT_EQ(value, 3);
        EXPECT_TRUE(expired);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_10_error_of_the_body_before_the_expiry) {
    auto main = [&]() -> Coro<void> {
        auto body = [&](Timeout& t) -> Coro<void> {
            co_await yield();
            EXPECT_FALSE(t.expired());
            throw Boom("body");
        };
        const std::string end = co_await ending(timeout(1h, body));
        EXPECT_EQ(end, "body");
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_11_body_turns_the_expiry_into_another_error) {
    auto main = [&]() -> Coro<void> {
        auto body = [&](Timeout& t) -> Coro<void> {
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                EXPECT_TRUE(t.expired());
                throw Boom("body");
            }
        };
        const std::string end = co_await ending(timeout(5ms, body));
        EXPECT_EQ(end, "body");
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

TEST_P(TimeoutScope, TMO_31_group_error_leaves_the_scope) {
    auto main = [&]() -> Coro<void> {
        auto child = [&]() -> Coro<void> {
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("child");
            }
        };
        Timeout* scope = nullptr;
        auto group_body = [&](TaskGroup& tg) -> Coro<void> {
            const Task<void> one = tg.create_task(child());
            co_await until_parked(one);
            scope->reschedule(Clock::now() + 1ms);
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("body");
            }
        };
        auto body = [&](Timeout& t) -> Coro<void> {
            scope = &t;
            co_await task_group(group_body);
        };
        const std::string end = co_await ending(timeout(1h, body));
        EXPECT_EQ(end, "group[child, body]");
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
