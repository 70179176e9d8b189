#include "faults.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/barrier.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

// The system has no more threads for us.

namespace heddle::test {
namespace {

/// Of this process, as the kernel sees them: a thread that was joined may be listed a moment longer.
std::ptrdiff_t threads_now() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         std::filesystem::directory_iterator());
}

class ThreadCreation : public OverWorkers {
protected:
    static int forty_two() { return 42; }
};
HEDDLE_OVER_WORKERS(ThreadCreation);

TEST_P(ThreadCreation, a_runtime_that_gets_too_few_is_not_made_and_leaves_nothing) {
    const std::ptrdiff_t before = threads_now();
    for (unsigned k = 0; k < workers(); ++k) {
        {
            const ThreadLimit limit(static_cast<int>(k));
            try {
                const Runtime runtime(options());
                ADD_FAILURE() << "made with " << k << " threads";
            } catch (const std::system_error& error) {
                EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
                const std::string what = error.what();
                const std::string worker =
                    "worker " + std::to_string(k + 1) + " of " + std::to_string(workers());
                EXPECT_NE(what.find(worker), std::string::npos) << what;
            }
            EXPECT_EQ(ThreadLimit::refused(), 1);
        }
        until_blocking([&] { return threads_now() == before; });
        auto works = []() -> Coro<int> {
            co_await yield();
            co_return forty_two();
        };
        EXPECT_EQ(run(works()), 42);
    }
}

TEST_P(ThreadCreation, run_does_not_start_its_main) {
    std::atomic<bool> started{false};
    auto main = [&]() -> Coro<void> {
        started = true;
        co_return;
    };
    const ThreadLimit limit(0);
    EXPECT_THROW(run(main()), std::system_error);
    EXPECT_FALSE(started);
}

TEST_P(ThreadCreation, to_thread_without_any_thread_throws_at_the_call) {
    Runtime runtime(options());
    auto counted = [](std::atomic<int>& calls) { return ++calls; };
    std::atomic<int> calls{0};
    auto asks = [&]() -> Coro<int> { co_return co_await to_thread(counted, std::ref(calls)); };
    {
        const ThreadLimit limit(0);
        for (int i = 0; i < 3; ++i) {
            const Task<int> task = runtime.spawn(asks());
            EXPECT_THROW(task.result_blocking(), std::system_error);
        }
        EXPECT_EQ(ThreadLimit::refused(), 3);
        EXPECT_EQ(calls, 0);
    }
    EXPECT_EQ(runtime.spawn(asks()).result_blocking(), 1);  // nothing was left queued
}

TEST_P(ThreadCreation, to_thread_waits_for_a_thread_that_is_there) {
    Runtime runtime(options());
    Event go;
    std::atomic<bool> blocked{false};
    auto blocks = [&] {
        blocked = true;
        go.wait_blocking();
        return 1;
    };
    auto asks_to_block = [&]() -> Coro<int> { co_return co_await to_thread(blocks); };
    auto asks = []() -> Coro<int> { co_return co_await to_thread(forty_two); };
    const Task<int> first = runtime.spawn(asks_to_block());
    until_blocking([&] { return blocked.load(); });
    const ThreadLimit limit(0);
    std::vector<Task<int>> others;
    for (int i = 0; i < 5; ++i) {
        others.push_back(runtime.spawn(asks()));
    }
    until_blocking([&] { return ThreadLimit::refused() == 5; });
    for (const Task<int>& task : others) {
        until_parked_blocking(task);
    }
    go.set();
    EXPECT_EQ(first.result_blocking(), 1);
    for (const Task<int>& task : others) {
        EXPECT_EQ(task.result_blocking(), 42);
    }
}

TEST_P(ThreadCreation, to_thread_grows_again_when_there_are_threads) {
    Runtime runtime(options());
    Barrier both(2);
    auto meets = [&] { return both.wait_blocking(); };
    auto asks = [&]() -> Coro<int> { co_return co_await to_thread(meets); };
    std::vector<Task<int>> tasks;
    {
        const ThreadLimit limit(1);
        tasks.push_back(runtime.spawn(asks()));
        until_blocking([&] { return both.n_waiting() == 1; });
        auto more = []() -> Coro<int> { co_return co_await to_thread(forty_two); };
        tasks.push_back(runtime.spawn(more()));
        until_blocking([&] { return ThreadLimit::refused() == 1; });
    }
    // Needs a second thread: it is made now, for the job that waits and for this one.
    tasks.push_back(runtime.spawn(asks()));
    std::vector<int> results;
    for (const Task<int>& task : tasks) {
        results.push_back(task.result_blocking());
    }
    std::ranges::sort(results);
    EXPECT_EQ(results, (std::vector{0, 1, 42}));
}

}  // namespace
}  // namespace heddle::test
