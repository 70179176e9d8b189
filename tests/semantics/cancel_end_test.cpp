#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

// Task.cancel() around the end of a task, and what is left behind.

namespace heddle::test {
namespace {

class CancelEnd : public OverWorkers {
protected:
    Event never;
    Coro<void> sleeper() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(CancelEnd);

TEST_P(CancelEnd, CAN_15_requested_by_itself_right_before_the_end) {
    auto main = [&]() -> Coro<void> {
        auto ends = []() -> Coro<int> {
            current_task().cancel();
            co_return 42;
        };
        const Task<int> task = create_task(ends());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(task.cancelled());
    };
    run(main());
}

TEST_P(CancelEnd, CAN_15_an_error_is_not_lost_to_a_late_request) {
    auto main = [&]() -> Coro<void> {
        auto fails = []() -> Coro<int> {
            current_task().cancel();
            throw Boom("end");
            co_return 0;
        };
        const Task<int> task = create_task(fails());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "end");
        EXPECT_FALSE(task.cancelled());
    };
    run(main());
}

TEST_P(CancelEnd, CAN_15_requested_by_another_thread_right_before_the_end) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            std::atomic<bool> start{false};
            auto ends = [&]() -> Coro<int> {
                start = true;
                co_return 42;
            };
            bool accepted = false;
            Task<int> task;
            {
                std::atomic<bool> have_task{false};
                std::thread other([&] {
                    until_blocking([&] { return have_task && start; });
                    accepted = task.cancel();
                });
                task = create_task(ends());
                have_task = true;
                const std::string end = co_await ending(task);
                EXPECT_TRUE(end == "value" || end == "CancelledError") << end;
                other.join();
            }
            // Cancelled only on request; a request that was refused leaves the value.
            if (!accepted) {
                EXPECT_FALSE(task.cancelled());
            } else {
                EXPECT_TRUE(task.cancelled());
            }
        }
    };
    run(main());
}

TEST_P(CancelEnd, CAN_16_after_the_end) {
    auto main = [&]() -> Coro<void> {
        auto give = []() -> Coro<int> { co_return 3; };
        const Task<int> task = create_task(give());
        const int value = co_await task;
        EXPECT_FALSE(task.cancel("too late"));
        EXPECT_EQ(task.cancelling(), 0);
        EXPECT_FALSE(task.cancelled());
        EXPECT_EQ(task.result(), value);
    };
    run(main());
}

TEST_P(CancelEnd, CAN_22_result_and_exception_of_a_cancelled_task) {
    auto main = [&]() -> Coro<void> {
        const Task<void> task = create_task(sleeper());
        co_await until_parked(task);
        task.cancel("why");
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError: why");
        EXPECT_EQ(ending_of([&] { task.result(); }), "CancelledError: why");
        EXPECT_EQ(ending_of([&] { return task.exception(); }), "CancelledError: why");
    };
    run(main());
}

TEST_P(CancelEnd, CAN_23_awaiter_turns_it_into_another_error) {
    auto main = [&]() -> Coro<void> {
        const Task<void> inner = create_task(sleeper());
        auto converts = [&]() -> Coro<void> {
            try {
                co_await inner;
            } catch (const CancelledError&) {
                throw Boom("converted");
            }
        };
        const Task<void> outer = create_task(converts());
        co_await until_parked(inner, outer);
        inner.cancel();
        const std::string end = co_await ending(outer);
        EXPECT_EQ(end, "converted");
        EXPECT_FALSE(outer.cancelled());
    };
    run(main());
}

TEST_P(CancelEnd, CAN_24_raised_without_a_request) {
    auto main = [&]() -> Coro<void> {
        auto raises = []() -> Coro<void> {
            co_await yield();
            throw CancelledError("by itself");
        };
        const Task<void> task = create_task(raises());
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError: by itself");
        EXPECT_TRUE(task.cancelled());
        EXPECT_EQ(task.cancelling(), 0);
    };
    run(main());
}

TEST_P(CancelEnd, CAN_26_leaves_no_waiter_behind) {
    auto main = [&]() -> Coro<void> {
        Lock lock;
        co_await lock.acquire();
        auto acquires = [&]() -> Coro<void> { co_await lock.acquire(); };
        const Task<void> waited_for = create_task(sleeper());
        co_await until_parked(waited_for);
        auto joins = [&]() -> Coro<void> {
            try {
                co_await waited_for;
            } catch (const CancelledError&) {
                EXPECT_TRUE(waited_for.done());
                throw;
            }
        };
        const Task<void> a = create_task(sleeper());
        const Task<void> b = create_task(acquires());
        const Task<void> c = create_task(joins());
        co_await until_parked(a, b, c);
        for (const Task<void>& task : {a, b, c}) {
            task.cancel();
        }
        for (const Task<void>& task : {a, b, c}) {
            const std::string end = co_await ending(task);
            EXPECT_EQ(end, "CancelledError");
        }
        EXPECT_EQ(waiters(never), 0U);
        EXPECT_EQ(waiters(lock), 0U);
        lock.release();
        EXPECT_FALSE(lock.locked());
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
