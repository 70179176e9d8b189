#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

// Timeout scopes inside of each other, moved deadlines, wrong use.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class TimeoutNested : public OverWorkers {
protected:
    Event never;
    Coro<void> wait_for_ever() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(TimeoutNested);

TEST_P(TimeoutNested, TMO_16_equal_deadlines) {
    auto main = [&]() -> Coro<void> {
        for (int i = 0; i < 20; ++i) {
            const auto deadline = Clock::now() + 2ms;
            std::string of_inner;
            auto inner = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
            auto outer = [&](Timeout&) -> Coro<void> {
                std::exception_ptr error;
                try {
                    co_await timeout_at(deadline, inner);
                } catch (...) {
                    error = std::current_exception();
                }
                of_inner = describe(error);
                std::rethrow_exception(error);
            };
            const std::string end = co_await ending(timeout_at(deadline, outer));
            EXPECT_EQ(end, "TimeoutError");
            // One expiry at a time: then the inner one is a timeout of its own.
            EXPECT_TRUE(of_inner == "CancelledError" || of_inner == "TimeoutError") << of_inner;
            EXPECT_EQ(current_task().cancelling(), 0);
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
        }
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_17_inner_is_shorter) {
    auto main = [&]() -> Coro<void> {
        auto inner = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
        auto outer = [&](Timeout& t) -> Coro<int> {
            std::string end = co_await ending(timeout(5ms, inner));
            EXPECT_EQ(end, "TimeoutError");
            EXPECT_FALSE(t.expired());
            end = co_await ending(yield());
            EXPECT_EQ(end, "value");
            t.reschedule(Clock::now() + 5ms);  // still usable
            end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(t.expired());
            co_return 1;
        };
        const int value = co_await timeout(1h, outer);
        EXPECT_EQ(value, 1);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_18_outer_is_shorter) {
    auto main = [&]() -> Coro<void> {
        bool inner_expired = true;
        auto inner = [&](Timeout& t) -> Coro<void> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            inner_expired = t.expired();
            throw CancelledError();
        };
        auto outer = [&](Timeout& t) -> Coro<void> {
            const std::string end = co_await ending(timeout(1h, inner));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(t.expired());
            throw CancelledError();
        };
        const std::string end = co_await ending(timeout(5ms, outer));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_FALSE(inner_expired);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_19_outer_passes_while_the_body_keeps_its_thread) {
    auto main = [&]() -> Coro<void> {
        bool worked_through = false;
        std::string of_inner;
        bool inner_expired = true;
        auto inner = [&](Timeout& t) -> Coro<void> {
            busy_until(Clock::now() + 10ms);
            worked_through = true;  // nothing is delivered before it suspends
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            inner_expired = t.expired();
            throw CancelledError();
        };
        auto outer = [&](Timeout&) -> Coro<void> {
            of_inner = co_await ending(timeout(1h, inner));
            throw CancelledError();
        };
        const std::string end = co_await ending(timeout(2ms, outer));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_TRUE(worked_through);
        EXPECT_EQ(of_inner, "CancelledError");
        EXPECT_FALSE(inner_expired);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_20_both_pass_while_the_body_keeps_its_thread) {
    auto main = [&]() -> Coro<void> {
        std::string of_inner;
        std::string after;
        auto inner = [&](Timeout&) -> Coro<void> {
            busy_until(Clock::now() + 30ms);
            co_await never.wait();
        };
        auto outer = [&](Timeout&) -> Coro<void> {
            of_inner = co_await ending(timeout(5ms, inner));
            if (of_inner == "CancelledError") {
                throw CancelledError();
            }
            after = co_await ending(never.wait());
            throw CancelledError();
        };
        const std::string end = co_await ending(timeout(20ms, outer));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_TRUE(of_inner == "CancelledError" || (of_inner == "TimeoutError" && after == "CancelledError"))
            << of_inner << ", " << after;
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_21_a_scope_in_the_cleanup_of_an_expired_one) {
    auto main = [&]() -> Coro<void> {
        bool cleaned_up = false;
        auto cleanup = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
        auto body = [&](Timeout& t) -> Coro<void> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            EXPECT_TRUE(t.expired());
            const std::string end = co_await ending(timeout(5ms, cleanup));
            EXPECT_EQ(end, "TimeoutError");
            cleaned_up = true;
            throw CancelledError();
        };
        const std::string end = co_await ending(timeout(5ms, body));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_TRUE(cleaned_up);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_25_later_and_then_no_deadline) {
    auto main = [&]() -> Coro<void> {
        auto body = [&](Timeout& t) -> Coro<int> {
            const auto old = *t.when();
            const auto later = old + 1h;
            t.reschedule(later);
            EXPECT_EQ(t.when(), later);
            std::string end = co_await ending(sleep_until(old + 2ms));
            EXPECT_EQ(end, "value");
            EXPECT_FALSE(t.expired());
            const auto soon = Clock::now() + 1h;
            t.reschedule(soon);
            t.reschedule(std::nullopt);
            EXPECT_FALSE(t.when().has_value());
            end = co_await ending(yield());
            EXPECT_EQ(end, "value");
            EXPECT_FALSE(t.expired());
            t.reschedule(1h);  // counted from now
            EXPECT_GT(t.when(), Clock::now());
            co_return 2;
        };
        const int value = co_await timeout(100ms, body);
        EXPECT_EQ(value, 2);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_26_into_the_past) {
    auto main = [&]() -> Coro<void> {
        for (const bool mere_yield : {false, true}) {
            bool reached = false;
            auto body = [&](Timeout& t) -> Coro<void> {
                t.reschedule(Clock::now() - 1s);
                if (mere_yield) {
                    co_await yield();
                } else {
                    co_await never.wait();
                }
                reached = true;
            };
            const std::string end = co_await ending(timeout(1h, body));
            EXPECT_EQ(end, "TimeoutError") << (mere_yield ? "yield" : "wait");
            EXPECT_FALSE(reached);
            EXPECT_EQ(current_task().cancelling(), 0);
        }
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_27_by_another_task) {
    auto main = [&]() -> Coro<void> {
        Timeout* scope = nullptr;
        auto body = [&](Timeout& t) -> Coro<void> {
            scope = &t;
            co_await never.wait();
        };
        auto waits = [&]() -> Coro<void> { co_await timeout(1h, body); };
        const Task<void> task = create_task(waits());
        co_await until_parked(task);
        scope->reschedule(Clock::now() + 2h);
        EXPECT_FALSE(scope->expired());
        scope->reschedule(Clock::now() + 2ms);
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "TimeoutError");
    };
    run(main());
}

// Before the scope is entered and after it is left there is no Timeout to call.
TEST_P(TimeoutNested, TMO_28_no_reschedule_once_it_is_expiring) {
    auto main = [&]() -> Coro<void> {
        std::string refused;
        auto body = [&](Timeout& t) -> Coro<void> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            refused = ending_of([&] { t.reschedule(Clock::now() + 1h); });
            EXPECT_TRUE(t.expired());
            throw CancelledError();
        };
        const std::string end = co_await ending(timeout(5ms, body));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_EQ(refused, "Cannot change state of expiring Timeout");
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_29_a_scope_runs_once) {
    auto main = [&]() -> Coro<void> {
        int runs = 0;
        auto body = [&](Timeout&) -> Coro<void> {
            ++runs;
            co_return;
        };
        Coro<void> scope = timeout(1h, body);
        co_await scope;
        bool refused = false;
        try {
            co_await scope;
        } catch (const std::runtime_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        EXPECT_EQ(runs, 1);
    };
    run(main());
}

TEST_P(TimeoutNested, TMO_30_a_scope_made_outside_a_task_is_entered_by_the_task_that_awaits_it) {
    auto body = [&](Timeout& t) -> Coro<int> {
        EXPECT_FALSE(t.expired());
        co_return 4;
    };
    EXPECT_EQ(run(timeout(1h, body)), 4);  // made on this plain thread
    {
        const Coro<int> never_entered = timeout(1h, body);
    }
}

}  // namespace
}  // namespace heddle::test
