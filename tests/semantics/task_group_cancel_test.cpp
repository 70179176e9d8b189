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
    /// Goes on after its cancellation until `release` is set.
    Coro<int> slow_to_stop(Event& release) {
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError");
        ++interrupted;
        co_await release.wait();
        co_return 7;
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
            co_await ending(yield());  // fails even if the outside cancel has stopped the body, and thus it, first
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

TEST_P(TaskGroupCancel, TG_30_child_fails_while_the_body_cleans_up) {
    auto main = [&]() -> Coro<void> {
        Event fail_now;
        auto fail_on_demand = [&]() -> Coro<void> {
            co_await fail_now.wait();
            throw Boom("child");
        };
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(fail_on_demand());
                const std::string by_outside = co_await ending(never.wait());
                EXPECT_EQ(by_outside, "CancelledError");
                EXPECT_EQ(current_task().cancelling(), 1);
                fail_now.set();
                const std::string by_group = co_await ending(never.wait());
                EXPECT_EQ(by_group, "CancelledError");
                EXPECT_EQ(current_task().cancelling(), 2);
                throw CancelledError();
            };
            co_await task_group(body);
        };
        auto one_further_down = [&]() -> Coro<void> {
            const Task<void> inner = create_task(scope());
            co_await inner;
        };
        for (const bool deeper : {false, true}) {
            fail_now.clear();
            const Task<void> parent = create_task(deeper ? one_further_down() : scope());
            co_await until_waiters(never, 1);
            co_await until_parked(parent);
            parent.cancel();
            const std::string end = co_await ending(parent);
            EXPECT_EQ(end, "group[child]");
            EXPECT_FALSE(parent.cancelled());
        }
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_31_second_cancel_while_children_are_slow_to_stop) {
    auto main = [&]() -> Coro<void> {
        Event release;
        int count = -1;
        Task<int> child;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                child = tg.create_task(slow_to_stop(release));
                co_return;
            };
            std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "CancelledError");
            EXPECT_TRUE(child.done());
            count = current_task().cancelling();
            end = co_await ending(yield());
            EXPECT_EQ(end, "value");  // both requests have been delivered
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 1);
        parent.cancel();
        co_await until_waiters(release, 1);
        co_await until_parked(parent);
        EXPECT_TRUE(parent.cancel());
        co_await until_parked(parent);
        EXPECT_FALSE(parent.done());
        EXPECT_EQ(waiters(release), 1U);  // the child is cancelled once
        release.set();
        co_await parent;
        EXPECT_EQ(count, 2);
        EXPECT_EQ(child.result(), 7);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_32_outside_cancel_while_siblings_of_a_failed_child_are_slow_to_stop) {
    auto main = [&]() -> Coro<void> {
        Event fail_now;
        Event release;
        int in_handler = -1;
        auto fail_on_demand = [&]() -> Coro<void> {
            co_await fail_now.wait();
            throw Boom("child");
        };
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                tg.create_task(slow_to_stop(release));
                tg.create_task(fail_on_demand());
                co_return;
            };
            std::string end;
            try {
                co_await task_group(body);
            } catch (const ExceptionGroup&) {
                in_handler = current_task().cancelling();
                end = describe(std::current_exception());
            }
            EXPECT_EQ(end, "group[child]");
            end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            throw CancelledError();
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 1);
        co_await until_waiters(fail_now, 1);
        fail_now.set();
        co_await until_waiters(release, 1);
        co_await until_parked(parent);
        EXPECT_TRUE(parent.cancel());
        co_await until_parked(parent);
        release.set();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_TRUE(parent.cancelled());
        EXPECT_EQ(in_handler, 1);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_33_child_swallows_its_cancellation) {
    auto main = [&]() -> Coro<void> {
        Event release;
        release.set();
        Task<int> child;
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                child = tg.create_task(slow_to_stop(release));
                co_return;
            };
            co_await task_group(body);
        };
        const Task<void> parent = create_task(scope());
        co_await until_parked(parent);
        co_await until_waiters(never, 1);
        parent.cancel();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(child.result(), 7);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_34_body_swallows_the_cancellation) {
    auto main = [&]() -> Coro<void> {
        Event go;
        int count = -1;
        Task<void> child;
        auto waits = [&]() -> Coro<void> { co_await go.wait(); };
        auto scope = [&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                child = tg.create_task(waits());
                const std::string stopped = co_await ending(never.wait());
                EXPECT_EQ(stopped, "CancelledError");
            };
            co_await task_group(body);
            count = current_task().cancelling();
        };
        const Task<void> parent = create_task(scope());
        co_await until_waiters(never, 1);
        co_await until_waiters(go, 1);
        parent.cancel();
        co_await until_waiters(never, 0);
        co_await until_parked(parent);  // at the exit
        EXPECT_FALSE(child.done());
        EXPECT_EQ(child.cancelling(), 0);
        go.set();
        const std::string end = co_await ending(parent);
        EXPECT_EQ(end, "value");
        EXPECT_EQ(count, 1);
        EXPECT_FALSE(child.cancelled());
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
            EXPECT_EQ(current_task().cancelling(), 0) << "child failed " << (in_body ? "in the body" : "at the exit");
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
        // As asyncio: the exit cannot know that the request was handled, and makes it pending again; a task that
        // ends without another await is then cancelled.
        EXPECT_TRUE(task.cancelled());
        EXPECT_EQ(task.cancelling(), 1);
    };
    run(main());
}

TEST_P(TaskGroupCancel, TG_45_no_child_outlives_the_parent) {
    constexpr int rounds = 100;
    constexpr int width = 8;
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < rounds; ++round) {
            std::atomic<int> alive{0};
            auto child = [&](int i) -> Coro<void> {
                ++alive;
                const std::string stopped = co_await ending(yield());
                static_cast<void>(stopped);
                --alive;
                if (i == round % width) {
                    throw Boom("child");
                }
            };
            std::vector<Task<void>> children;
            auto scope = [&]() -> Coro<void> {
                auto body = [&](TaskGroup& tg) -> Coro<void> {
                    for (int i = 0; i < width; ++i) {
                        children.push_back(tg.create_task(child(i)));
                    }
                    co_return;
                };
                co_await task_group(body);
            };
            const Task<void> parent = create_task(scope());
            parent.cancel();
            const std::string end = co_await ending(parent);
            EXPECT_TRUE(end == "CancelledError" || end == "group[child]") << end;
            EXPECT_EQ(alive, 0);
            for (const Task<void>& one : children) {
                EXPECT_TRUE(one.done());
            }
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
