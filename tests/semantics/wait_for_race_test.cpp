#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

// wait_for() when what it waits for comes in the same moment as the timeout or a cancellation.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class WaitForRace : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(WaitForRace);

TEST_P(WaitForRace, WF_12_work_ends_as_the_caller_is_cancelled) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            Event go;
            auto gives = [&]() -> Coro<int> {
                co_await go.wait();
                co_return 5;
            };
            const Task<int> work = create_task(gives());
            bool got_value = false;
            auto waits = [&]() -> Coro<void> {
                co_await wait_for(work, 1h);
                got_value = true;
                co_await never.wait();
            };
            const Task<void> caller = create_task(waits());
            co_await until_parked(work, caller);
            if (round % 2 == 0) {
                go.set();
                EXPECT_TRUE(caller.cancel());
            } else {
                std::thread other([&] { go.set(); });
                EXPECT_TRUE(caller.cancel());
                other.join();
            }
            const std::string end = co_await ending(caller);
            EXPECT_EQ(end, "CancelledError");  // at the wait, or right after it
            EXPECT_TRUE(caller.cancelled());
            EXPECT_TRUE(work.done());
            if (got_value) {
                EXPECT_EQ(ending_of(work), "value");
            }
        }
    };
    run(main());
}

TEST_P(WaitForRace, WF_13_grant_and_timeout_in_the_same_moment) {
    auto main = [&]() -> Coro<void> {
        Lock lock;
        Semaphore semaphore(1);
        for (int round = 0; round < 50; ++round) {
            co_await lock.acquire();
            co_await semaphore.acquire();
            const auto deadline = Clock::now() + 1ms;
            auto releaser = [&]() -> Coro<void> {
                co_await sleep_until(deadline);
                lock.release();
                semaphore.release();
            };
            const Task<void> release = create_task(releaser());
            const auto left = deadline - Clock::now();
            const std::string of_lock = co_await ending(wait_for(lock.acquire(), left));
            if (of_lock == "value") {
                EXPECT_TRUE(lock.locked());
                lock.release();
            } else {
                EXPECT_EQ(of_lock, "TimeoutError");
            }
            const std::string of_semaphore = co_await ending(wait_for(semaphore.acquire(), 1us));
            if (of_semaphore == "value") {
                semaphore.release();
            } else {
                EXPECT_EQ(of_semaphore, "TimeoutError");
            }
            co_await release;
            EXPECT_FALSE(lock.locked());
            EXPECT_EQ(semaphore.value(), 1);
            EXPECT_EQ(current_task().cancelling(), 0);
        }
    };
    run(main());
}

TEST_P(WaitForRace, WF_13_a_task_keeps_its_value_whatever_the_caller_gets) {
    auto main = [&]() -> Coro<void> {
        for (int round = 0; round < 50; ++round) {
            const auto deadline = Clock::now() + 1ms;
            auto gives = [&]() -> Coro<int> {
                co_await sleep_until(deadline);
                co_return 8;
            };
            const Task<int> work = create_task(gives());
            const std::string end = co_await ending(wait_for(work, deadline - Clock::now()));
            EXPECT_TRUE(work.done());
            if (end == "value") {
                EXPECT_EQ(ending_of(work), "value");
            } else {
                EXPECT_EQ(end, "TimeoutError");
            }
            EXPECT_EQ(current_task().cancelling(), 0);
            const std::string next = co_await ending(yield());
            EXPECT_EQ(next, "value");
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
