#include "faults.hpp"
#include "support/fixture.hpp"
#include "workload.hpp"

#include <gtest/gtest.h>

// futex(2) may return for no reason, and membarrier(2) may be refused.

namespace heddle::test {
namespace {

class FutexFaults : public OverWorkers {};
HEDDLE_OVER_WORKERS(FutexFaults);

TEST_P(FutexFaults, every_wait_ends_exactly_when_it_should) {
    const FutexNoise noise;
    for (int round = 0; round < 3; ++round) {
        Runtime runtime(options());
        Workload work(runtime);
        work.finish();
    }
    EXPECT_GT(FutexNoise::lies(), 0U);
}

TEST_P(FutexFaults, workers_that_sleep_now_and_then) {
    // Without spinning a worker sleeps between any two of its tasks.
    const FutexNoise noise;
    RuntimeOptions eager = options();
    eager.spin_ns = 0;
    Runtime runtime(eager);
    Workload work(runtime);
    work.finish();
    EXPECT_GT(FutexNoise::lies(), 0U);
}

}  // namespace
}  // namespace heddle::test
