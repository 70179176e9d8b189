#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

// TaskGroup when a child or the body fails.

namespace heddle::test {
namespace {

class TaskGroupErrors : public OverWorkers {
protected:
    Event never;

    Coro<void> fail(std::string text) {
        co_await yield();
        throw Boom(text);
    }
    /// Waits for ever; counts that it was interrupted.
    Coro<void> sleeper() {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            ++interrupted;
            throw;
        }
    }
    std::atomic<int> interrupted{0};
};
HEDDLE_OVER_WORKERS(TaskGroupErrors);

TEST_P(TaskGroupErrors, TG_11_sibling_is_cancelled_and_the_scope_raises_a_group) {
    auto main = [&]() -> Coro<void> {
        Task<void> sibling;
        bool reached = false;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            sibling = tg.create_task(sleeper());
            tg.create_task(fail("child"));
            co_await sibling;
            reached = true;
        };
        std::string message;
        std::string end;
        try {
            co_await task_group(body);
            reached = true;
        } catch (const ExceptionGroup& group) {
            message = group.message();
            end = describe(std::current_exception());
        }
        EXPECT_EQ(end, "group[child]");
        EXPECT_EQ(message, "unhandled errors in a TaskGroup");
        EXPECT_FALSE(reached);
        EXPECT_TRUE(sibling.cancelled());
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_12_children_that_fail_together) {
    auto main = [&]() -> Coro<void> {
        Event go;
        bool body_interrupted = false;
        auto fail_on_go = [&]() -> Coro<void> {
            co_await go.wait();
            throw Boom("child");
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            for (int i = 0; i < 3; ++i) {
                tg.create_task(fail_on_go());
            }
            const Task<void> asleep = tg.create_task(sleeper());
            co_await until_waiters(go, 3);
            co_await until_parked(asleep);
            go.set();
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                body_interrupted = true;
                throw;
            }
        };
        std::vector<std::string> errors;
        try {
            co_await task_group(body);
        } catch (const ExceptionGroup& group) {
            for (const std::exception_ptr& error : group.exceptions()) {
                errors.push_back(describe(error));
            }
        }
        EXPECT_TRUE(body_interrupted);
        EXPECT_EQ(interrupted, 1);
        EXPECT_GE(errors.size(), 1U);
        EXPECT_LE(errors.size(), 3U);
        EXPECT_EQ(std::ranges::count(errors, "child"), std::ssize(errors));
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_13_error_of_the_body_comes_last) {
    auto main = [&]() -> Coro<void> {
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(fail("child"));
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("body");
            }
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[child, body]");
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_13_errors_of_children_in_order_of_completion) {
    auto main = [&]() -> Coro<void> {
        auto fail_later = [&](std::string text, Task<void> after) -> Coro<void> {
            bool stopped = false;
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                stopped = true;
            }
            auto before_is_done = [&] { return !after || after.done(); };
            co_await until(before_is_done);
            EXPECT_TRUE(stopped);
            throw Boom(text);
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            const Task<void> second = tg.create_task(fail_later("second", {}));
            co_await until_parked(second);
            const Task<void> third = tg.create_task(fail_later("third", second));
            co_await until_parked(third);
            tg.create_task(fail("first"));
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[first, second, third]");
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_14_error_of_a_child_that_is_being_cancelled_is_collected) {
    auto main = [&]() -> Coro<void> {
        auto fails_in_cleanup = [&]() -> Coro<void> {
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("cleanup");
            }
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            const Task<void> cleaner = tg.create_task(fails_in_cleanup());
            co_await until_parked(cleaner);
            tg.create_task(fail("child"));
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[child, cleanup]");
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_15_a_growing_tree_stops_when_one_child_fails) {
    constexpr int most = 5000;
    std::atomic<int> heads{0};
    std::atomic<int> alive{0};
    struct Alive {
        explicit Alive(std::atomic<int>& counter) : n(counter) { ++n; }
        Alive(const Alive&) = delete;
        Alive& operator=(const Alive&) = delete;
        Alive(Alive&&) = delete;
        Alive& operator=(Alive&&) = delete;
        ~Alive() { --n; }
        std::atomic<int>& n;
    };
    struct Hydra {
        static Coro<void> head(TaskGroup& tg, std::atomic<int>& heads, std::atomic<int>& alive,
                               Event& never) {
            const Alive one(alive);
            ++heads;
            co_await yield();
            if (heads >= most) {
                co_await never.wait();
            }
            for (int i = 0; i < 2; ++i) {
                try {
                    tg.create_task(head(tg, heads, alive, never));
                } catch (const std::runtime_error& refused) {
                    // On another worker the abort may have begun while this head was running.
                    EXPECT_STREQ(refused.what(), "TaskGroup is shutting down");
                }
            }
        }
    };
    auto hercules = [&]() -> Coro<void> {
        auto enough = [&] { return heads >= 10; };
        co_await until(enough);
        throw Boom("hercules");
    };
    auto main = [&]() -> Coro<void> {
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(Hydra::head(tg, heads, alive, never));
            tg.create_task(hercules());
            co_return;
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[hercules]");
        EXPECT_EQ(alive, 0);
        const int seen = heads;
        for (int i = 0; i < 10; ++i) {
            co_await yield();
        }
        EXPECT_EQ(heads, seen);
        EXPECT_EQ(all_tasks().size(), 1U);
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_16_no_new_children_once_the_abort_has_begun) {
    ProbeCounts counts;
    auto refused_child = [](Probe probe) -> Coro<void> {
        ADD_FAILURE() << "started with probe " << probe.value();
        co_return;
    };
    auto main = [&]() -> Coro<void> {
        std::string end;
        auto creates_in_cleanup = [&](TaskGroup& tg) -> Coro<void> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            end = ending_of([&] { return tg.create_task(refused_child(Probe(counts))); });
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            const Task<void> child = tg.create_task(creates_in_cleanup(tg));
            co_await until_parked(child);
            tg.create_task(fail("child"));
        };
        const std::string scope = co_await ending(task_group(body));
        EXPECT_EQ(scope, "group[child]");
        EXPECT_EQ(end, "TaskGroup is shutting down");
        EXPECT_EQ(counts.constructed, 1);
        EXPECT_EQ(counts.alive, 0);
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_17_no_cancellation_leaks_out_of_the_scope) {
    auto fail_at_once = []() -> Coro<void> {
        throw Boom("child");
        co_return;
    };
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                const Task<void> child = tg.create_task(fail_at_once());
                if (workers() > 1 && round % 2 == 0) {
                    // Another worker takes the child and fails it while the body runs.
                    until_blocking([&] { return child.done(); });
                }
                co_return;
            };
            const std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "group[child]");
            EXPECT_EQ(current_task().cancelling(), 0);
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
        }
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_18_a_child_whose_child_fails_at_once) {
    auto fail_at_once = []() -> Coro<void> {
        throw Boom("grandchild");
        co_return;
    };
    auto main = [&]() -> Coro<void> {
        bool cleaned_up = false;
        auto creator = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(fail_at_once());
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_await yield();  // edge-triggered: the cleanup is not interrupted
            cleaned_up = true;
            throw CancelledError();
        };
        Task<void> child;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            child = tg.create_task(creator(tg));
            co_return;
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[grandchild]");
        EXPECT_TRUE(cleaned_up);
        EXPECT_TRUE(child.cancelled());
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_20_any_thrown_type_is_collected) {
    auto throw_int = []() -> Coro<void> {
        co_await yield();
        throw 42;
    };
    auto main = [&]() -> Coro<void> {
        auto child_fails = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(throw_int());
            co_return;
        };
        const std::string of_child = co_await ending(task_group(child_fails));
        EXPECT_EQ(of_child, "group[something else]");
        auto body_fails = [&](TaskGroup&) -> Coro<void> { co_await throw_int(); };
        const std::string of_body = co_await ending(task_group(body_fails));
        EXPECT_EQ(of_body, "group[something else]");
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_21_error_of_the_body_cancels_the_children) {
    auto main = [&]() -> Coro<void> {
        Task<void> a;
        Task<void> b;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            a = tg.create_task(sleeper());
            b = tg.create_task(sleeper());
            co_await until_parked(a, b);
            throw Boom("body");
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[body]");
        EXPECT_TRUE(a.cancelled() && b.cancelled());
        EXPECT_EQ(interrupted, 2);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_22_error_of_the_body_before_a_child_could_start) {
    auto main = [&]() -> Coro<void> {
        Task<void> child;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            child = tg.create_task(sleeper());
            throw Boom("body");
            co_return;
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[body]");
        EXPECT_TRUE(child.cancelled());
        if (workers() == 1) {
            EXPECT_EQ(interrupted, 0);  // it has never run
        }
    };
    run(main());
}

TEST_P(TaskGroupErrors, TG_23_a_resource_of_the_body_fails_while_closing) {
    auto main = [&]() -> Coro<void> {
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(fail("child"));
            // A resource whose closing waits and then fails, whatever brought us there.
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            co_await yield();
            throw Boom("close");
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[child, close]");
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
