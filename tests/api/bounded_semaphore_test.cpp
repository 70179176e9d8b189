#include "semaphore_checks.hpp"
#include "support/fixture.hpp"
#include <heddle/semaphore.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace heddle::test {
namespace {

class BoundedSemaphoreApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(BoundedSemaphoreApi);

static_assert(stays_where_it_is<BoundedSemaphore> && asks_without_throwing<BoundedSemaphore>);

constexpr const char* too_many = "BoundedSemaphore released too many times";

TEST_P(BoundedSemaphoreApi, InitialValues) { check_values<BoundedSemaphore>(); }
TEST_P(BoundedSemaphoreApi, TryAcquireTakesAFreePermitOnly) { check_try_acquire<BoundedSemaphore>(); }
TEST_P(BoundedSemaphoreApi, AcquireAndRelease) { run(check_acquire_and_release<BoundedSemaphore>()); }
TEST_P(BoundedSemaphoreApi, ReleaseOfSeveral) { run(check_release_of_several<BoundedSemaphore>()); }
TEST_P(BoundedSemaphoreApi, ReleaseOfLessThanNoneThrowsAndChangesNothing) {
    check_negative_release<BoundedSemaphore>();
}
TEST_P(BoundedSemaphoreApi, TheGuardOwnsMovesAndReleases) { run(check_guard<BoundedSemaphore>()); }
TEST_P(BoundedSemaphoreApi, AcquireBlockingOnPlainThreads) { check_blocking<BoundedSemaphore>(); }
TEST_P(BoundedSemaphoreApi, AcquireBlockingOnAWorkerThrowsAndChangesNothing) {
    run(check_blocking_on_a_worker<BoundedSemaphore>());
}

TEST_P(BoundedSemaphoreApi, ASurplusReleaseThrowsAsyncioWordsAndChangesNothing) {
    BoundedSemaphore semaphore(3);
    EXPECT_EQ(thrown<std::invalid_argument>([&] { semaphore.release(); }), too_many);
    EXPECT_EQ(semaphore.value(), 3);
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_TRUE(semaphore.try_acquire());
    // All or nothing.
    EXPECT_EQ(thrown<std::invalid_argument>([&] { semaphore.release(3); }), too_many);
    EXPECT_EQ(semaphore.value(), 1);
    EXPECT_EQ(
        thrown<std::invalid_argument>([&] { semaphore.release(std::numeric_limits<std::ptrdiff_t>::max()); }),
        too_many);
    EXPECT_EQ(semaphore.value(), 1);
    semaphore.release(2);
    EXPECT_EQ(semaphore.value(), 3);
    EXPECT_EQ(thrown<std::invalid_argument>([&] { semaphore.release(); }), too_many);
}

TEST_P(BoundedSemaphoreApi, ASurplusReleaseWakesNobody) {
    BoundedSemaphore semaphore(2);
    auto take = [&]() -> Coro<void> { co_await semaphore.acquire(); };
    run([&]() -> Coro<void> {
        co_await semaphore.acquire();
        co_await semaphore.acquire();
        const Task<void> w = create_task(take());
        co_await until_parked(w);
        // Two are held; four cannot be given back, not even to one who waits.
        EXPECT_EQ(thrown<std::invalid_argument>([&] { semaphore.release(4); }), too_many);
        EXPECT_EQ(waiters(semaphore), 1U);
        semaphore.release(2);
        co_await w;
        EXPECT_EQ(semaphore.value(), 1);
        semaphore.release();
        EXPECT_EQ(thrown<std::invalid_argument>([&] { semaphore.release(); }), too_many);
    });
}

}  // namespace
}  // namespace heddle::test
