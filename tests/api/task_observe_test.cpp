#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Learning of a task's end without awaiting it: callbacks, blocking threads, and the exception handler.

namespace heddle::test {
namespace {

class TaskObserve : public OverWorkers {
protected:
    Event go;
    Coro<int> give_on_go() {
        co_await go.wait();
        co_return 5;
    }
    static Coro<int> give(int value) { co_return value; }
    static Coro<int> fail(std::string text) {
        co_await yield();
        throw Boom(text);
    }
};
HEDDLE_OVER_WORKERS(TaskObserve);

TEST_P(TaskObserve, CallbacksRunOnceAfterTheEndInOrder) {
    std::vector<int> order;  // no lock: callbacks of one task run one after the other
    run([&]() -> Coro<void> {
        const Task<int> task = create_task(give_on_go());
        Event last_ran;
        for (int i = 0; i < 10; ++i) {
            task.add_done_callback([&, i](const Task<int>& done) {
                EXPECT_TRUE(done.done());
                EXPECT_EQ(done.result(), 5);
                order.push_back(i);
            });
        }
        task.add_done_callback([&] { last_ran.set(); });
        co_await until_waiters(go, 1);
        EXPECT_TRUE(order.empty());
        go.set();
        co_await last_ran.wait();
        EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    });
    EXPECT_EQ(order.size(), 10U);
}

TEST_P(TaskObserve, ACallbackForATaskThatIsDoneRunsSoonButNotInsideTheCall) {
    run([&]() -> Coro<void> {
        const Task<int> task = create_task(give(5));
        co_await task;
        for (int i = 0; i < 100; ++i) {
            std::atomic<int> on_this_thread_inside{0};
            std::atomic<bool> registering{true};
            Event ran;
            const auto me = std::this_thread::get_id();
            task.add_done_callback([&] {
                on_this_thread_inside += registering && std::this_thread::get_id() == me ? 1 : 0;
                ran.set();
            });
            registering = false;
            co_await ran.wait();
            EXPECT_EQ(on_this_thread_inside, 0);
        }
    });
}

TEST_P(TaskObserve, CallbacksRunOnAWorkerOfTheTasksRuntime) {
    Runtime runtime(options());
    const Task<int> task = runtime.spawn(give_on_go());
    Event ran;
    const auto this_thread = std::this_thread::get_id();
    task.add_done_callback([&] {
        EXPECT_NE(std::this_thread::get_id(), this_thread);
        EXPECT_EQ(&Runtime::current(), &runtime);
        EXPECT_TRUE(current_task());
        ran.set();
    });
    go.set();
    ran.wait_blocking();
    ran.clear();
    task.add_done_callback([&] {
        EXPECT_NE(std::this_thread::get_id(), this_thread);
        EXPECT_EQ(&Runtime::current(), &runtime);
        ran.set();
    });
    ran.wait_blocking();
}

TEST_P(TaskObserve, CallbacksOfTasksThatFailOrAreCancelled) {
    run([&]() -> Coro<void> {
        Event ran;
        const Task<int> failed = create_task(fail("seen by the callback"));
        failed.add_done_callback([&](const Task<int>& done) {
            EXPECT_EQ(describe(done.exception()), "seen by the callback");
            ran.set();
        });
        co_await ran.wait();
        ran.clear();
        const Task<int> cancelled = create_task(give_on_go());
        cancelled.add_done_callback([&](const Task<int>& done) {
            EXPECT_TRUE(done.cancelled());
            ran.set();
        });
        cancelled.cancel();
        co_await ran.wait();
    });
}

TEST_P(TaskObserve, CallbacksMayBeMoveOnly) {
    run([&]() -> Coro<void> {
        const Task<int> task = create_task(give(1));
        Event ran;
        auto owned = std::make_unique<int>(3);
        task.add_done_callback([&ran, owned = std::move(owned)](const Task<void>& done) {
            EXPECT_TRUE(done.done());
            EXPECT_EQ(*owned, 3);
            ran.set();
        });
        co_await ran.wait();
    });
}

TEST_P(TaskObserve, AnErrorInACallbackIsReportedAndTheOthersRun) {
    run([&]() -> Coro<void> {
        const Task<int> task = create_task(give_on_go());
        Event ran;
        task.add_done_callback([] { throw Boom("in the callback"); });
        task.add_done_callback([&] { ran.set(); });
        go.set();
        co_await ran.wait();
        const int value = co_await task;
        EXPECT_EQ(value, 5);
    });
    EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in done callback"});
}

TEST_P(TaskObserve, CallbacksAddedWhileTheTaskEnds) {
    for (int round = 0; round < 100; ++round) {
        Runtime runtime(options());
        std::atomic<int> ran{0};
        std::atomic<bool> start{false};
        auto body = [&]() -> Coro<int> {
            start = true;
            co_return 1;
        };
        const Task<int> task = runtime.spawn(body());
        std::thread other([&] {
            until_blocking([&] { return start.load(); });
            task.add_done_callback([&] { ++ran; });
        });
        task.add_done_callback([&] { ++ran; });
        task.wait_blocking();
        other.join();
        until_blocking([&] { return ran == 2; });
        runtime.shutdown();
        EXPECT_EQ(ran, 2);
    }
}

TEST_P(TaskObserve, BlockingOnPlainThreads) {
    Runtime runtime(options());
    const Task<int> task = runtime.spawn(give_on_go());
    std::atomic<int> sum{0};
    std::vector<std::unique_ptr<BlockingThread>> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.push_back(std::make_unique<BlockingThread>([&] { sum += task.result_blocking(); }));
    }
    until_blocking(
        [&] { return std::ranges::all_of(threads, [](const auto& thread) { return thread->parked(); }); });
    EXPECT_FALSE(task.done());
    go.set();
    task.wait_blocking();
    EXPECT_TRUE(task.done());
    threads.clear();
    EXPECT_EQ(sum, 20);
    EXPECT_EQ(task.result_blocking(), 5);  // done: no wait
}

TEST_P(TaskObserve, BlockingGivesErrorsAndMoveOnlyResults) {
    Runtime runtime(options());
    const Task<int> failed = runtime.spawn(fail("of the task"));
    failed.wait_blocking();  // only waits
    EXPECT_EQ(ending_of([&] { return failed.result_blocking(); }), "of the task");
    const Task<int> cancelled = runtime.spawn(give_on_go());
    cancelled.cancel();
    EXPECT_EQ(ending_of([&] { return cancelled.result_blocking(); }), "CancelledError");
    auto make = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(9); };
    const Task<std::unique_ptr<int>> owner = runtime.spawn(make());
    const std::unique_ptr<int> owned = owner.result_blocking();
    EXPECT_EQ(*owned, 9);
}

TEST_P(TaskObserve, BlockingIsRefusedOnAWorker) {
    run([&]() -> Coro<void> {
        const Task<int> done = create_task(give(1));
        co_await done;
        const Task<int> running = create_task(give_on_go());
        for (const Task<int>& task : {done, running}) {
            int refused = 0;
            try {
                task.wait_blocking();
            } catch (const std::runtime_error&) {
                ++refused;
            }
            try {
                static_cast<void>(task.result_blocking());
            } catch (const std::runtime_error&) {
                ++refused;
            }
            EXPECT_EQ(refused, 2);
        }
        go.set();
        co_await running;
    });
}

TEST_P(TaskObserve, TheHandlerGetsContextAndError) {
    std::mutex lock;
    std::vector<std::string> seen;
    RuntimeOptions with_handler;
    with_handler.workers = workers();
    with_handler.exception_handler = [&](const std::string& context, const std::exception_ptr& error) {
        const std::lock_guard hold(lock);
        seen.push_back(context + " / " + describe(error));
    };
    auto main = [&]() -> Coro<void> {
        const Task<int> task = create_task(fail("nobody looks"), {.name = "careless"});
        auto ended = [&] { return task.done(); };
        co_await until(ended);
    };
    heddle::run(main(), with_handler);
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_NE(seen[0].find("never retrieved"), std::string::npos) << seen[0];
    EXPECT_NE(seen[0].find("careless"), std::string::npos) << seen[0];
    EXPECT_NE(seen[0].find(" / nobody looks"), std::string::npos) << seen[0];
}

TEST_P(TaskObserve, WithoutAHandlerOneLineGoesToStderr) {
    auto main = [&]() -> Coro<void> {
        const Task<int> task = create_task(fail("nobody looks"), {.name = "careless"});
        auto ended = [&] { return task.done(); };
        co_await until(ended);
    };
    testing::internal::CaptureStderr();
    heddle::run(main(), {.workers = workers()});
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
    EXPECT_NE(text.find("careless"), std::string::npos) << text;
    EXPECT_NE(text.find("nobody looks"), std::string::npos) << text;
}

TEST_P(TaskObserve, AHandleThatGoesAfterTheRuntimeStillReports) {
    Task<int> task;
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = workers()});
        task = runtime.spawn(fail("nobody looks"));
        task.wait_blocking();
    }
    task = {};
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("nobody looks"), std::string::npos) << text;
}

TEST_P(TaskObserve, ACallbackCanBeTakenBack) {
    std::atomic<int> ran{0};
    auto body = [&]() -> Coro<void> { static_cast<void>(co_await go.wait()); };
    run([&]() -> Coro<void> {
        const Task<void> task = create_task(body());
        const Task<void> other = create_task(body());
        const CallbackHandle first = task.add_done_callback([&] { ran += 1; });
        const CallbackHandle second = task.add_done_callback([&](const Task<void>&) { ran += 10; });
        EXPECT_FALSE(other.remove_done_callback(first));
        EXPECT_TRUE(task.remove_done_callback(first));
        EXPECT_FALSE(task.remove_done_callback(first));
        EXPECT_FALSE(task.remove_done_callback(CallbackHandle()));
        Event last;
        task.add_done_callback([&] { last.set(); });
        go.set();
        static_cast<void>(co_await last.wait());
        co_await other;
        EXPECT_FALSE(task.remove_done_callback(second));
    });
    EXPECT_EQ(ran, 10);
}

}  // namespace
}  // namespace heddle::test
