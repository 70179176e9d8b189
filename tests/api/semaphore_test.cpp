#include "semaphore_checks.hpp"
#include "support/fixture.hpp"
#include <heddle/semaphore.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <stdexcept>

namespace heddle::test {
namespace {

class SemaphoreApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(SemaphoreApi);

static_assert(stays_where_it_is<Semaphore> && asks_without_throwing<Semaphore>);
static_assert(sizeof(Semaphore) == 16);

TEST_P(SemaphoreApi, InitialValues) { check_values<Semaphore>(); }
TEST_P(SemaphoreApi, TryAcquireTakesAFreePermitOnly) { check_try_acquire<Semaphore>(); }
TEST_P(SemaphoreApi, AcquireAndRelease) { run(check_acquire_and_release<Semaphore>()); }
TEST_P(SemaphoreApi, ReleaseOfSeveral) { run(check_release_of_several<Semaphore>()); }
TEST_P(SemaphoreApi, ReleaseOfLessThanNoneThrowsAndChangesNothing) { check_negative_release<Semaphore>(); }
TEST_P(SemaphoreApi, TheGuardOwnsMovesAndReleases) { run(check_guard<Semaphore>()); }
TEST_P(SemaphoreApi, AcquireBlockingOnPlainThreads) { check_blocking<Semaphore>(); }
TEST_P(SemaphoreApi, AcquireBlockingOnAWorkerThrowsAndChangesNothing) {
    run(check_blocking_on_a_worker<Semaphore>());
}

TEST_P(SemaphoreApi, MayHoldMoreThanItBeganWith) {
    Semaphore semaphore(1);
    semaphore.release();
    semaphore.release(10);
    EXPECT_EQ(semaphore.value(), 12);
    for (int i = 0; i < 12; ++i) {
        EXPECT_TRUE(semaphore.try_acquire());
    }
    EXPECT_FALSE(semaphore.try_acquire());
}

TEST_P(SemaphoreApi, MoreThanCanBeCountedThrowsAndChangesNothing) {
    constexpr auto most = std::numeric_limits<std::ptrdiff_t>::max();
    Semaphore semaphore(most);
    EXPECT_THROW(semaphore.release(), std::overflow_error);
    EXPECT_EQ(semaphore.value(), most);
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_THROW(semaphore.release(2), std::overflow_error);
    semaphore.release();
    EXPECT_EQ(semaphore.value(), most);
}

}  // namespace
}  // namespace heddle::test
