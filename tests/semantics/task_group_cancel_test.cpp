#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

// TaskGroup whose parent is cancelled from outside. Nested groups have a file of their own.

namespace heddle::test {
namespace {

class TaskGroupCancel : public OverWorkers {
protected:
    Event never;

    /// Waits for ever; counts that it was interrupted.
    Coro<void> sleeper() {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            ++interrupted;
            throw;
        }
    }
    /// Fails while it is being cancelled.
    Coro<void> fails_in_cleanup(std::string text) {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            throw Boom(text);
        }
    }
    std::atomic<int> interrupted{0};
};
HEDDLE_OVER_WORKERS(TaskGroupCancel);

TEST_P(TaskGroupCancel, TG_24_parent_cancelled_at_the_exit) {
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> children;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                for (int i = 0; i < 3; ++i) {
                    children.push_back(tg.create_task(sleeper()));
                }
                co_return;
            };
            co_await task_group(body);
            ADD_FAILURE() << "the scope was left without an error";
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 3);
        EXPECT_TRUE(parent.cancel());
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(parent.cancelled());
        EXPECT_EQ(interrupted, 3);
        for (const Task<void>& child : children) {
            EXPECT_TRUE(child.cancelled());
        }
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_25_parent_cancelled_in_the_body) {
    auto main = [&]() -> Coro<void> {
        bool body_interrupted = false;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(sleeper());
                tg.create_task(sleeper());
                try {
                    co_await never.wait();
                } catch (const CancelledError&) {
                    body_interrupted = true;
                    throw;
                }
            };
            co_await task_group(body);
        };
        const Task<void> parent = create_task(scope());
        co_await until_waiters(never, 3);
        parent.cancel("stop");
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError: stop");
        EXPECT_TRUE(parent.cancelled());
        EXPECT_TRUE(body_interrupted);
        EXPECT_EQ(interrupted, 2);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_26_parent_cancelled_in_the_body_without_children) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup&) -> Coro<void> { co_await never.wait(); };
            co_await task_group(body);
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        parent.cancel();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(parent.cancelled());
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_27_errors_of_the_cleanup_win_over_the_cancellation) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(fails_in_cleanup("cleanup"));
                tg.create_task(fails_in_cleanup("cleanup"));
                co_return;
            };
            co_await task_group(body);
        };
        const Task<void> parent = create_task(scope());
        co_await until_waiters(never, 2);
        co_await until_parked(parent);
        parent.cancel();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "group[cleanup, cleanup]");
        EXPECT_FALSE(parent.cancelled());
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_28_child_error_and_outside_cancel_together) {
    auto main = [&]() -> Coro<void> {
        Event failing;
        auto raise_error = [&]() -> Coro<void> {
            failing.set();
            co_await ending(
                yield());  // fails even if the outside cancel has stopped the body, and thus it, first
            throw Boom("child");
        };
        int in_handler = -1;
        int after = -1;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(raise_error());
                co_await never.wait();
            };
            const std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "group[child]");
            after = current_task().cancelling();
            co_await never.wait();
            ADD_FAILURE() << "the next await was not interrupted";
        };
        auto looks_in_handler = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(raise_error());
                co_await never.wait();
            };
            try {
                co_await task_group(body);
            } catch (const ExceptionGroup&) {
                in_handler = current_task().cancelling();
            }
            co_await yield();
            ADD_FAILURE() << "the next await was not interrupted";
        };
        Task<void> parent = create_task(scope());
        co_await failing.wait();
        EXPECT_TRUE(parent.cancel());
        std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(parent.cancelled());
        EXPECT_EQ(after, 1);

        failing.clear();
        parent = create_task(looks_in_handler());
        co_await failing.wait();
        EXPECT_TRUE(parent.cancel());
        end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(in_handler, 1);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_29_body_turns_the_cancellation_into_another_error) {
    auto main = [&]() -> Coro<void> {
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(sleeper());
                try {
                    co_await never.wait();
                } catch (const CancelledError&) {
                    throw Boom("body");
                }
            };
            co_await task_group(body);
        };
        const Task<void> parent = create_task(scope());
        co_await until_waiters(never, 2);
        parent.cancel();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "group[body]");
        EXPECT_FALSE(parent.cancelled());
        EXPECT_EQ(interrupted, 1);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_35_count_of_requests_is_preserved) {
    auto main = [&]() -> Coro<void> {
        auto fail = []() -> Coro<void> {
            co_await yield();
            throw Boom("child");
        };
        for (const bool in_body : {false, true}) {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(fail());
                if (in_body) {
                    co_await never.wait();
                }
            };
            const std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "group[child]");
            EXPECT_EQ(current_task().cancelling(), 0)
                << "child failed " << (in_body ? "in the body" : "at the exit");
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value") << "child failed " << (in_body ? "in the body" : "at the exit");
        }
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_35_count_of_an_earlier_request_is_preserved) {
    auto main = [&]() -> Coro<void> {
        auto fail = []() -> Coro<void> {
            co_await yield();
            throw Boom("child");
        };
        auto once_cancelled = [&]() -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(fail());
                co_return;
            };
            const std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "group[child]");
            co_return current_task().cancelling();
        };
        const Task<int> task = create_task(once_cancelled());
        co_await until_parked(task);
        task.cancel();
        auto ended = [&] { return task.done(); };
        co_await until(ended);
        // As asyncio: the exit cannot know that the request was handled, and makes it pending again; a task
        // that ends without another await is then cancelled.
        EXPECT_TRUE(task.cancelled());
        EXPECT_EQ(task.cancelling(), 1);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
