#include "faults/each_point.hpp"
#include "support/parked.hpp"
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Runtimes, and what foreign threads do with them, while memory runs out.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class FaultsRuntime : public Faults {};
INSTANTIATE_TEST_SUITE_P(faults, FaultsRuntime, over_faults(), fault_name);

Coro<int> give(int value) {
    co_await yield();
    co_return value;
}
Coro<void> forever() {
    Event never;
    static_cast<void>(co_await never.wait());
}

struct Started : Scenario {
    Coro<void> act() override { co_await yield(); }
    void on_thread(Runtime& runtime) override {
        RuntimeOptions options;
        options.workers = runtime.workers();
        options.name = "a name that is longer than a short string";
        Runtime another(options);
        EXPECT_EQ(another.run(give(3)), 3);
        another.shutdown();
        EXPECT_EQ(heddle::run(give(4), options), 4);
    }
};
TEST_P(FaultsRuntime, Start) { fail_each<Started>(); }

struct Spawned : Scenario {
    Coro<void> act() override { co_await yield(); }
    void on_thread(Runtime& runtime) override {
        const auto spawn_some = [&runtime] {
            std::exception_ptr error;
            try {
                const Task<int> task = run_coroutine_threadsafe(give(5), runtime);
                const int n = task.result_blocking();
                const Task<void> cancelled =
                    runtime.spawn(forever(), {.name = "this name is no short string"});
                cancelled.cancel("nor is this reason a short one");
                cancelled.wait_blocking();
                const Unfailing for_the_test;
                EXPECT_EQ(n, 5);
            } catch (...) {
                error = std::current_exception();
            }
            const Unfailing for_the_test;
            EXPECT_TRUE(error == nullptr || only_memory(error));
        };
        std::thread other;
        try {
            other = std::thread(spawn_some);
        } catch (const std::bad_alloc&) {
            return;
        }
        spawn_some();
        other.join();
    }
};
TEST_P(FaultsRuntime, ForeignThreads) { fail_each<Spawned>(); }

/// Many tasks become ready at once while every worker is busy: more than its lanes have room for.
template <bool FromOutside>
struct ManyWoken : Scenario {
    static constexpr int many = 700;
    Event event;
    std::atomic<unsigned> busy{0};
    std::atomic<bool> let_go{false};
    std::atomic<int> woken{0};
    std::atomic<int> started{0};
    std::vector<Task<void>> tasks;

    Coro<void> wait() {
        static_cast<void>(co_await event.wait());
        ++woken;
    }
    Coro<void> start() {
        ++started;
        co_return;
    }
    Coro<void> occupy_a_worker() {
        ++busy;
        until_blocking([this] { return let_go.load(); });
        if (!FromOutside) {
            event.set();
        }
        co_return;
    }
    Coro<void> act() override { co_await yield(); }
    void on_thread(Runtime& runtime) override {
        {
            const Paused only_waking_is_the_point;
            tasks.reserve(2 * static_cast<std::size_t>(many));
            for (int i = 0; i < many; ++i) {
                tasks.push_back(runtime.spawn(wait()));
            }
            until_waiters_blocking(event, many);
            for (unsigned i = 0; i < runtime.workers(); ++i) {
                tasks.push_back(runtime.spawn(occupy_a_worker()));
            }
            until_blocking([&] { return busy.load() == runtime.workers(); });
            static_cast<void>(detail::blocking_waiter("test"));
        }
        if (FromOutside) {
            event.set();
        }
        std::exception_ptr error;
        int spawned = 0;
        try {
            for (; FromOutside && spawned < many / 2; ++spawned) {
                tasks.push_back(runtime.spawn(start()));
            }
        } catch (...) {
            error = std::current_exception();
        }
        let_go = true;
        for (const Task<void>& task : tasks) {
            task.wait_blocking();
        }
        const Unfailing for_the_test;
        EXPECT_EQ(woken.load(), many);
        EXPECT_EQ(started.load(), spawned);
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    }
};
// Most of their allocations are frames and blocks like each other: some of them, and all of waking's.
template <class S>
void fail_some(unsigned workers, Failing how) {
    const std::uint64_t n = once_by_itself<S>(0, how, workers);
    for (std::uint64_t i = 1; i <= n && !testing::Test::HasFailure(); i += i < 40 ? 1 : 7) {
        once_by_itself<S>(i, how, workers);
    }
}
TEST_P(FaultsRuntime, WokenFromOutside) {
    fail_some<ManyWoken<true>>(std::get<0>(GetParam()), std::get<1>(GetParam()));
}
TEST_P(FaultsRuntime, WokenByATask) {
    fail_some<ManyWoken<false>>(std::get<0>(GetParam()), std::get<1>(GetParam()));
}

struct ShutDown : Scenario {
    Coro<void> act() override { co_await yield(); }
    Coro<void> clean_up_slowly() {
        std::exception_ptr error;
        try {
            co_await forever();
        } catch (...) {
            error = std::current_exception();
        }
        co_await give(1);
        std::rethrow_exception(error);
    }
    void on_thread(Runtime& runtime) override {
        RuntimeOptions options;
        options.workers = runtime.workers();
        options.exception_handler = [](const std::string&, const std::exception_ptr&) {};
        Runtime another(options);
        for (int i = 0; i < 5; ++i) {
            static_cast<void>(another.spawn(forever()));
            static_cast<void>(another.spawn(clean_up_slowly()));
        }
        EXPECT_TRUE(another.shutdown(60s).empty());
    }
};
TEST_P(FaultsRuntime, ShutDown) { fail_each<ShutDown>(); }

/// An error that nobody looks at is told, somehow.
struct Unretrieved : Scenario {
    Coro<void> fail() {
        co_await yield();
        throw std::bad_alloc();
    }
    Coro<void> act() override {
        static_cast<void>(create_task(fail(), {.name = "it has a name that is no short string"}));
        for (int i = 0; i < 5; ++i) {
            co_await yield();
        }
    }
};
TEST_P(FaultsRuntime, Unretrieved) { fail_each<Unretrieved>(); }

}  // namespace
}  // namespace heddle::test
