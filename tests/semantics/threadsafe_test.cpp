#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/shield.hpp>
#include <heddle/task.hpp>
#include <heddle/threads.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// run_coroutine_threadsafe() is asyncio.run_coroutine_threadsafe: what it gives is the task itself, and the
// plain thread waits for it with result_blocking().

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Threadsafe : public OverWorkers {
protected:
    Event never;
    Coro<int> hangs() {
        co_await never.wait();
        co_return 1;
    }
    /// How many tasks `runtime` has, beside the one that counts.
    static std::size_t tasks_of(Runtime& runtime) {
        auto count = []() -> Coro<std::size_t> { co_return all_tasks().size() - 1; };
        return runtime.run(count());
    }
};
HEDDLE_OVER_WORKERS(Threadsafe);

Coro<int> add(int a, int b, bool fail) {
    co_await yield();
    if (fail) {
        throw Boom("Fail! " + std::to_string(a + b));
    }
    co_return a + b;
}

TEST_P(Threadsafe, RCT_01_the_value_or_the_error_comes_back) {
    Runtime runtime(options());
    const Task<int> gives = run_coroutine_threadsafe(add(1, 2, false), runtime);
    EXPECT_EQ(gives.result_blocking(), 3);
    const Task<int> fails = run_coroutine_threadsafe(add(1, 2, true), runtime);
    EXPECT_EQ(ending_of([&] { fails.result_blocking(); }), "Fail! 3");
    EXPECT_NE(fails.exception(), nullptr);
    // Anything that can be awaited.
    Event event;
    event.set();
    EXPECT_TRUE(run_coroutine_threadsafe(event.wait(), runtime).result_blocking());
}

TEST_P(Threadsafe, RCT_02_ten_threads_at_once) {
    constexpr int n = 10;
    Runtime runtime(options());
    for (const bool fail : {false, true}) {
        std::atomic<int> arrived{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < n; ++i) {
            threads.emplace_back([&, i] {
                ++arrived;
                until_blocking([&] { return arrived == n; });
                for (int turn = 0; turn < 50; ++turn) {
                    const Task<int> task = run_coroutine_threadsafe(add(i, turn, fail), runtime);
                    const std::string how = ending_of([&] { EXPECT_EQ(task.result_blocking(), i + turn); });
                    EXPECT_EQ(how, fail ? "Fail! " + std::to_string(i + turn) : "value");
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    EXPECT_EQ(tasks_of(runtime), 0U);
}

TEST_P(Threadsafe, RCT_03_no_time_to_wait_and_then_cancelled) {
    Runtime runtime(options());
    const Task<int> task = run_coroutine_threadsafe(hangs(), runtime);
    // Not to wait at all is result(); to wait with a limit is a coroutine that does.
    EXPECT_EQ(ending_of(task), "Result is not set.");
    const Task<int> limited = run_coroutine_threadsafe(wait_for(shield(task), 0s), runtime);
    EXPECT_EQ(ending_of([&] { limited.result_blocking(); }), "TimeoutError");
    EXPECT_FALSE(task.done());
    EXPECT_TRUE(task.cancel());
    EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError");
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(tasks_of(runtime), 0U);
    EXPECT_EQ(waiters(never), 0U);
}

TEST_P(Threadsafe, RCT_04_the_coroutine_cancels_itself) {
    Runtime runtime(options());
    auto body = []() -> Coro<void> {
        current_task().cancel("myself");
        co_await yield();
        ADD_FAILURE() << "went on";
    };
    const Task<void> task = run_coroutine_threadsafe(body(), runtime);
    EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError: myself");
    auto throws = []() -> Coro<void> {
        co_await yield();
        throw CancelledError("thrown");
    };
    const Task<void> other = run_coroutine_threadsafe(throws(), runtime);
    EXPECT_EQ(ending_of([&] { other.result_blocking(); }), "CancelledError: thrown");
    EXPECT_TRUE(other.cancelled());
}

TEST_P(Threadsafe, RCT_05_what_cannot_become_a_task_is_told_at_the_call) {
    // The task is created by the calling thread, so there is no other side where that could fail.
    Runtime runtime(options());
    Coro<int> coro = add(1, 2, false);
    const Task<int> first = run_coroutine_threadsafe(std::move(coro), runtime);
    // NOLINTNEXTLINE(bugprone-use-after-move): that is the question
    EXPECT_EQ(ending_of([&] { return run_coroutine_threadsafe(std::move(coro), runtime); }),
              "cannot reuse already awaited coroutine");
    EXPECT_EQ(first.result_blocking(), 3);
    EXPECT_EQ(tasks_of(runtime), 0U);
}

TEST_P(Threadsafe, RCT_05_an_awaitable_that_fails_before_it_waits) {
    struct Fails {
        struct Awaiter {
            [[nodiscard]] bool await_ready() const { throw Boom("at once"); }
            void await_suspend(std::coroutine_handle<>) const noexcept {}
            void await_resume() const noexcept {}
        };
        Awaiter operator co_await() const { return {}; }
    };
    Runtime runtime(options());
    const Task<void> task = run_coroutine_threadsafe(Fails(), runtime);
    EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "at once");
    // Nobody asks for this one: its error goes to the exception handler.
    static_cast<void>(run_coroutine_threadsafe(Fails(), runtime));
    until_blocking([&] { return tasks_of(runtime) == 0; });
    runtime.shutdown();
    EXPECT_EQ(take_reports().size(), 1U);
}

TEST_P(Threadsafe, RCT_06_cancelled_from_within_the_runtime) {
    Runtime runtime(options());
    const Task<int> task = run_coroutine_threadsafe(hangs(), runtime);
    BlockingThread waiter(
        [&] { EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError: inside"); });
    until_blocking([&] { return waiter.parked(); });
    auto cancels = [&]() -> Coro<void> {
        co_await until_parked(task);
        EXPECT_TRUE(task.cancel("inside"));
        // Ends with no more help, also with one worker: nothing but other tasks' turns are needed.
        auto ended = [&] { return task.done(); };
        co_await until(ended);
        EXPECT_EQ(all_tasks().size(), 1U);
    };
    runtime.run(cancels());
    waiter.join();
    runtime.shutdown();
    EXPECT_EQ(waiters(never), 0U);
}

TEST_P(Threadsafe, RCT_06_cancelled_before_its_first_step) {
    Runtime runtime(options());
    std::atomic<bool> started{false};
    auto body = [&]() -> Coro<void> {
        started = true;
        co_return;
    };
    // Everything in one step of one task; with one worker the new one cannot have begun.
    auto main = [&]() -> Coro<void> {
        const Task<void> task = run_coroutine_threadsafe(body(), runtime);
        const bool accepted = task.cancel();
        const std::string how = co_await ending(task);
        EXPECT_EQ(started, how == "value");
        EXPECT_TRUE(accepted || how == "value");
        if (workers() == 1) {
            EXPECT_EQ(how, "CancelledError");
        }
    };
    runtime.run(main());
}

TEST_P(Threadsafe, RCT_07_a_cancellation_against_the_end) {
    Runtime runtime(options());
    for (Rounds rounds; rounds.next();) {
        std::atomic<bool> go{false};
        std::string first;
        std::string second;
        auto body = [&]() -> Coro<int> {
            auto is_open = [&] { return go.load(); };
            co_await until(is_open);
            co_return 8;
        };
        const Task<int> task = run_coroutine_threadsafe(body(), runtime);
        auto awaits = [&]() -> Coro<std::string> { return ending(shield(task)); };
        const Task<std::string> inside = run_coroutine_threadsafe(awaits(), runtime);
        std::thread one([&] { first = ending_of([&] { EXPECT_EQ(task.result_blocking(), 8); }); });
        std::thread two([&] { second = ending_of([&] { EXPECT_EQ(task.result_blocking(), 8); }); });
        Jitter jitter(rounds.number());
        go = true;
        jitter();
        const bool accepted = task.cancel();
        one.join();
        two.join();
        EXPECT_TRUE(first == "value" || (accepted && first == "CancelledError")) << first;
        EXPECT_EQ(second, first);
        EXPECT_EQ(inside.result_blocking(), first);
        EXPECT_EQ(ending_of(task), first);
    }
}

TEST_P(Threadsafe, RCT_08_who_waits_hears_of_the_end_after_the_cleanup) {
    Runtime runtime(options());
    Event in_cleanup;
    Event go;
    bool cleaned_up = false;  // plain: the end of the task orders it
    auto body = [&]() -> Coro<void> {
        const std::string how = co_await ending(never.wait());
        in_cleanup.set();
        co_await go.wait();
        cleaned_up = true;
        throw CancelledError(how);
    };
    const Task<void> task = run_coroutine_threadsafe(body(), runtime);
    until_parked_blocking(task);
    BlockingThread waiter([&] {
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError: CancelledError");
        EXPECT_TRUE(cleaned_up);
    });
    until_blocking([&] { return waiter.parked(); });
    EXPECT_TRUE(task.cancel());
    in_cleanup.wait_blocking();
    EXPECT_FALSE(task.done());
    EXPECT_FALSE(waiter.ended());
    go.set();
}

TEST_P(Threadsafe, RCT_09_a_closed_runtime_refuses) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    Runtime runtime(options());
    runtime.shutdown();
    EXPECT_EQ(ending_of([&] { return run_coroutine_threadsafe(body(Probe(counts)), runtime); }),
              "cannot schedule new tasks after shutdown");
    EXPECT_EQ(counts.constructed, 1);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(Threadsafe, RCT_09_a_closing_runtime_refuses_or_cancels) {
    for (int round = 0; round < 20; ++round) {
        Runtime runtime(options());
        std::atomic<bool> refused{false};
        std::atomic<int> submitted{0};
        std::thread submits([&] {
            for (int i = 0; !refused; ++i) {
                Task<int> task;
                const std::string how = ending_of([&] { task = run_coroutine_threadsafe(hangs(), runtime); });
                ++submitted;
                if (how != "value") {
                    EXPECT_EQ(how, "cannot schedule new tasks after shutdown");
                    refused = true;
                } else if (i % 8 == 7) {
                    // Ends when the runtime does, and not before.
                    EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError");
                }
            }
        });
        until_blocking([&] { return submitted > round % 8; });
        runtime.shutdown();
        submits.join();
        EXPECT_TRUE(refused);
        EXPECT_EQ(waiters(never), 0U);
    }
}

}  // namespace
}  // namespace heddle::test
