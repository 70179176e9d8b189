#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/context.hpp>
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// Creating and awaiting tasks. current_task(), all_tasks(), names and reports have a file of their own.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

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
concept HasSetters = requires(T task) { task.set_result(1); } || requires(T task) { task.set_exception(nullptr); };

TEST_P(TaskBasics, TASK_11_no_result_from_outside) {
    static_assert(!HasSetters<Task<int>>);
    static_assert(!HasSetters<Task<void>>);
}

TEST_P(TaskBasics, TASK_17_scheduling_that_fails) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    // No runtime on this thread.
    EXPECT_EQ(ending_of([&] { return create_task(body(Probe(counts))); }), "no running event loop");
    EXPECT_EQ(counts.alive, 0);
    {
        Runtime runtime(options());
        runtime.shutdown();
        bool refused = false;
        try {
            static_cast<void>(runtime.spawn(body(Probe(counts))));
        } catch (const std::runtime_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
    }
    EXPECT_EQ(counts.constructed, 2);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskBasics, TASK_18_results_are_destroyed_once) {
    constexpr int n = 100;
    ProbeCounts counts;
    struct Heavy {
        explicit Heavy(ProbeCounts& c) : probe(c) {}
        Probe probe;
        std::shared_ptr<std::vector<std::string>> load =
            std::make_shared<std::vector<std::string>>(100, std::string(100, 'x'));
    };
    auto main = [&]() -> Coro<void> {
        auto work = [&]() -> Coro<Heavy> {
            co_await yield();
            co_return Heavy(counts);
        };
        std::vector<Task<Heavy>> tasks;
        for (int i = 0; i < n; ++i) {
            tasks.push_back(create_task(work()));
        }
        for (int i = 0; i < n; i += 2) {
            const Heavy value = co_await std::move(tasks[static_cast<std::size_t>(i)]);
            EXPECT_EQ(value.load->size(), 100U);
        }
    };
    run(main());
    EXPECT_EQ(counts.constructed, n);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskBasics, TASK_19_a_task_without_handles_runs_to_its_end) {
    auto main = [&]() -> Coro<void> {
        Event go;
        Event ended;
        ProbeCounts counts;
        auto work = [&](Probe probe) -> Coro<Probe> {
            co_await go.wait();
            co_await yield();
            ended.set();
            co_return probe;
        };
        static_cast<void>(create_task(work(Probe(counts))));
        co_await until_waiters(go, 1);
        go.set();
        co_await ended.wait();
        auto all_gone = [&] { return counts.alive == 0; };
        co_await until(all_gone);
    };
    run(main());
}

TEST_P(TaskBasics, TASK_21_context_of_a_child_is_a_copy) {
    static ContextVar<std::string> variable("variable", "none");
    auto main = []() -> Coro<void> {
        variable.set("parent");
        Event go;
        auto child = [&]() -> Coro<std::string> {
            std::string first = variable.get();
            variable.set("child");
            co_await go.wait();
            EXPECT_EQ(variable.get(), "child");
            co_return first;
        };
        const Task<std::string> task = create_task(child());
        variable.set("parent again");
        task.add_done_callback([] { variable.set("callback"); });
        co_await until_parked(task);
        EXPECT_EQ(variable.get(), "parent again");
        go.set();
        const std::string& first = co_await task;
        EXPECT_EQ(first, "parent");  // as it was when the child was created
        EXPECT_EQ(variable.get(), "parent again");
        auto awaited = []() -> Coro<void> {
            variable.set("by a mere await");  // a coroutine that is awaited shares the context
            co_return;
        };
        co_await awaited();
        EXPECT_EQ(variable.get(), "by a mere await");
    };
    run(main());
    EXPECT_EQ(variable.get(), "none");
}

TEST_P(TaskBasics, TASK_21_each_of_many_tasks_sees_its_own_value) {
    static ContextVar<int> variable("variable");
    auto main = []() -> Coro<void> {
        Event go;
        std::atomic<int> wrong{0};
        auto looks = [&](int mine) -> Coro<void> {
            variable.set(mine);
            for (int i = 0; i < 20; ++i) {
                co_await yield();
                wrong += variable.get() == mine ? 0 : 1;
            }
            co_await go.wait();
            wrong += variable.get() == mine ? 0 : 1;
        };
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(create_task(looks(i)));
        }
        co_await until_waiters(go, 100);
        go.set();
        for (const Task<void>& task : tasks) {
            co_await task;
        }
        EXPECT_EQ(wrong, 0);
        EXPECT_EQ(variable.get(-1), -1);
    };
    run(main());
}

TEST_P(TaskBasics, TASK_22_shutdown_while_run_waits_for_its_main_task) {
    Runtime runtime(options());
    auto main = [&]() -> Coro<void> { co_await never.wait(); };
    std::thread stopper([&] {
        until_waiters_blocking(never, 1);
        runtime.shutdown();
    });
    EXPECT_EQ(ending_of([&] { runtime.run(main()); }), "CancelledError");
    stopper.join();
}

}  // namespace
}  // namespace heddle::test
