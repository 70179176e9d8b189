// main() of every test executable: gtest, with a watchdog over each test.

#include "support/watchdog.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

class WatchEachTest : public testing::EmptyTestEventListener {
    void OnTestStart(const testing::TestInfo& test) override {
        heddle::test::arm_watchdog(std::string(test.test_suite_name()) + "." + test.name());
    }
    void OnTestEnd(const testing::TestInfo& /*test*/) override { heddle::test::disarm_watchdog(); }
};

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    // There are always threads here, so a death test must start the program anew instead of forking it.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    testing::UnitTest::GetInstance()->listeners().Append(new WatchEachTest);
    return RUN_ALL_TESTS();
}
