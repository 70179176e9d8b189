#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Handles and results. Callbacks, reports and blocking are in task_observe_test.cpp, sizes in
// task_scale_test.cpp.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class TaskApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(TaskApi);

static_assert(std::is_copy_constructible_v<Task<int>> && std::is_nothrow_move_constructible_v<Task<int>>);
static_assert(std::is_nothrow_default_constructible_v<Task<>>);
static_assert(std::is_convertible_v<Task<int>, Task<void>> && !std::is_convertible_v<Task<void>, Task<int>>);
static_assert(std::is_same_v<decltype(std::declval<const Task<int>&>().result()), const int&>);

TEST_P(TaskApi, HandlesMayBeNullAndAreCheapToCopy) {
    const Task<int> null;
    EXPECT_FALSE(null);
    EXPECT_EQ(null, Task<int>());
    run([&]() -> Coro<void> {
        auto give = []() -> Coro<int> { co_return 1; };
        const Task<int> task = create_task(give());
        EXPECT_TRUE(task);
        Task<int> copy = task;
        EXPECT_EQ(copy, task);
        const Task<int> moved = std::move(copy);
        EXPECT_EQ(moved, task);
        EXPECT_FALSE(copy);  // NOLINT(bugprone-use-after-move): a handle that was moved from is null
        const Task<void> general = task;
        EXPECT_EQ(general, Task<void>(moved));
        co_await general;
        EXPECT_EQ(task.result(), 1);
        const Task<int> other = create_task(give());
        EXPECT_NE(other, task);
        co_await other;
    });
}

TEST_P(TaskApi, ResultsOfAllKinds) {
    int number = 3;
    auto of_void = []() -> Coro<void> { co_return; };
    auto of_move_only = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto of_reference = [&]() -> Coro<int&> { co_return number; };
    auto of_big = []() -> Coro<std::vector<std::string>> { co_return std::vector<std::string>(100, "text"); };
    run([&]() -> Coro<void> {
        const Task<void> nothing = create_task(of_void());
        co_await nothing;
        nothing.result();

        const Task<std::unique_ptr<int>> looked_at = create_task(of_move_only());
        const std::unique_ptr<int>& seen = co_await looked_at;
        EXPECT_EQ(*seen, 7);
        EXPECT_EQ(*looked_at.result(), 7);
        Task<std::unique_ptr<int>> taken = create_task(of_move_only());
        const std::unique_ptr<int> owned = co_await std::move(taken);
        EXPECT_EQ(*owned, 7);

        const Task<int&> reference = create_task(of_reference());
        const int& same = co_await reference;
        EXPECT_EQ(&same, &number);
        EXPECT_EQ(&reference.result(), &number);

        const Task<std::vector<std::string>> big = create_task(of_big());
        const std::vector<std::string>& strings = co_await big;
        EXPECT_EQ(strings.size(), 100U);
        EXPECT_EQ(&strings, &big.result());
    });
}

TEST_P(TaskApi, AnLvalueSharesTheResultAndARvalueTakesIt) {
    ProbeCounts counts;
    auto make = [&]() -> Coro<Probe> { co_return Probe(counts, 4); };
    run([&]() -> Coro<void> {
        const Task<Probe> shared = create_task(make());
        const Probe& first = co_await shared;
        const Probe& second = co_await shared;
        EXPECT_EQ(&first, &second);
        EXPECT_EQ(counts.copied, 0);

        Task<Probe> only = create_task(make());
        const Probe taken = co_await std::move(only);
        EXPECT_EQ(taken.value(), 4);
        EXPECT_EQ(counts.copied, 0);

        Task<Probe> one = create_task(make());
        const Task<Probe> another = one;
        const Probe copied = co_await std::move(one);
        EXPECT_EQ(copied.value(), 4);
        EXPECT_EQ(another.result().value(), 4);  // not moved away under the other handle
        EXPECT_EQ(counts.copied, 1);
    });
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskApi, ExceptionsPropagate) {
    auto fails = []() -> Coro<std::unique_ptr<int>> {
        co_await yield();
        throw Boom("of the task");
    };
    auto throws_int = []() -> Coro<void> {
        throw 42;
        co_return;
    };
    run([&]() -> Coro<void> {
        const Task<std::unique_ptr<int>> task = create_task(fails());
        for (int i = 0; i < 2; ++i) {
            const std::string end = co_await ending(task);
            EXPECT_EQ(end, "of the task");
        }
        EXPECT_EQ(describe(task.exception()), "of the task");
        const Task<void> other = create_task(throws_int());
        const std::string end = co_await ending(other);
        EXPECT_EQ(end, "something else");
        EXPECT_NE(other.exception(), nullptr);
    });
}

TEST_P(TaskApi, AnyAwaitableMayBecomeATask) {
    run([]() -> Coro<void> {
        Event event;
        Lock lock;
        const Task<bool> waits = create_task(event.wait());
        const Task<void> takes = create_task(lock.acquire());
        const Task<void> sleeps = create_task(sleep(1ms));
        auto give = [](int i) -> Coro<int> { co_return i; };
        const Task<std::tuple<int, int>> both = create_task(gather(give(1), give(2)));
        const Task<int> inner = create_task(give(3));
        const Task<int> joins = create_task(inner);
        co_await takes;
        EXPECT_TRUE(lock.locked());
        lock.release();
        event.set();
        const bool woken = co_await waits;
        EXPECT_TRUE(woken);
        co_await sleeps;
        const std::tuple<int, int>& results = co_await both;
        EXPECT_EQ(results, std::tuple(1, 2));
        const int value = co_await joins;
        EXPECT_EQ(value, 3);
    });
}

TEST_P(TaskApi, Names) {
    run([]() -> Coro<void> {
        auto tells = []() -> Coro<std::string> { co_return current_task().name(); };
        const Task<std::string> named = create_task(tells(), {.name = "given"});
        const std::string& seen = co_await named;
        EXPECT_EQ(seen, "given");
        named.set_name("changed after the end");
        EXPECT_EQ(named.name(), "changed after the end");

        const Task<std::string> unnamed = create_task(tells());
        const std::string name = unnamed.name();
        EXPECT_EQ(name.rfind("Task-", 0), 0U) << name;
        EXPECT_EQ(unnamed.name(), name);
        co_await unnamed;
        EXPECT_EQ(unnamed.result(), name);
        current_task().set_name("main");
        EXPECT_EQ(current_task().name(), "main");
    });
}

TEST_P(TaskApi, StatesOfATask) {
    run([]() -> Coro<void> {
        Event go;
        auto waits = [&]() -> Coro<int> {
            co_await go.wait();
            co_return 2;
        };
        const Task<int> task = create_task(waits());
        EXPECT_FALSE(task.done());
        EXPECT_FALSE(task.cancelled());
        EXPECT_EQ(ending_of(task), "Result is not set.");
        EXPECT_EQ(ending_of([&] { return task.exception(); }), "Exception is not set.");
        go.set();
        co_await task;
        EXPECT_TRUE(task.done());
        EXPECT_FALSE(task.cancelled());
        EXPECT_EQ(task.exception(), nullptr);
    });
}

TEST_P(TaskApi, HandlesOutliveTheirRuntime) {
    Task<std::string> good;
    Task<std::string> bad;
    Task<std::string> cancelled;
    Event never;
    run([&]() -> Coro<void> {
        auto give = []() -> Coro<std::string> { co_return "still there"; };
        auto fail = []() -> Coro<std::string> {
            throw Boom("still there");
            co_return "";
        };
        auto waits = [&]() -> Coro<std::string> {
            co_await never.wait();
            co_return "";
        };
        good = create_task(give(), {.name = "good"});
        bad = create_task(fail());
        cancelled = create_task(waits());
        auto both_done = [&] { return good.done() && bad.done(); };
        co_await until(both_done);
        co_await until_parked(cancelled);
    });
    EXPECT_EQ(good.result(), "still there");
    EXPECT_EQ(good.result_blocking(), "still there");
    EXPECT_EQ(good.name(), "good");
    EXPECT_EQ(ending_of(bad), "still there");
    EXPECT_EQ(ending_of(cancelled), "CancelledError");
    EXPECT_FALSE(good.cancel());
    good = bad = cancelled = {};
}

TEST_P(TaskApi, LocalsAreGoneBeforeTheAwaiterGoesOn) {
    ProbeCounts counts;
    auto body = [&](Probe probe) -> Coro<int> {
        const Probe local(counts);
        co_await yield();
        co_return probe.value();
    };
    run([&]() -> Coro<void> {
        for (int i = 0; i < 100; ++i) {
            const Task<int> task = create_task(body(Probe(counts, i)));
            const int value = co_await task;
            EXPECT_EQ(value, i);
            EXPECT_EQ(counts.alive, 0);
        }
    });
}

}  // namespace
}  // namespace heddle::test
