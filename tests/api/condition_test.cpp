#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/condition.hpp>
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class ConditionApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(ConditionApi);

static_assert(!std::is_copy_constructible_v<Condition> && !std::is_copy_assignable_v<Condition>);
static_assert(!std::is_move_constructible_v<Condition> && !std::is_move_assignable_v<Condition>);
static_assert(std::is_default_constructible_v<Condition>);
static_assert(std::is_constructible_v<Condition, Lock&> && !std::is_convertible_v<Lock&, Condition>);
static_assert(!std::is_constructible_v<Condition, const Lock&> && !std::is_constructible_v<Condition, Lock>);
static_assert(noexcept(std::declval<Condition&>().try_acquire()));
static_assert(noexcept(std::declval<const Condition&>().locked()));

std::size_t waiting(const Condition& condition) { return detail::Inspect::parked(condition); }

/// The members it shares with Lock.
void expect_lock_members(Condition& condition) {
    EXPECT_FALSE(condition.locked());
    EXPECT_TRUE(condition.try_acquire());
    EXPECT_FALSE(condition.try_acquire());
    EXPECT_TRUE(condition.locked());
    condition.release();
    EXPECT_EQ(ending_of([&] { condition.release(); }), "Lock is not acquired.");
    condition.acquire_blocking();
    EXPECT_TRUE(condition.locked());
    condition.release();
}

TEST_P(ConditionApi, HasTheMembersOfItsLock) {
    Condition own;
    expect_lock_members(own);
    Lock lock;
    Condition given(lock);
    expect_lock_members(given);
    run([&]() -> Coro<void> {
        co_await given.acquire();
        EXPECT_TRUE(lock.locked());
        EXPECT_FALSE(own.locked());
        given.release();
        auto held = co_await given.scoped();
        EXPECT_TRUE(held.owns());
        EXPECT_TRUE(lock.locked());
        held.release();
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(ConditionApi, WaitAndNotifyWithTasks) {
    Condition condition;
    std::vector<int> log;
    auto wait = [&](int id) -> Coro<void> {
        const auto held = co_await condition.scoped();
        const bool told = co_await condition.wait();
        EXPECT_TRUE(told);
        log.push_back(id);
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 3; ++i) {
            tasks.push_back(create_task(wait(i)));
            auto is_there = [&] { return waiting(condition) == static_cast<std::size_t>(i) + 1; };
            co_await until(is_there);
        }
        for (std::size_t i = 0; i < 3; ++i) {
            {
                const auto held = co_await condition.scoped();
                condition.notify();
            }
            co_await tasks[i];
        }
        EXPECT_EQ(log, (std::vector<int>{0, 1, 2}));
    });
}

TEST_P(ConditionApi, NotifyOfManyAndOfNone) {
    Condition condition;
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        static_cast<void>(co_await condition.wait());
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 10; ++i) {
            tasks.push_back(create_task(wait()));
        }
        auto all = [&] { return waiting(condition) == 10; };
        co_await until(all);
        {
            const auto held = co_await condition.scoped();
            condition.notify(0);
            condition.notify(-3);
            EXPECT_EQ(waiting(condition), 10U);
            condition.notify(4);
            EXPECT_EQ(waiting(condition), 6U);
            condition.notify_all();
            EXPECT_EQ(waiting(condition), 0U);
        }
        co_await settle_all(tasks);
    });
}

TEST_P(ConditionApi, WithoutTheLockEverythingThrows) {
    Condition condition;
    EXPECT_EQ(ending_of([&] { condition.notify(); }), "cannot notify on un-acquired lock");
    EXPECT_EQ(ending_of([&] { condition.notify(0); }), "cannot notify on un-acquired lock");
    EXPECT_EQ(ending_of([&] { condition.notify_all(); }), "cannot notify on un-acquired lock");
    EXPECT_EQ(ending_of([&] { condition.wait_blocking(); }), "cannot wait on un-acquired lock");
    EXPECT_EQ(ending_of([&] { static_cast<void>(condition.wait()); }), "cannot wait on un-acquired lock");
    auto never = [] { return false; };
    auto wait = [&]() -> Coro<void> { static_cast<void>(co_await condition.wait_for(never)); };
    run([&]() -> Coro<void> {
        const std::string how = co_await ending(wait());
        EXPECT_EQ(how, "cannot wait on un-acquired lock");
    });
    EXPECT_FALSE(condition.locked());
    EXPECT_EQ(waiting(condition), 0U);
}

TEST_P(ConditionApi, WaitForGivesThePredicatesLastValue) {
    Condition condition;
    std::unique_ptr<int> box;
    int got = 0;
    auto wait = [&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        // A value that can be looked at as a bool and only be moved.
        auto take = [&] { return std::move(box); };
        const std::unique_ptr<int> value = co_await condition.wait_for(take);
        got = *value;
    };
    run([&]() -> Coro<void> {
        const Task<void> waiter = create_task(wait());
        auto is_there = [&] { return waiting(condition) == 1; };
        co_await until(is_there);
        {
            const auto held = co_await condition.scoped();
            box = std::make_unique<int>(42);
            condition.notify();
        }
        co_await waiter;
        EXPECT_EQ(got, 42);
    });
}

TEST_P(ConditionApi, WaitForOnATimer) {
    Condition condition;
    run([&]() -> Coro<void> {
        const auto held = co_await condition.scoped();
        auto never = [] { return false; };
        auto timed = ending(heddle::wait_for(condition.wait_for(never), std::chrono::milliseconds(2)));
        const std::string how = co_await std::move(timed);
        EXPECT_EQ(how, "TimeoutError");
        EXPECT_TRUE(condition.locked());
    });
    EXPECT_FALSE(condition.locked());
}

TEST_P(ConditionApi, WaitBlockingOnPlainThreads) {
    Condition condition;
    std::vector<int> log;
    auto wait = [&](int id) {
        condition.acquire_blocking();
        condition.wait_blocking();
        log.push_back(id);
        condition.release();
    };
    BlockingThread first([&] { wait(1); });
    until_blocking([&] { return waiting(condition) == 1 && first.parked(); });
    BlockingThread second([&] { wait(2); });
    until_blocking([&] { return waiting(condition) == 2 && second.parked(); });
    EXPECT_FALSE(condition.locked());

    condition.acquire_blocking();
    condition.notify();
    EXPECT_TRUE(log.empty());
    condition.release();
    first.join();
    EXPECT_EQ(log, std::vector<int>{1});
    EXPECT_FALSE(second.ended());

    condition.acquire_blocking();
    condition.notify_all();
    condition.release();
    second.join();
    EXPECT_EQ(log, (std::vector<int>{1, 2}));
}

TEST_P(ConditionApi, ThreadsAndTasksNotifyEachOther) {
    constexpr int turns = 200;
    Condition condition;
    int turn = 0;  // even: the task's
    auto task = [&]() -> Coro<void> {
        for (int i = 0; i < turns; i += 2) {
            const auto held = co_await condition.scoped();
            auto mine = [&] { return turn == i; };
            static_cast<void>(co_await condition.wait_for(mine));
            ++turn;
            condition.notify_all();
        }
    };
    Runtime runtime(options());
    BlockingThread thread([&] {
        for (int i = 1; i < turns; i += 2) {
            condition.acquire_blocking();
            while (turn != i) {
                condition.wait_blocking();
            }
            ++turn;
            condition.notify_all();
            condition.release();
        }
    });
    const Task<void> other = runtime.spawn(task());
    other.wait_blocking();
    thread.join();
    EXPECT_EQ(turn, turns);
}

TEST_P(ConditionApi, WaitBlockingOnAWorkerThrowsAndKeepsTheLock) {
    Condition condition;
    run([&]() -> Coro<void> {
        co_await condition.acquire();
        EXPECT_THROW(condition.wait_blocking(), std::runtime_error);
        EXPECT_TRUE(condition.locked());
        EXPECT_EQ(waiting(condition), 0U);
        condition.release();
    });
}

}  // namespace
}  // namespace heddle::test
