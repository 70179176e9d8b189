#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/context.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// to_thread() is asyncio.to_thread.

namespace heddle::test {
namespace {

class ToThread : public OverWorkers {};
HEDDLE_OVER_WORKERS(ToThread);

TEST_P(ToThread, THR_01_the_value_or_the_error_comes_back) {
    auto main = []() -> Coro<void> {
        std::thread::id where;
        const std::thread::id here = std::this_thread::get_id();
        auto gives = [&] {
            where = std::this_thread::get_id();
            return 42;
        };
        auto call = to_thread(gives);
        const int value = co_await std::move(call);
        EXPECT_EQ(value, 42);
        EXPECT_NE(where, std::thread::id());
        EXPECT_NE(where, here);
        auto fails = []() -> int { throw Boom("on the thread"); };
        const std::string error = co_await ending(to_thread(fails));
        EXPECT_EQ(error, "on the thread");
        auto fails_without_a_value = [] { throw Boom("void"); };
        const std::string other = co_await ending(to_thread(fails_without_a_value));
        EXPECT_EQ(other, "void");
    };
    run(main());
}

TEST_P(ToThread, THR_01_a_reference_and_a_value_that_only_moves) {
    auto main = []() -> Coro<void> {
        int number = 1;
        auto refers = [&]() -> int& { return number; };
        const int& same = co_await to_thread(refers);
        EXPECT_EQ(&same, &number);
        auto makes = [] { return std::make_unique<int>(7); };
        const std::unique_ptr<int> made = co_await to_thread(makes);
        EXPECT_EQ(*made, 7);
        for (int i = 0; i < 200; ++i) {
            ProbeCounts counts;
            auto gives = [&] { return Probe(counts, 8); };
            const Probe given = co_await to_thread(gives);
            EXPECT_EQ(given.value(), 8);
            EXPECT_EQ(counts.copied, 0);
            auto only_ours = [&] { return counts.alive == 1; };
            co_await until(only_ours);
        }
    };
    run(main());
}

TEST_P(ToThread, THR_02_called_once_with_its_arguments) {
    auto main = []() -> Coro<void> {
        std::atomic<int> calls{0};
        auto sum = [&](int a, std::unique_ptr<int> b, const std::string& c) {
            ++calls;
            return c + std::to_string(a + *b);
        };
        auto call = to_thread(sum, 1, std::make_unique<int>(2), std::string("= "));
        EXPECT_EQ(calls, 0);  // a coroutine: nothing happens before it is awaited
        const std::string text = co_await std::move(call);
        EXPECT_EQ(text, "= 3");
        EXPECT_EQ(calls, 1);
    };
    run(main());
}

TEST_P(ToThread, THR_02_the_function_and_its_arguments_are_gone_when_it_has_ended) {
    // They may refer to what the caller destroys next.
    auto main = []() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            ProbeCounts counts;
            const bool fails = rounds.number() % 2 == 0;
            auto takes = [fails, mine = Probe(counts, 3)](const Probe& given) {
                if (fails) {
                    throw Boom("spam");
                }
                return mine.value() + given.value();
            };
            auto call = to_thread(std::move(takes), Probe(counts, 4));
            const std::string how = co_await ending(std::move(call));
            EXPECT_EQ(how, fails ? "spam" : "value");
            EXPECT_EQ(counts.alive, 1) << "of the closure that was moved from";
            EXPECT_EQ(counts.copied, 0);
        }
    };
    run(main());
}

TEST_P(ToThread, THR_03_ten_at_once) {
    constexpr int n = 10;
    std::atomic<int> inside{0};
    auto function = [&](int i) {
        ++inside;
        until_blocking([&] { return inside == n; });  // none ends before all have begun
        return i;
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<int>> tasks;
        for (int i = 0; i < n; ++i) {
            tasks.push_back(create_task(to_thread(function, i)));
        }
        for (int i = 0; i < n; ++i) {
            const int value = co_await tasks[static_cast<std::size_t>(i)];
            EXPECT_EQ(value, i);
        }
    };
    run(main());
}

TEST_P(ToThread, THR_04_the_function_sees_the_context_of_the_task) {
    ContextVar<int> variable("variable", 0);
    auto changes = [&] {
        const int seen = variable.get();
        variable.set(seen + 100);
        EXPECT_EQ(variable.get(), seen + 100);
        return seen;
    };
    auto child = [&](int value) -> Coro<void> {
        variable.set(value);
        for (int i = 0; i < 5; ++i) {
            const int seen = co_await to_thread(changes);
            EXPECT_EQ(seen, value);
            EXPECT_EQ(variable.get(), value) << "the function has a copy";
        }
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> a = create_task(child(1));
        const Task<void> b = create_task(child(2));
        co_await settle(a, b);
        // The threads of the two are used again, and nothing has stuck to them.
        for (int i = 0; i < 3; ++i) {
            const int seen = co_await to_thread(changes);
            EXPECT_EQ(seen, 0);
        }
    };
    run(main());
}

TEST_P(ToThread, THR_05_tasks_go_on_while_functions_block) {
    Event go;
    auto blocks = [&] { go.wait_blocking(); };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> calls;
        for (unsigned i = 0; i < 2 * workers(); ++i) {
            calls.push_back(create_task(to_thread(blocks)));
        }
        co_await until_waiters(go, calls.size());
        // More functions block than there are workers, and all of this still happens.
        auto step = []() -> Coro<int> {
            co_await yield();
            co_return 1;
        };
        int steps = 0;
        for (int i = 0; i < 100; ++i) {
            const int one = co_await create_task(step());
            steps += one;
        }
        EXPECT_EQ(steps, 100);
        go.set();
        co_await settle_all(calls);
    };
    run(main());
}

TEST_P(ToThread, THR_06_cancelled_while_the_function_runs) {
    for (const bool fails : {false, true}) {
        ProbeCounts counts;
        Event go;
        std::atomic<bool> ended{false};
        auto function = [&](const Probe& argument) {
            go.wait_blocking();
            EXPECT_EQ(argument.value(), 5);  // still there, though the task is gone
            ended = true;
            if (fails) {
                throw Boom("nobody hears of it");  // that it is not reported is seen by the fixture
            }
            return Probe(counts, 1);
        };
        auto main = [&]() -> Coro<void> {
            const Task<Probe> task = create_task(to_thread(function, Probe(counts, 5)));
            co_await until_waiters(go, 1);
            EXPECT_TRUE(task.cancel("enough"));
            const std::string how = co_await ending(task);
            EXPECT_EQ(how, "CancelledError: enough");
            EXPECT_FALSE(ended);
            EXPECT_EQ(counts.alive, 1);
            go.set();
            auto all_gone = [&] { return ended && counts.alive == 0; };
            co_await until(all_gone);
        };
        run(main());
    }
}

TEST_P(ToThread, THR_06_a_cancellation_against_the_end_of_the_function) {
    auto main = []() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            ProbeCounts counts;
            std::atomic<bool> started{false};
            std::atomic<bool> go{false};
            std::atomic<bool> ended{false};
            auto function = [&] {
                started = true;
                until_blocking([&] { return go.load(); });
                Probe result(counts, 9);
                ended = true;
                return result;
            };
            Task<Probe> task = create_task(to_thread(function));
            auto has_started = [&] { return started.load(); };
            co_await until(has_started);
            bool accepted = false;
            auto let_end = [&] { go = true; };
            auto cancel = [&] { accepted = task.cancel(); };
            co_await racers.at_once(let_end, cancel);
            const std::string how = co_await ending(task);
            EXPECT_TRUE(how == "value" || (accepted && how == "CancelledError")) << how;
            if (how == "value") {
                EXPECT_EQ(task.result().value(), 9);
                EXPECT_EQ(task.cancelling(), accepted ? 1 : 0);
            }
            task = {};
            auto all_gone = [&] { return ended && counts.alive == 0; };
            co_await until(all_gone);
        }
    };
    run(main());
}

TEST_P(ToThread, THR_07_cancelled_before_the_function_started) {
    RuntimeOptions one_thread = options();
    one_thread.blocking_threads = 1;
    Event go;
    std::atomic<int> called{0};
    auto blocks = [&] { go.wait_blocking(); };
    auto counts_calls = [&] { ++called; };
    auto main = [&]() -> Coro<void> {
        const Task<void> first = create_task(to_thread(blocks));
        co_await until_waiters(go, 1);
        const Task<void> second = create_task(to_thread(counts_calls));
        const Task<void> third = create_task(to_thread(counts_calls));
        co_await until_parked(second, third);
        second.cancel();
        const std::string how = co_await ending(second);
        EXPECT_EQ(how, "CancelledError");
        go.set();
        co_await settle(first, third);
        EXPECT_EQ(called, 1) << "the cancelled one is not called";
    };
    heddle::run(main(), one_thread);
    EXPECT_EQ(called, 1);
}

TEST_P(ToThread, THR_08_more_calls_than_threads) {
    RuntimeOptions few_threads = options();
    few_threads.blocking_threads = 3;
    Runtime runtime(few_threads);
    std::atomic<unsigned> inside{0};
    // Each waits, on its thread, for a task of the runtime; that task needs no thread of the pool.
    auto give = [](int i) -> Coro<int> {
        co_await yield();
        co_return i;
    };
    auto function = [&](int i) {
        EXPECT_LE(++inside, 3U);
        const int value = run_coroutine_threadsafe(give(i), runtime).result_blocking();
        --inside;
        return value;
    };
    auto main = [&]() -> Coro<int> {
        std::vector<Task<int>> tasks;
        int sum = 0;
        for (int i = 0; i < 50; ++i) {
            tasks.push_back(create_task(to_thread(function, i)));
        }
        for (const Task<int>& task : tasks) {
            const int value = co_await task;
            sum += value;
        }
        co_return sum;
    };
    EXPECT_EQ(runtime.run(main()), 50 * 49 / 2);
    EXPECT_EQ(inside, 0U);
}

TEST_P(ToThread, THR_08_calls_start_in_the_order_in_which_they_came) {
    RuntimeOptions one_thread = options();
    one_thread.blocking_threads = 1;
    Event go;
    std::vector<int> log;  // one thread writes it
    std::vector<int> expected;
    auto function = [&](int i) {
        go.wait_blocking();
        log.push_back(i);
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 20; ++i) {
            tasks.push_back(create_task(to_thread(function, i)));
            co_await until_parked(tasks.back());
            expected.push_back(i);
        }
        go.set();
        co_await settle_all(tasks);
    };
    heddle::run(main(), one_thread);
    EXPECT_EQ(log, expected);
}

TEST_P(ToThread, THR_09_after_shutdown_began) {
    // A task that is cancelled by the shutdown may still call functions to clean up; nobody else may.
    std::atomic<int> called{0};
    auto function = [&] { return ++called; };
    Event never;
    std::string how;
    auto cleans_up = [&]() -> Coro<void> {
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError");
        how = co_await ending(to_thread(function));
    };
    Runtime runtime(options());
    const Task<void> task = runtime.spawn(cleans_up());
    until_waiters_blocking(never, 1);
    runtime.shutdown();
    EXPECT_TRUE(task.done());
    EXPECT_EQ(how, "value");
    EXPECT_EQ(called, 1);
    EXPECT_EQ(ending_of([&] { return runtime.spawn(to_thread(function)); }),
              "cannot schedule new tasks after shutdown");
    EXPECT_EQ(ending_of([&] { return runtime.run(to_thread(function)); }),
              "cannot schedule new tasks after shutdown");
    EXPECT_EQ(called, 1);
}

TEST_P(ToThread, THR_09_calls_against_a_shutdown) {
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> inside{0};
        std::atomic<int> called{0};
        {
            Runtime runtime(options());
            auto function = [&] {
                ++inside;
                ++called;
                --inside;
            };
            auto calls = [&]() -> Coro<void> {
                for (;;) {
                    co_await to_thread(function);
                }
            };
            for (int i = 0; i < 4; ++i) {
                static_cast<void>(runtime.spawn(calls()));
            }
            until_blocking([&] { return called > round; });
            runtime.shutdown();
            EXPECT_EQ(inside, 0) << "a function that was called has ended";
            const int before = called;
            std::this_thread::yield();
            EXPECT_EQ(called, before);
        }
    }
}

}  // namespace
}  // namespace heddle::test
