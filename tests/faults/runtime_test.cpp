#include "faults/each_point.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Runtimes, and what foreign threads do with them, while memory runs out.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class FaultsRuntime : public Faults {};
HEDDLE_OVER_FAULTS(FaultsRuntime);

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
                Task<int> task = run_coroutine_threadsafe(give(5), runtime);
                const int n = task.result_blocking();
                Task<void> cancelled = runtime.spawn(forever(), {.name = "this name is no short string"});
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

/// Woken from outside while their worker is busy: more than its queue has room for.
struct WokenFromOutside : Scenario {
    Event event;
    Coro<void> wait() { static_cast<void>(co_await event.wait()); }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 100; ++i) {
                static_cast<void>(group.create_task(wait()));
            }
            co_await yield();
        };
        co_await task_group(std::move(body));
    }
    void on_thread(Runtime& runtime) override {
        Task<void> task;
        {
            const Unfailing only_waking_is_the_point;
            task = runtime.spawn(act());
        }
        for (int i = 0; i < 100; ++i) {
            std::this_thread::yield();
        }
        event.set();
        task.result_blocking();
    }
};
TEST_P(FaultsRuntime, WokenFromOutside) { fail_each<WokenFromOutside>(); }

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
