#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

// Creating and awaiting tasks. current_task(), all_tasks(), names and reports have a file of their own.

namespace heddle::test {
namespace {

class TaskBasics : public OverWorkers {
protected:
    Event never;

    static Coro<int> give(int value) {
        co_await yield();
        co_return value;
    }
};
HEDDLE_OVER_WORKERS(TaskBasics);

TEST_P(TaskBasics, TASK_01_nested_awaits) {
    struct Nest {
        static Coro<int> inner() {
            co_await yield();
            co_return 10;
        }
        static Coro<int> middle() {
            const int a = co_await inner();
            const int b = co_await inner();
            co_return a + b;
        }
        static Coro<int> outer() {
            const int a = co_await middle();
            const int b = co_await middle();
            co_return a + b + 1000;
        }
    };
    EXPECT_EQ(run(Nest::outer()), 1040);
}

TEST_P(TaskBasics, TASK_02_create_task_runs_it_on_its_own) {
    auto main = [&]() -> Coro<void> {
        Event go;
        Event reached;
        auto work = [&]() -> Coro<int> {
            reached.set();
            co_await go.wait();
            co_return 5;
        };
        const Task<int> task = create_task(work(), {.name = "worker bee"});
        EXPECT_EQ(task.name(), "worker bee");
        co_await reached.wait();  // it runs though nobody awaits it
        EXPECT_FALSE(task.done());
        go.set();
        const int value = co_await task;
        EXPECT_EQ(value, 5);
        EXPECT_TRUE(task.done());
        EXPECT_FALSE(task.cancelled());
        EXPECT_EQ(task.result(), 5);
        EXPECT_EQ(task.exception(), nullptr);
        EXPECT_EQ(task.name(), "worker bee");
    };
    run(main());
}

TEST_P(TaskBasics, TASK_03_a_task_that_throws) {
    auto main = [&]() -> Coro<void> {
        auto fail = []() -> Coro<int> {
            co_await yield();
            throw Boom("its own");
        };
        const Task<int> task = create_task(fail());
        std::exception_ptr seen;
        try {
            co_await task;
        } catch (const Boom&) {
            seen = std::current_exception();
        }
        EXPECT_EQ(describe(seen), "its own");
        EXPECT_EQ(seen, task.exception());  // the same object, not a copy
        EXPECT_EQ(ending_of(task), "its own");
        EXPECT_TRUE(task.done());
        EXPECT_FALSE(task.cancelled());
    };
    run(main());
}

TEST_P(TaskBasics, TASK_04_several_awaiters) {
    auto main = [&]() -> Coro<void> {
        for (const bool fails : {false, true}) {
            Event go;
            auto work = [&]() -> Coro<std::string> {
                co_await go.wait();
                if (fails) {
                    throw Boom("for all");
                }
                co_return "for all";
            };
            const Task<std::string> task = create_task(work());
            auto waits = [&]() -> Coro<std::string> {
                std::string got;
                try {
                    const std::string& value = co_await task;
                    got = value;
                } catch (const Boom& error) {
                    got = error.what();  // in parallel with the others
                }
                co_return got;
            };
            std::vector<Task<std::string>> awaiters;
            for (int i = 0; i < 20; ++i) {
                awaiters.push_back(create_task(waits()));
            }
            for (const auto& one : awaiters) {
                co_await until_parked(one);
            }
            go.set();
            for (const auto& one : awaiters) {
                const std::string got = co_await one;
                EXPECT_EQ(got, "for all");
            }
        }
    };
    run(main());
}

TEST_P(TaskBasics, TASK_05_awaiting_a_finished_task_does_not_suspend) {
    auto main = [&]() -> Coro<void> {
        const Task<int> task = create_task(give(1));
        co_await task;
        // A request that is pending would be delivered if we suspended.
        current_task().cancel();
        const int value = co_await task;
        EXPECT_EQ(value, 1);
        EXPECT_EQ(current_task().uncancel(), 0);
    };
    run(main());
}

TEST_P(TaskBasics, TASK_06_result_of_a_running_task) {
    auto main = [&]() -> Coro<void> {
        auto waits = [&]() -> Coro<int> {
            co_await never.wait();
            co_return 0;
        };
        const Task<int> task = create_task(waits());
        int refused = 0;
        try {
            static_cast<void>(task.result());
        } catch (const InvalidStateError&) {
            ++refused;
        }
        try {
            static_cast<void>(task.exception());
        } catch (const InvalidStateError&) {
            ++refused;
        }
        EXPECT_EQ(refused, 2);
        task.cancel();
        co_await ending(task);
    };
    run(main());
}

TEST_P(TaskBasics, TASK_07_create_task_does_not_run_the_body_inside_the_call) {
    auto main = [&]() -> Coro<void> {
        // Another worker may run it meanwhile, but not this thread, which is busy in this loop.
        std::atomic<int> on_this_thread{0};
        auto look = [&](std::thread::id creator, std::atomic<bool>& creating) -> Coro<void> {
            if (creating && std::this_thread::get_id() == creator) {
                ++on_this_thread;
            }
            co_return;
        };
        std::atomic<bool> creating{true};
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(create_task(look(std::this_thread::get_id(), creating)));
        }
        creating = false;
        EXPECT_EQ(on_this_thread, 0);
        for (const Task<void>& task : tasks) {
            co_await task;
        }
    };
    run(main());
}

TEST_P(TaskBasics, TASK_08_awaiting_itself) {
    auto main = [&]() -> Coro<void> {
        auto waits_for_itself = []() -> Coro<void> {
            const Task<void> me = current_task();
            co_await me;
        };
        const Task<void> task = create_task(waits_for_itself());
        // Without the check it would park for ever.
        auto decided = [&] { return task.done() || detail::is_parked(task); };
        co_await until(decided);
        EXPECT_TRUE(task.done());
        task.cancel();
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "Task cannot await on itself");
    };
    run(main());
}

TEST_P(TaskBasics, TASK_09_awaiting_a_future_resumes_once) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const Future<int> future;
            int resumed = 0;
            auto waits = [&]() -> Coro<int> {
                const int value = co_await future;
                ++resumed;
                co_await yield();
                co_return value;
            };
            const Task<int> task = create_task(waits());
            if (round % 2 == 0) {
                co_await until_parked(task);
            }
            future.set_result(42);
            const int value = co_await task;
            EXPECT_EQ(value, 42);
            EXPECT_EQ(resumed, 1);
        }
    };
    run(main());
}

TEST_P(TaskBasics, TASK_10_a_task_as_result_is_not_awaited) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto work = [&]() -> Coro<int> {
            co_await go.wait();
            co_return 8;
        };
        auto makes = [&]() -> Coro<Task<int>> { co_return create_task(work()); };
        const Task<int> inner = co_await create_task(makes());
        EXPECT_FALSE(inner.done());
        go.set();
        const int value = co_await inner;
        EXPECT_EQ(value, 8);
    };
    run(main());
}

template <class T>
concept HasSetters =
    requires(T task) { task.set_result(1); } || requires(T task) { task.set_exception(nullptr); };

TEST_P(TaskBasics, TASK_11_no_result_from_outside) {
    static_assert(!HasSetters<Task<int>>);
    static_assert(!HasSetters<Task<void>>);
}

}  // namespace
}  // namespace heddle::test
