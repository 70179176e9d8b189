#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

// RuntimeOptions, and shutdown() with a deadline. Names of workers and affinity: runtime_test.cpp; SIGINT
// itself: semantics/run_sigint_test.cpp; the exception handler: task_observe_test.cpp.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class RuntimeOptionsApi : public OverWorkers {
protected:
    Event never;
    Event go;
    /// Ends when `go` is set, whatever is asked of it before.
    Coro<void> stubborn() {
        const std::string how = co_await ending(never.wait());
        EXPECT_EQ(how, "CancelledError");
        for (bool waiting = true; waiting;) {
            const std::string next = co_await ending(go.wait());
            waiting = next != "value";
        }
    }
    Coro<void> sleeper() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(RuntimeOptionsApi);

TEST(RuntimeOptionsDefaults, AreWhatTheHeaderSays) {
    const RuntimeOptions options;
    EXPECT_EQ(options.workers, 0U);
    EXPECT_EQ(options.name, "heddle");
    EXPECT_EQ(options.spin_ns, -1);
    EXPECT_EQ(options.blocking_threads, 0U);
    EXPECT_TRUE(options.handle_sigint);
    EXPECT_TRUE(options.affinity.empty());
    EXPECT_FALSE(options.exception_handler);
}

TEST_P(RuntimeOptionsApi, WorkersRunAtTheSameTime) {
    std::atomic<unsigned> met{0};
    auto meets = [&]() -> Coro<void> {
        ++met;
        until_blocking([&] { return met == workers(); });  // each keeps its worker
        co_return;
    };
    Runtime runtime(options());
    EXPECT_EQ(runtime.workers(), workers());
    std::vector<Task<void>> tasks;
    for (unsigned i = 0; i < workers(); ++i) {
        tasks.push_back(runtime.spawn(meets()));
        until_blocking([&] { return met == i + 1; });
    }
    for (const Task<void>& task : tasks) {
        task.wait_blocking();
    }
}

TEST_P(RuntimeOptionsApi, BlockingThreadsAreAnUpperBound) {
    RuntimeOptions bounded = options();
    bounded.blocking_threads = 3;
    std::atomic<unsigned> inside{0};
    std::atomic<unsigned> most{0};
    auto function = [&] {
        const unsigned now = ++inside;
        EXPECT_LE(now, 3U);
        unsigned seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        until_blocking([&] { return most == 3; });  // the bound is reached
        --inside;
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> calls;
        for (int i = 0; i < 12; ++i) {
            calls.push_back(create_task(to_thread(function)));
        }
        co_await settle_all(calls);
    };
    heddle::run(main(), bounded);
    EXPECT_EQ(most, 3U);
}

TEST_P(RuntimeOptionsApi, TheThreadsOfThePoolHaveTheName) {
    RuntimeOptions named = options();
    named.name = "loom";
    auto name = [] {
        std::array<char, 16> text{};
        pthread_getname_np(pthread_self(), text.data(), text.size());
        return std::string(text.data());
    };
    auto main = [&]() -> Coro<std::string> {
        std::string mine = co_await to_thread(name);
        co_return mine;
    };
    EXPECT_EQ(heddle::run(main(), named).rfind("loom", 0), 0U);
}

TEST_P(RuntimeOptionsApi, AnyTimeToSpinWorks) {
    for (const std::int64_t spin : {-1L, 0L, 1000L, 1'000'000L}) {
        RuntimeOptions spinning = options();
        spinning.spin_ns = spin;
        Runtime runtime(spinning);
        auto gives = [](int i) -> Coro<int> {
            co_await sleep(100us);
            co_return i;
        };
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(runtime.spawn(gives(i)).result_blocking(), i);
        }
    }
}

TEST(RuntimeOptionsSigint, IsLeftAloneIfNotWanted) {
    for (const bool wanted : {true, false}) {
        RuntimeOptions options;
        options.workers = 1;
        options.handle_sigint = wanted;
        bool ours = false;
        auto main = [&]() -> Coro<void> {
            struct sigaction now{};
            sigaction(SIGINT, nullptr, &now);
            ours = now.sa_handler != SIG_DFL;
            co_return;
        };
        run(main(), options);
        EXPECT_EQ(ours, wanted);
        struct sigaction after{};
        sigaction(SIGINT, nullptr, &after);
        EXPECT_EQ(after.sa_handler, SIG_DFL) << "put back";
    }
}

TEST_P(RuntimeOptionsApi, ShutdownWithADeadlineThatIsKept) {
    Runtime runtime(options());
    const Task<void> one = runtime.spawn(sleeper());
    const Task<void> two = runtime.spawn(sleeper());
    until_waiters_blocking(never, 2);
    EXPECT_EQ(runtime.shutdown(1h), std::vector<std::string>());
    EXPECT_TRUE(one.cancelled() && two.cancelled());
    EXPECT_EQ(ending_of([&] { runtime.spawn(sleeper()); }), "cannot schedule new tasks after shutdown");
    EXPECT_EQ(runtime.shutdown(0s), std::vector<std::string>());  // and again
    runtime.shutdown();
}

TEST_P(RuntimeOptionsApi, ShutdownWithADeadlineThatPasses) {
    Runtime runtime(options());
    const Task<void> keeps_on = runtime.spawn(stubborn(), {.name = "stubborn"});
    const Task<void> gives_up = runtime.spawn(sleeper(), {.name = "weak"});
    until_waiters_blocking(never, 2);
    const Clock::time_point before = Clock::now();
    EXPECT_EQ(runtime.shutdown(20ms), std::vector<std::string>{"stubborn"});
    EXPECT_GE(Clock::now() - before, 20ms);
    EXPECT_TRUE(gives_up.cancelled());
    EXPECT_FALSE(keeps_on.done());
    const std::vector<std::string> reports = take_reports();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("stubborn"), std::string::npos) << reports[0];
    // The workers go on, but nothing new is taken.
    EXPECT_EQ(ending_of([&] { runtime.spawn(sleeper()); }), "cannot schedule new tasks after shutdown");
    go.set();
    keeps_on.wait_blocking();
    EXPECT_FALSE(keeps_on.cancelled());
    EXPECT_EQ(runtime.shutdown(1h), std::vector<std::string>());
}

TEST_P(RuntimeOptionsApi, ShutdownWithADeadlineOfZero) {
    Runtime runtime(options());
    const Task<void> task = runtime.spawn(stubborn(), {.name = "stubborn"});
    until_waiters_blocking(never, 1);
    EXPECT_EQ(runtime.shutdown(0s), std::vector<std::string>{"stubborn"});
    EXPECT_EQ(take_reports().size(), 1U);
    // It has been asked to stop all the same, and the destructor waits for it.
    until_waiters_blocking(go, 1);
    go.set();
}

TEST_P(RuntimeOptionsApi, TheDestructorWaitsForWhatADeadlineLeft) {
    std::atomic<bool> ended{false};
    auto late = [&]() -> Coro<void> {
        co_await stubborn();
        ended = true;
    };
    std::thread opens;
    {
        Runtime runtime(options());
        static_cast<void>(runtime.spawn(late(), {.name = "late"}));
        until_waiters_blocking(never, 1);
        EXPECT_EQ(runtime.shutdown(1ms), std::vector<std::string>{"late"});
        opens = std::thread([&] {
            until_waiters_blocking(go, 1);
            go.set();
        });
    }
    EXPECT_TRUE(ended);
    opens.join();
    EXPECT_EQ(take_reports().size(), 1U);
}

TEST_P(RuntimeOptionsApi, ShutdownWithADeadlineIsRefusedOnAWorker) {
    Runtime runtime(options());
    auto main = [&]() -> Coro<void> {
        EXPECT_EQ(ending_of([&] { return runtime.shutdown(1ms); }),
                  "Runtime.shutdown() cannot be called from a running event loop");
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    runtime.run(main());
}

TEST_P(RuntimeOptionsApi, ATaskThatDidNotEndMayStillUseThePool) {
    Runtime runtime(options());
    std::atomic<int> called{0};
    auto function = [&] { ++called; };
    auto body = [&]() -> Coro<void> {
        co_await stubborn();
        co_await to_thread(function);
    };
    const Task<void> task = runtime.spawn(body(), {.name = "stubborn"});
    until_waiters_blocking(never, 1);
    EXPECT_EQ(runtime.shutdown(0s).size(), 1U);
    EXPECT_EQ(take_reports().size(), 1U);
    until_waiters_blocking(go, 1);
    go.set();
    task.wait_blocking();
    EXPECT_EQ(ending_of(task), "value");
    EXPECT_EQ(called, 1);
}

TEST_P(RuntimeOptionsApi, SeveralThreadsShutDownAtOnce) {
    for (int round = 0; round < 20; ++round) {
        ProbeCounts counts;
        Runtime runtime(options());
        auto body = [&](Probe probe) -> Coro<int> {
            co_await never.wait();
            co_return probe.value();
        };
        for (int i = 0; i < 5; ++i) {
            static_cast<void>(runtime.spawn(body(Probe(counts))));
        }
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&, i] {
                if (i == 0) {
                    EXPECT_TRUE(runtime.shutdown(1h).empty());
                } else {
                    runtime.shutdown();
                }
                EXPECT_EQ(counts.alive, 0) << "each returns when all is over";
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
}

}  // namespace
}  // namespace heddle::test
