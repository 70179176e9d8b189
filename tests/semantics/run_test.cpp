#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/generator.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

// run() is asyncio.run, a Runtime is asyncio.Runner.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Run : public OverWorkers {
protected:
    Event never;
    Coro<void> sleeper() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(Run);

TEST_P(Run, RUN_01_result_or_error_of_main) {
    auto gives = []() -> Coro<std::string> {
        co_await yield();
        co_return "spam";
    };
    EXPECT_EQ(heddle::run(gives(), options()), "spam");
    auto fails = []() -> Coro<void> {
        co_await yield();
        throw Boom("spam");
    };
    EXPECT_EQ(ending_of([&] { heddle::run(fails(), options()); }), "spam");
    Runtime runtime(options());
    EXPECT_EQ(runtime.run(gives()), "spam");
    EXPECT_EQ(ending_of([&] { runtime.run(fails()); }), "spam");
}

TEST_P(Run, RUN_02_inside_a_running_runtime) {
    ProbeCounts counts;
    auto inner = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    Runtime other(options());
    auto main = [&]() -> Coro<void> {
        EXPECT_EQ(ending_of([&] { return heddle::run(inner(Probe(counts))); }),
                  "run() cannot be called from a running event loop");
        EXPECT_EQ(ending_of([&] { return other.run(inner(Probe(counts))); }),
                  "Runtime.run() cannot be called from a running event loop");
        EXPECT_EQ(counts.constructed, 2);
        EXPECT_EQ(counts.alive, 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    run(main());
}

TEST_P(Run, RUN_03_leftover_tasks_are_cancelled_and_ended) {
    Task<void> leftover;
    bool cleaned_up = false;
    auto hangs = [&]() -> Coro<void> {
        try {
            co_await sleep(1h);
        } catch (const CancelledError&) {
            cleaned_up = true;
            throw;
        }
    };
    auto main = [&]() -> Coro<int> {
        leftover = create_task(hangs());
        co_await until_parked(leftover);
        co_return 123;
    };
    EXPECT_EQ(run(main()), 123);
    EXPECT_TRUE(leftover.done() && leftover.cancelled());
    EXPECT_TRUE(cleaned_up);
    leftover = {};
}

TEST_P(Run, RUN_04_error_of_a_leftover_is_reported) {
    auto fails_in_cleanup = [&]() -> Coro<void> {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            throw Boom("cleanup");
        }
    };
    auto main = [&]() -> Coro<int> {
        const Task<void> leftover = create_task(fails_in_cleanup(), {.name = "leftover"});
        co_await until_parked(leftover);
        co_return 123;
    };
    EXPECT_EQ(run(main()), 123);
    const std::vector<std::string> reports = take_reports();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("leftover"), std::string::npos) << reports[0];
}

TEST_P(Run, RUN_05_main_and_a_leftover_fail) {
    ProbeCounts counts;
    auto fails_in_cleanup = [&](Probe probe) -> Coro<void> {
        const Probe local(counts);
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError");
        throw Boom("leftover " + std::to_string(probe.value()));
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> leftover = create_task(fails_in_cleanup(Probe(counts, 7)));
        co_await until_parked(leftover);
        throw Boom("main");
    };
    EXPECT_EQ(ending_of([&] { run(main()); }), "main");
    EXPECT_EQ(counts.alive, 0);  // its frame is gone when run() returns
    EXPECT_EQ(take_reports().size(), 1U);
}

TEST_P(Run, RUN_05_generators_are_closed) {
    ProbeCounts counts;
    auto counts_up = [&](Probe probe) -> AsyncGenerator<int> {
        const Probe local(counts);
        for (int i = probe.value();; ++i) {
            co_await yield();
            co_yield i;
        }
    };
    auto iterates = [&]() -> Coro<void> {
        AsyncGenerator<int> numbers = counts_up(Probe(counts, 1));
        const std::optional<int> first = co_await numbers.next();
        EXPECT_EQ(first, 1);
        co_await never.wait();
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> leftover = create_task(iterates());
        co_await until_waiters(never, 1);
        throw Boom("main");
    };
    EXPECT_EQ(ending_of([&] { run(main()); }), "main");
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(Run, RUN_06_a_leftover_spawns_tasks_while_it_is_cancelled) {
    std::atomic<int> generations{0};
    struct Family {
        static Coro<void> member(Event& never, std::atomic<int>& generations) {
            const std::string stopped = co_await ending(never.wait());
            static_cast<void>(stopped);
            if (++generations < 5) {
                static_cast<void>(create_task(member(never, generations)));
            }
        }
    };
    auto main = [&]() -> Coro<int> {
        static_cast<void>(create_task(Family::member(never, generations)));
        co_await until_waiters(never, 1);
        co_return 1;
    };
    EXPECT_EQ(run(main()), 1);
    // No task is alive, see the fixture. A child cancelled before its first step ends the line early.
    EXPECT_GE(generations, 1);
    EXPECT_EQ(waiters(never), 0U);
}

TEST_P(Run, RUN_07_a_leftover_that_goes_on_for_a_while) {
    bool ended = false;
    auto goes_on = [&]() -> Coro<void> {
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError");
        for (int i = 0; i < 10; ++i) {
            co_await yield();
        }
        co_await sleep(5ms);
        ended = true;
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> leftover = create_task(goes_on());
        co_await until_parked(leftover);
    };
    run(main());
    EXPECT_TRUE(ended);
}

TEST_P(Run, RUN_08_main_cancels_itself) {
    auto main = [&]() -> Coro<void> {
        current_task().cancel("myself");
        co_await never.wait();
    };
    EXPECT_EQ(ending_of([&] { run(main()); }), "CancelledError: myself");
}

TEST_P(Run, RUN_09_RUN_10_tasks_live_on_between_runs) {
    Task<void> lives_on;
    Event go;
    std::atomic<int> steps{0};
    auto worker = [&]() -> Coro<void> {
        ++steps;
        co_await go.wait();
        ++steps;
        co_await never.wait();
    };
    {
        Runtime runtime(options());
        auto first = [&]() -> Coro<void> {
            lives_on = create_task(worker());
            co_await until_waiters(go, 1);
        };
        runtime.run(first());
        EXPECT_FALSE(lives_on.done());
        auto second = [&]() -> Coro<void> {
            EXPECT_EQ(steps, 1);
            EXPECT_EQ(all_tasks().size(), 2U);
            go.set();
            co_await until_waiters(never, 1);
            EXPECT_EQ(steps, 2);
        };
        runtime.run(second());
        EXPECT_FALSE(lives_on.done());
    }
    EXPECT_TRUE(lives_on.cancelled());
    lives_on = {};
}

TEST_P(Run, RUN_10_tasks_go_on_in_between) {
    Runtime runtime(options());
    Event go;
    auto worker = [&]() -> Coro<int> {
        co_await go.wait();
        co_await yield();
        co_return 4;
    };
    Task<int> task;
    auto main = [&]() -> Coro<void> {
        task = create_task(worker());
        co_return;
    };
    runtime.run(main());
    go.set();
    EXPECT_EQ(task.result_blocking(), 4);  // though nobody is in run()
    task = {};
}

TEST_P(Run, RUN_11_shutdown_twice_and_use_after_it) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    Runtime runtime(options());
    auto main = []() -> Coro<int> { co_return 1; };
    EXPECT_EQ(runtime.run(main()), 1);
    runtime.shutdown();
    runtime.shutdown();
    EXPECT_EQ(ending_of([&] { return runtime.run(body(Probe(counts))); }),
              "cannot schedule new tasks after shutdown");
    EXPECT_EQ(ending_of([&] { return runtime.spawn(body(Probe(counts))); }),
              "cannot schedule new tasks after shutdown");
    EXPECT_EQ(counts.constructed, 2);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(Run, RUN_12_any_awaitable) {
    Lock lock;
    Event event;
    event.set();
    heddle::run(lock.acquire(), options());
    EXPECT_TRUE(lock.locked());
    lock.release();
    EXPECT_TRUE(heddle::run(event.wait(), options()));
    heddle::run(sleep(1ms), options());
    auto give = [](int value) -> Coro<int> { co_return value; };
    EXPECT_EQ(heddle::run(gather(give(1), give(2)), options()), std::tuple(1, 2));
    Runtime runtime(options());
    runtime.run(yield());
    const Task<int> task = runtime.spawn(give(3));
    EXPECT_EQ(runtime.run(task), 3);
    EXPECT_EQ(runtime.run(runtime.spawn(give(4))), 4);
}

TEST_P(Run, RUN_17_a_function_on_a_thread_ends_first) {
    std::atomic<bool> started{false};
    std::atomic<bool> main_over{false};
    std::atomic<bool> ended{false};
    auto function = [&] {
        started = true;
        until_blocking([&] { return main_over.load(); });
        ended = true;
    };
    auto calls = [&]() -> Coro<void> { co_await to_thread(function); };
    auto main = [&]() -> Coro<int> {
        const Task<void> leftover = create_task(calls());
        auto under_way = [&] { return started.load(); };
        co_await until(under_way);
        main_over = true;
        co_return 1;
    };
    EXPECT_EQ(run(main()), 1);
    EXPECT_TRUE(ended);
}

TEST_P(Run, RUN_18_one_after_the_other) {
    auto main = [](int i) -> Coro<int> {
        co_await yield();
        EXPECT_EQ(all_tasks().size(), 1U);
        co_return i;
    };
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(run(main(i)), i);
    }
}

TEST_P(Run, RUN_18_in_several_threads_at_once) {
    constexpr int n = 4;
    std::atomic<int> inside{0};
    std::vector<std::thread> threads;
    std::atomic<int> sum{0};
    for (int i = 0; i < n; ++i) {
        threads.emplace_back([&, i] {
            auto main = [&]() -> Coro<int> {
                ++inside;
                auto all_inside = [&] { return inside == n; };
                co_await until(all_inside);
                EXPECT_EQ(all_tasks().size(), 1U);  // each sees its own
                co_return i;
            };
            sum += run(main());
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(sum, n * (n - 1) / 2);
}

}  // namespace
}  // namespace heddle::test
