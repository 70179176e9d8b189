#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <future>

namespace {

using namespace heddle::test;

void hang_after_arming() {
    setenv("HEDDLE_TEST_TIMEOUT", "1", 1);  // NOLINT(concurrency-mt-unsafe): a process of its own
    set_hang_dump([] { std::fputs("where everybody stands\n", stderr); });
    arm_watchdog("Some.test");
    std::promise<void> never;
    never.get_future().wait();
}

TEST(WatchdogDeathTest, NamesTheTestAndCallsTheDump) {
    EXPECT_DEATH(hang_after_arming(), "Some.test: no end after 1 s\nwhere everybody stands");
}

TEST(Watchdog, LeavesATestAloneThatEnds) {
    arm_watchdog("Some.test");
    disarm_watchdog();
    EXPECT_GE(test_timeout_seconds(), 1);
}

}  // namespace
