#include "support/clock.hpp"

#include "faults.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "workload.hpp"
#include <heddle/sleep.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

// Clocks that jump: the wall clock is set, a virtual machine is resumed, the steady clock stands still or
// even goes back. In most tests it stands still unless the test moves it, so that nothing depends on real
// time.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t ns(std::chrono::nanoseconds d) { return d.count(); }

class ClockJumps : public OverWorkers {
protected:
    /// Sleeps and notes that it has woken.
    Coro<void> nap(Clock::duration how_long, int id) {
        const Clock::time_point until = Clock::now() + how_long;
        co_await sleep_until(until);
        const Clock::time_point now = Clock::now();
        const std::lock_guard hold(mutex_);
        early_ = early_ || now < until;
        woken_.push_back(id);
    }
    std::vector<int> woken() {
        const std::lock_guard hold(mutex_);
        return woken_;
    }
    bool early() {
        const std::lock_guard hold(mutex_);
        return early_;
    }

private:
    std::mutex mutex_;
    std::vector<int> woken_;
    bool early_ = false;
};
HEDDLE_OVER_WORKERS(ClockJumps);

TEST_P(ClockJumps, the_wall_clock_is_not_even_looked_at) {
    const SetClock clock;
    {
        Runtime runtime(options());
        Workload work(runtime);
        for (const auto by : {24h, -48h, 24h * 365 * 10}) {
            SetClock::jump_wall(ns(by));
            std::this_thread::yield();
        }
        work.finish();
        EXPECT_EQ(SetClock::wall_looks(), 0U);
    }
    static_cast<void>(std::chrono::system_clock::now());
    EXPECT_EQ(SetClock::wall_looks(), 1U) << "this test would not notice";
}

TEST_P(ClockJumps, all_that_is_due_after_a_long_pause_fires_once_and_in_order) {
    const SetClock clock;
    SetClock::stop();
    Runtime runtime(options());
    constexpr std::array minutes{17, 59, 3, 1, 42, 60, 30, 5, 4, 29};
    std::vector<Task<void>> tasks;
    for (int round = 20; round > 0; --round) {  // later ones first
        for (const int m : minutes) {
            // Apart by less than a tick of the wheel as well.
            tasks.push_back(runtime.spawn(
                nap(std::chrono::minutes(m) + std::chrono::microseconds(round), 100 * m + round)));
        }
    }
    const Task<void> later = runtime.spawn(nap(2h, -1));
    for (const Task<void>& task : tasks) {
        until_parked_blocking(task);
    }
    until_parked_blocking(later);
    SetClock::jump(ns(1h + 1s));
    for (const Task<void>& task : tasks) {
        task.wait_blocking();
    }
    std::vector<int> order = woken();
    EXPECT_FALSE(later.done());
    if (workers() == 1) {
        EXPECT_TRUE(std::ranges::is_sorted(order));
    }
    std::ranges::sort(order);
    EXPECT_EQ(order.size(), tasks.size());
    EXPECT_EQ(std::ranges::adjacent_find(order), order.end()) << "woken twice";
    SetClock::jump(ns(1h));
    later.wait_blocking();
    EXPECT_FALSE(early());
}

TEST_P(ClockJumps, timeouts_too) {
    const SetClock clock;
    SetClock::stop();
    Runtime runtime(options());
    Event never;
    Lock lock;
    lock.acquire_blocking();
    auto for_event = [&]() -> Coro<void> { co_await wait_for(never.wait(), 10min); };
    auto for_lock = [&]() -> Coro<void> {
        auto held = [&](Timeout& limit) -> Coro<void> {
            static_cast<void>(limit);
            const auto mine = co_await lock.scoped();
        };
        co_await timeout(20min, held);
    };
    auto in_good_time = [&]() -> Coro<void> { co_await wait_for(never.wait(), 3h); };
    std::vector<Task<void>> late;
    std::vector<Task<void>> patient;
    for (int i = 0; i < 20; ++i) {
        late.push_back(runtime.spawn(for_event()));
        late.push_back(runtime.spawn(for_lock()));
        patient.push_back(runtime.spawn(in_good_time()));
    }
    for (std::size_t i = 0; i < late.size(); ++i) {
        until_parked_blocking(late[i], patient[i / 2]);
    }
    SetClock::jump(ns(2h));
    for (const Task<void>& task : late) {
        task.wait_blocking();
        EXPECT_EQ(ending_of(task), "TimeoutError");
    }
    lock.release();
    EXPECT_TRUE(lock.try_acquire());  // nobody has it, nobody waits
    lock.release();
    never.set();
    for (const Task<void>& task : patient) {
        task.wait_blocking();
        EXPECT_EQ(ending_of(task), "value");
    }
}

TEST_P(ClockJumps, while_the_clock_stands_all_but_timers_goes_on) {
    const SetClock clock;
    SetClock::stop();
    Runtime runtime(options());
    const Task<void> sleeper = runtime.spawn(nap(1ns, 0));
    until_parked_blocking(sleeper);
    int counted = 0;
    Lock lock;
    auto count = [&]() -> Coro<void> {
        for (int i = 0; i < 100; ++i) {
            const auto held = co_await lock.scoped();
            co_await yield();
            ++counted;
        }
    };
    auto forty_two = [] { return 42; };
    auto asks = [&]() -> Coro<int> { co_return co_await to_thread(forty_two); };
    std::vector<Task<void>> counters;
    for (int i = 0; i < 8; ++i) {
        counters.push_back(runtime.spawn(count()));
        EXPECT_EQ(runtime.spawn(asks()).result_blocking(), 42);
    }
    for (const Task<void>& task : counters) {
        task.wait_blocking();
    }
    EXPECT_EQ(counted, 800);
    EXPECT_FALSE(sleeper.done());
    SetClock::go_on();
    sleeper.wait_blocking();
    EXPECT_FALSE(early());
}

TEST_P(ClockJumps, back_and_forth_nothing_fires_before_its_time) {
    const SetClock clock;
    SetClock::stop();
    Runtime runtime(options());
    const Task<void> first = runtime.spawn(nap(8ms, 1));
    const Task<void> second = runtime.spawn(nap(10ms, 2));
    until_parked_blocking(first, second);
    SetClock::jump(-ns(5ms));
    const Task<void> third = runtime.spawn(nap(16ms, 3));  // at 11
    until_parked_blocking(third);
    SetClock::jump(ns(14ms));  // at 9: the first is due
    first.wait_blocking();
    EXPECT_FALSE(second.done());
    SetClock::jump(-ns(7ms));                              // at 2, behind what has been fired
    const Task<void> fourth = runtime.spawn(nap(1ms, 4));  // at 3: before the first, which is over
    until_parked_blocking(fourth);
    SetClock::jump(ns(8ms) + ns(500us));  // at 10.5
    fourth.wait_blocking();
    second.wait_blocking();
    EXPECT_FALSE(third.done());
    SetClock::jump(ns(1ms));
    third.wait_blocking();
    EXPECT_FALSE(early());
}

TEST_P(ClockJumps, a_restless_clock) {
    const SetClock clock;
    std::atomic<bool> stop{false};
    std::atomic<int> jumps{0};
    std::thread watchmaker([&] {
        for (std::int64_t i = 0; !stop; ++i) {
            const std::int64_t by = (i * 7919 % 11 - 5) * 1'000'000;  // +-5 ms
            SetClock::jump(by);
            ++jumps;
            std::this_thread::yield();
        }
    });
    until_blocking([&] { return jumps > 0; });
    {
        Runtime runtime(options());
        Workload work(runtime, Workload::Clock::restless);
        work.finish();
    }
    stop = true;
    watchmaker.join();
}

}  // namespace
}  // namespace heddle::test
