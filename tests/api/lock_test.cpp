#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class LockApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(LockApi);

static_assert(!std::is_copy_constructible_v<Lock> && !std::is_copy_assignable_v<Lock>);
static_assert(!std::is_move_constructible_v<Lock> && !std::is_move_assignable_v<Lock>);
static_assert(std::is_nothrow_default_constructible_v<Lock>);
static_assert(noexcept(std::declval<Lock&>().try_acquire()));
static_assert(noexcept(std::declval<const Lock&>().locked()));

TEST_P(LockApi, AcquireAndRelease) {
    Lock lock;
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(LockApi, TryAcquireTakesAFreeLockOnly) {
    Lock lock;
    EXPECT_TRUE(lock.try_acquire());
    EXPECT_FALSE(lock.try_acquire());
    EXPECT_TRUE(lock.locked());
    lock.release();
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
}

TEST_P(LockApi, ReleaseOfAFreeLockThrowsAsyncioWords) {
    Lock lock;
    std::string what;
    try {
        lock.release();
    } catch (const std::runtime_error& error) {
        what = error.what();
    }
    EXPECT_EQ(what, "Lock is not acquired.");
    EXPECT_FALSE(lock.locked());
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
    EXPECT_THROW(lock.release(), std::runtime_error);
}

TEST_P(LockApi, TheGuardOwnsAndReleases) {
    Lock lock;
    run([&]() -> Coro<void> {
        auto held = co_await lock.scoped();
        EXPECT_TRUE(held.owns());
        EXPECT_TRUE(static_cast<bool>(held));
        EXPECT_TRUE(lock.locked());
        held.release();
        EXPECT_FALSE(held.owns());
        EXPECT_FALSE(lock.locked());
        held.release();  // does nothing
        EXPECT_FALSE(lock.locked());
    });
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
}

TEST_P(LockApi, TheGuardMoves) {
    Lock lock;
    Lock other;
    run([&]() -> Coro<void> {
        auto held = co_await lock.scoped();
        using Held = decltype(held);
        static_assert(std::is_nothrow_move_constructible_v<Held> && std::is_move_assignable_v<Held>);
        static_assert(!std::is_copy_constructible_v<Held> && !std::is_copy_assignable_v<Held>);
        static_assert(std::is_nothrow_default_constructible_v<Held>);
        {
            const Held inner = std::move(held);
            EXPECT_TRUE(inner.owns());
            EXPECT_FALSE(
                held.owns());  // NOLINT(bugprone-use-after-move): a guard that was moved from owns nothing
            EXPECT_TRUE(lock.locked());
        }
        EXPECT_FALSE(lock.locked());

        // Assignment releases what was held before.
        held = co_await lock.scoped();
        auto second = co_await other.scoped();
        held = std::move(second);
        EXPECT_FALSE(lock.locked());
        EXPECT_TRUE(other.locked());
        Held& same = held;
        held = std::move(same);
        EXPECT_TRUE(held.owns());
        EXPECT_TRUE(other.locked());
        held = Held();
        EXPECT_FALSE(other.locked());
    });
}

TEST_P(LockApi, TheGuardReleasesAnywhere) {
    // Taken in one task, given to another, released there.
    Lock lock;
    run([&]() -> Coro<void> {
        auto held = co_await lock.scoped();
        auto keep = [](decltype(held) guard) -> Coro<void> {
            EXPECT_TRUE(guard.owns());
            co_await yield();
        };
        const Task<void> keeper = create_task(keep(std::move(held)));
        co_await lock.acquire();
        lock.release();
        co_await keeper;
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(LockApi, AcquireBlockingOnAPlainThread) {
    Lock lock;
    lock.acquire_blocking();
    EXPECT_TRUE(lock.locked());
    std::atomic<int> order{0};
    BlockingThread first([&] {
        lock.acquire_blocking();
        EXPECT_EQ(++order, 1);
    });
    until_blocking([&] { return first.parked(); });
    BlockingThread second([&] {
        lock.acquire_blocking();
        EXPECT_EQ(++order, 2);
    });
    until_blocking([&] { return second.parked(); });
    EXPECT_EQ(waiters(lock), 2U);
    lock.release();
    until_blocking([&] { return first.ended(); });
    EXPECT_FALSE(second.ended());
    lock.release();
    second.join();
    EXPECT_TRUE(lock.locked());
    lock.release();
    EXPECT_FALSE(lock.locked());
}

TEST_P(LockApi, ThreadsAndTasksQueueTogether) {
    Lock lock;
    std::vector<int> log;
    Runtime runtime(options());
    lock.acquire_blocking();
    const Task<void> first = runtime.spawn(note(lock, log, 1));
    until_parked_blocking(first);
    BlockingThread second([&] {
        lock.acquire_blocking();
        log.push_back(2);
        lock.release();
    });
    until_blocking([&] { return second.parked(); });
    const Task<void> third = runtime.spawn(note(lock, log, 3));
    until_parked_blocking(third);
    lock.release();
    third.wait_blocking();
    second.join();
    first.wait_blocking();
    EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
}

TEST_P(LockApi, AcquireBlockingOnAWorkerThrowsAndChangesNothing) {
    Lock lock;
    run([&]() -> Coro<void> {
        int refused = 0;
        try {
            lock.acquire_blocking();
        } catch (const std::runtime_error&) {
            ++refused;
        }
        EXPECT_FALSE(lock.locked());
        co_await lock.acquire();
        try {
            lock.acquire_blocking();
        } catch (const std::runtime_error&) {
            ++refused;
        }
        EXPECT_EQ(refused, 2);
        EXPECT_EQ(waiters(lock), 0U);
        lock.release();
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(LockApi, ALockIsASmallMember) {
    struct Node {
        int value = 0;
        Lock lock;
    };
    std::vector<Node> nodes(1000);
    run([&]() -> Coro<void> {
        for (Node& node : nodes) {
            const auto held = co_await node.lock.scoped();
            ++node.value;
        }
    });
    EXPECT_EQ(nodes.back().value, 1);
    EXPECT_EQ(sizeof(Lock), 16U);
}

}  // namespace
}  // namespace heddle::test
