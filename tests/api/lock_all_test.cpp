#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>
#include <heddle/lock_all.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class LockAllApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(LockAllApi);

template <std::size_t N>
std::ptrdiff_t count_locked(const std::array<Lock, N>& locks) {
    std::ptrdiff_t n = 0;
    for (const Lock& lock : locks) {
        n += lock.locked() ? 1 : 0;
    }
    return n;
}

TEST_P(LockAllApi, OneGuardHoldsAll) {
    std::array<Lock, 3> locks;
    run([&]() -> Coro<void> {
        {
            const auto held = co_await lock_all(locks[2], locks[0], locks[1]);
            EXPECT_TRUE(held.owns());
            EXPECT_TRUE(static_cast<bool>(held));
            EXPECT_EQ(count_locked(locks), 3);
        }
        EXPECT_EQ(count_locked(locks), 0);
        const auto one = co_await lock_all(locks[1]);
        EXPECT_EQ(count_locked(locks), 1);
        EXPECT_TRUE(locks[1].locked());
    });
    EXPECT_EQ(count_locked(locks), 0);
}

TEST_P(LockAllApi, TheGuardMovesAndReleases) {
    std::array<Lock, 2> locks;
    std::array<Lock, 2> others;
    run([&]() -> Coro<void> {
        auto held = co_await lock_all(locks[0], locks[1]);
        using Held = decltype(held);
        static_assert(std::is_nothrow_move_constructible_v<Held> && std::is_move_assignable_v<Held>);
        static_assert(!std::is_copy_constructible_v<Held> && !std::is_copy_assignable_v<Held>);
        static_assert(std::is_nothrow_default_constructible_v<Held>);
        auto second = co_await lock_all(others[1], others[0]);
        held = std::move(second);
        EXPECT_EQ(count_locked(locks), 0);
        EXPECT_EQ(count_locked(others), 2);
        EXPECT_FALSE(
            second.owns());  // NOLINT(bugprone-use-after-move): a guard that was moved from owns nothing
        Held third = std::move(held);
        EXPECT_TRUE(third.owns());
        Held& same = third;
        third = std::move(same);
        EXPECT_TRUE(third.owns());
        third.release();
        EXPECT_FALSE(third.owns());
        EXPECT_EQ(count_locked(others), 0);
        third.release();  // does nothing
        EXPECT_EQ(count_locked(others), 0);
        EXPECT_FALSE(Held().owns());
    });
}

TEST_P(LockAllApi, ALockNamedTwiceIsAnErrorAndTakesNothing) {
    std::array<Lock, 3> locks;
    auto twice = [&]() -> Coro<void> {
        const auto held = co_await lock_all(locks[0], locks[1], locks[0]);
        ADD_FAILURE() << "took a lock twice";
    };
    run([&]() -> Coro<void> {
        const std::string how = co_await ending(twice());
        EXPECT_EQ(how, "lock_all: a lock is named twice");
        EXPECT_EQ(count_locked(locks), 0);
    });
}

TEST_P(LockAllApi, WaitsForEachLockInTurn) {
    std::array<Lock, 3> locks;
    auto take = [&]() -> Coro<void> {
        const auto held = co_await lock_all(locks[0], locks[2], locks[1]);
        EXPECT_EQ(count_locked(locks), 3);
    };
    run([&]() -> Coro<void> {
        for (Lock& lock : locks) {
            co_await lock.acquire();
        }
        const Task<void> taker = create_task(take());
        for (Lock& lock : locks) {
            co_await until_waiters(lock, 1);
            EXPECT_EQ(waiters(locks[0]) + waiters(locks[1]) + waiters(locks[2]), 1U);
            EXPECT_FALSE(taker.done());
            lock.release();
        }
        co_await taker;
        EXPECT_EQ(count_locked(locks), 0);
    });
}

TEST_P(LockAllApi, NobodyDeadlocksWhateverTheOrder) {
    std::array<Lock, 3> locks;
    std::array<int, 3> inside{};  // plain: the locks protect it
    auto enter = [&](std::size_t a, std::size_t b) -> Coro<void> {
        for (int i = 0; i < 200; ++i) {
            const auto held = co_await lock_all(locks[a], locks[b]);
            EXPECT_EQ(++inside[a], 1);
            EXPECT_EQ(++inside[b], 1);
            co_await yield();
            --inside[a];
            --inside[b];
        }
    };
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < 12; ++i) {
            const std::size_t a = i % 3;
            const std::size_t b = (a + 1 + i / 3 % 2) % 3;
            tasks.push_back(create_task(enter(a, b)));
        }
        co_await settle_all(tasks);
        EXPECT_EQ(count_locked(locks), 0);
    });
}

TEST_P(LockAllApi, CancelledInTheMiddleItGivesBackWhatItHas) {
    std::array<Lock, 4> locks;
    auto take = [&]() -> Coro<void> {
        const auto held = co_await lock_all(locks[3], locks[1], locks[0], locks[2]);
        ADD_FAILURE() << "cancelled, but took all";
    };
    run([&]() -> Coro<void> {
        for (std::size_t at = 0; at < locks.size(); ++at) {
            co_await locks[at].acquire();
            const Task<void> taker = create_task(take());
            co_await until_waiters(locks[at], 1);
            co_await until_parked(taker);
            EXPECT_EQ(count_locked(locks), static_cast<std::ptrdiff_t>(at) + 1);
            EXPECT_TRUE(taker.cancel());
            co_await settle(taker);
            EXPECT_TRUE(taker.cancelled());
            EXPECT_EQ(count_locked(locks), 1);
            EXPECT_EQ(waiters(locks[at]), 0U);
            locks[at].release();
            EXPECT_EQ(count_locked(locks), 0);
        }
    });
}

TEST_P(LockAllApi, ATimeoutInTheMiddleGivesBackWhatItHas) {
    std::array<Lock, 3> locks;
    run([&]() -> Coro<void> {
        co_await locks[2].acquire();
        auto timed = ending(wait_for(lock_all(locks[0], locks[2], locks[1]), 2ms));
        const std::string how = co_await std::move(timed);
        EXPECT_EQ(how, "TimeoutError");
        EXPECT_EQ(count_locked(locks), 1);
        EXPECT_EQ(waiters(locks[2]), 0U);
        locks[2].release();
    });
}

TEST_P(LockAllApi, ReleaseAgainstCancelLeavesNothingLocked) {
    std::array<Lock, 3> locks;
    std::atomic<int> entered{0};
    std::atomic<int> gave_up{0};
    // Not by how the task ends: a request that comes after it has entered makes it end as cancelled, too.
    auto take = [&]() -> Coro<void> {
        try {
            const auto held = co_await lock_all(locks[0], locks[1], locks[2]);
            ++entered;
        } catch (const CancelledError&) {
            ++gave_up;
            throw;
        }
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 300; ++round) {
            Lock& busy = locks[static_cast<std::size_t>(round) % 3];
            co_await busy.acquire();
            const Task<void> taker = create_task(take());
            co_await until_waiters(busy, 1);
            const bool cancel_first = round % 2 == 0;
            if (cancel_first) {
                taker.cancel();
            }
            busy.release();
            if (!cancel_first) {
                taker.cancel();
            }
            co_await settle(taker);
            EXPECT_EQ(count_locked(locks), 0);
            EXPECT_EQ(entered + gave_up, round + 1);
        }
        EXPECT_GE(gave_up, 150) << "a parked waiter that is cancelled first ends as cancelled";
    });
}

}  // namespace
}  // namespace heddle::test
