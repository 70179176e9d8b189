#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>

// A timeout scope whose task is cancelled as well: a request from outside is never lost to the scope.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class TimeoutCancel : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(TimeoutCancel);

TEST_P(TimeoutCancel, TMO_13_cancelled_from_outside_before_the_expiry) {
    auto main = [&]() -> Coro<void> {
        bool expired = true;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](Timeout& t) -> Coro<void> {
                try {
                    co_await never.wait();
                } catch (const CancelledError&) {
                    expired = t.expired();
                    throw;
                }
            };
            co_await timeout(1h, body);
        };
        const Task<void> task = create_task(scope());
        co_await until_parked(task);
        task.cancel("outside");
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError: outside");
        EXPECT_TRUE(task.cancelled());
        EXPECT_FALSE(expired);
    };
    run(main());
}

TEST_P(TimeoutCancel, TMO_14_outside_cancel_after_the_expiry_was_delivered) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<void> {
            auto body = [&](Timeout& t) -> Coro<void> {
                std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
                EXPECT_TRUE(t.expired());
                EXPECT_EQ(current_task().cancelling(), 1);
                current_task().cancel("outside");
                stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError: outside");
                throw CancelledError();
            };
            const std::string end = co_await ending(timeout(5ms, body));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_EQ(current_task().cancelling(), 1);
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
        };
        co_await create_task(scope());
    };
    run(main());
}

TEST_P(TimeoutCancel, TMO_14_expiry_and_outside_cancel_before_the_body_looks) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&](bool past) -> Coro<void> {
            auto body = [&](Timeout& t) -> Coro<void> {
                // Another worker, if there is one, may notice that the time has come.
                const auto patience = Clock::now() + (past ? 0ms : 50ms);
                while (!t.expired() && Clock::now() < patience) {
                }
                current_task().cancel();
                co_await never.wait();
            };
            const std::string end = co_await ending(timeout(past ? -1ms : 1ms, body));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_EQ(current_task().cancelling(), 1);
            // asyncio: one CancelledError for what came before one suspension.
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
        };
        co_await create_task(scope(false));
        co_await create_task(scope(true));
    };
    run(main());
}

TEST_P(TimeoutCancel, TMO_15_the_task_around_an_expired_scope_goes_on) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<int> {
            auto body = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
            const std::string end = co_await ending(timeout(5ms, body));
            EXPECT_EQ(end, "TimeoutError");
            co_await yield();
            co_return 5;
        };
        const Task<int> task = create_task(scope());
        const int value = co_await task;
        EXPECT_EQ(value, 5);
        EXPECT_FALSE(task.cancelled());
        EXPECT_EQ(task.cancelling(), 0);
    };
    run(main());
}

TEST_P(TimeoutCancel, TMO_22_a_cancellation_that_was_handled_before_does_not_hide_the_expiry) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<void> {
            std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            EXPECT_EQ(current_task().cancelling(), 1);
            auto body = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
            end = co_await ending(timeout(5ms, body));
            EXPECT_EQ(end, "TimeoutError");
            EXPECT_EQ(current_task().cancelling(), 1);
        };
        const Task<void> task = create_task(scope());
        co_await until_parked(task);
        task.cancel();
        co_await task;
    };
    run(main());
}

TEST_P(TimeoutCancel, TMO_23_a_new_cancellation_inside_the_scope_counts) {
    auto main = [&]() -> Coro<void> {
        Event inside;
        std::atomic<bool> asked{false};
        auto scope = [&]() -> Coro<void> {
            std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            auto body = [&](Timeout& t) -> Coro<void> {
                inside.set();
                const std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
                // Stays until both, the new request and the expiry, have been made, whichever came first.
                while (!asked || !t.expired()) {
                    co_await ending(yield());
                }
                throw CancelledError();
            };
            end = co_await ending(timeout(20ms, body));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_EQ(current_task().cancelling(), 2);
        };
        const Task<void> task = create_task(scope());
        co_await until_parked(task);
        task.cancel();
        co_await inside.wait();
        task.cancel();
        asked = true;
        co_await task;
    };
    run(main());
}

TEST_P(TimeoutCancel, TMO_24_an_undelivered_request_from_before_the_scope_is_not_lost) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<void> {
            current_task().cancel("outside");
            auto body = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
            co_await timeout_at(Clock::now() - 1s, body);
        };
        const Task<void> task = create_task(scope());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError: outside");
        EXPECT_TRUE(task.cancelled());
        EXPECT_EQ(task.cancelling(), 1);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
