#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/gather.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

// One worker does not come back for long. The others take over what is in its lanes and on its wheel, also
// when they never run out of work.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class LongStep : public OverWorkers {
protected:
    void SetUp() override {
        OverWorkers::SetUp();
        runtime_.emplace(options());
    }
    void TearDown() override {
        stop_ = true;
        for (const Task<void>& task : busy_) {
            task.wait_blocking();
        }
        busy_.clear();
        runtime_.reset();
        OverWorkers::TearDown();
    }

    Runtime& runtime() { return *runtime_; }
    /// From here on no worker runs out of tasks.
    void keep_busy(unsigned n) {
        for (unsigned i = 0; i < n; ++i) {
            busy_.push_back(runtime_->spawn(spin()));
        }
        until_blocking([&] { return spinning_ == n; });
    }

    void timer_fires_behind_a_long_step() {
        std::atomic<bool> fired{false};
        auto sleeps = [&]() -> Coro<void> {
            co_await sleep(1ms);
            fired = true;
        };
        auto computes = [&]() -> Coro<void> {
            until_blocking([&] { return fired.load(); });
            co_return;
        };
        auto both = [&]() -> Coro<void> {
            // In line: the first arms its timer on the worker that the second then keeps.
            const auto ended = co_await gather(sleeps(), computes());
            static_cast<void>(ended);
        };
        runtime().spawn(both()).wait_blocking();
    }
    /// Whoever fires the timers gets all their tasks, and the first of these keeps him until the others have
    /// run elsewhere.
    void each_timer_has_a_worker_behind_a_long_step() {
        const unsigned n = workers() - 1;
        std::atomic<unsigned> inside{0};
        auto sleeps = [&]() -> Coro<void> {
            co_await sleep(1ms);
            ++inside;
            until_blocking([&] { return inside == n; });
        };
        auto all = [&]() -> Coro<void> {
            std::vector<Task<void>> sleepers;
            for (unsigned i = 0; i < n; ++i) {
                sleepers.push_back(create_task(sleeps()));
            }
            // All asleep, or so late that the first timers have fired already.
            while (inside == 0 && !std::ranges::all_of(sleepers, [](const Task<void>& task) {
                       return detail::is_parked(task);
                   })) {
                co_await yield();
            }
            until_blocking([&] { return inside == n; });
            co_await settle_all(sleepers);
        };
        runtime().spawn(all()).wait_blocking();
    }
    void queued_tasks_run_behind_a_long_step() {
        constexpr int n = 50;
        std::atomic<int> ran{0};
        auto child = [&]() -> Coro<void> {
            ++ran;
            co_return;
        };
        auto computes = [&]() -> Coro<void> {
            std::vector<Task<void>> children;
            for (int i = 0; i < n; ++i) {
                children.push_back(create_task(child()));
            }
            until_blocking([&] { return ran == n; });
            co_await settle_all(children);
        };
        runtime().spawn(computes()).wait_blocking();
    }

private:
    Coro<void> spin() {
        ++spinning_;
        while (!stop_) {
            co_await yield();
        }
    }

    std::optional<Runtime> runtime_;
    std::atomic<unsigned> spinning_{0};
    std::atomic<bool> stop_{false};
    std::vector<Task<void>> busy_;
};
INSTANTIATE_TEST_SUITE_P(workers, LongStep, testing::Values(2U, 4U), testing::PrintToStringParamName());

TEST_P(LongStep, its_timers_fire_while_the_others_sleep) {
    for (int round = 0; round < 5; ++round) {
        timer_fires_behind_a_long_step();
    }
}
TEST_P(LongStep, its_timers_wake_as_many_workers_as_there_are_tasks) {
    for (int round = 0; round < 20; ++round) {
        each_timer_has_a_worker_behind_a_long_step();
    }
}
TEST_P(LongStep, its_timers_fire_while_the_others_are_busy) {
    keep_busy(2 * workers());
    for (int round = 0; round < 5; ++round) {
        timer_fires_behind_a_long_step();
    }
}
TEST_P(LongStep, its_timers_fire_while_the_others_are_very_busy) {
    keep_busy(180 * workers());
    for (int round = 0; round < 5; ++round) {
        timer_fires_behind_a_long_step();
    }
}
TEST_P(LongStep, its_tasks_run_while_the_others_sleep) {
    for (int round = 0; round < 5; ++round) {
        queued_tasks_run_behind_a_long_step();
    }
}
TEST_P(LongStep, its_tasks_run_while_the_others_are_busy) {
    keep_busy(2 * workers());
    for (int round = 0; round < 5; ++round) {
        queued_tasks_run_behind_a_long_step();
    }
}
TEST_P(LongStep, its_tasks_run_while_the_others_are_very_busy) {
    keep_busy(180 * workers());
    for (int round = 0; round < 5; ++round) {
        queued_tasks_run_behind_a_long_step();
    }
}

}  // namespace
}  // namespace heddle::test
