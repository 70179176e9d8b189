#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// timeout() and wait_for() as C++ functions. What they do with cancellation is in tests/semantics.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class TimeoutApi : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(TimeoutApi);

TEST_P(TimeoutApi, GivesTheResultOfItsBody) {
    int number = 2;
    run([&]() -> Coro<void> {
        auto of_void = [](Timeout&) -> Coro<void> { co_return; };
        auto of_value = [](Timeout&) -> Coro<int> { co_return 4; };
        auto of_move_only = [](Timeout&) -> Coro<std::unique_ptr<int>> {
            co_return std::make_unique<int>(5);
        };
        auto of_reference = [&](Timeout&) -> Coro<int&> { co_return number; };
        co_await timeout(1h, of_void);
        const int value = co_await timeout(1h, of_value);
        EXPECT_EQ(value, 4);
        const std::unique_ptr<int> owned = co_await timeout_at(Clock::now() + 1h, of_move_only);
        EXPECT_EQ(*owned, 5);
        const int& reference = co_await timeout(std::nullopt, of_reference);
        EXPECT_EQ(&reference, &number);
    });
}

TEST_P(TimeoutApi, AnyDuration) {
    run([&]() -> Coro<void> {
        auto gives = [](Timeout&) -> Coro<int> {
            co_await yield();
            co_return 1;
        };
        auto waits = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
        for (const auto huge : {std::chrono::hours::max(), std::chrono::hours(1)}) {
            const int value = co_await timeout(huge, gives);
            EXPECT_EQ(value, 1);
        }
        int value = co_await timeout(std::chrono::duration<double>(3600.5), gives);
        EXPECT_EQ(value, 1);
        value = co_await timeout(std::chrono::nanoseconds::max(), gives);
        EXPECT_EQ(value, 1);
        value = co_await timeout_at(Clock::time_point::max(), gives);
        EXPECT_EQ(value, 1);
        const auto start = Clock::now();
        std::string end = co_await ending(timeout(std::chrono::duration<double, std::milli>(2.5), waits));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_GE(Clock::now() - start, 2500us);
        end = co_await ending(timeout(1ns, waits));
        EXPECT_EQ(end, "TimeoutError");
        end = co_await ending(timeout(std::chrono::hours::min(), waits));
        EXPECT_EQ(end, "TimeoutError");
        end = co_await ending(timeout_at(Clock::time_point::min(), waits));
        EXPECT_EQ(end, "TimeoutError");
    });
}

TEST_P(TimeoutApi, TimeoutErrorIsARuntimeError) {
    run([&]() -> Coro<void> {
        auto waits = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
        bool caught = false;
        try {
            co_await timeout(1ms, waits);
        } catch (const std::runtime_error&) {
            caught = true;
        }
        EXPECT_TRUE(caught);
    });
}

TEST_P(TimeoutApi, ManyScopesAtOnce) {
    constexpr int many = 2000;
    run([&]() -> Coro<void> {
        auto times_out = [&](int i) -> Coro<int> {
            auto body = [&](Timeout&) -> Coro<void> { co_await never.wait(); };
            const std::string end = co_await ending(timeout(std::chrono::microseconds(i), body));
            EXPECT_EQ(end, "TimeoutError");
            co_return 1;
        };
        auto in_time = []() -> Coro<int> {
            auto body = [](Timeout&) -> Coro<int> {
                co_await yield();
                co_return 1;
            };
            const int one = co_await timeout(1h, body);
            co_return one;
        };
        std::vector<Coro<int>> children;
        for (int i = 0; i < many; ++i) {
            children.push_back(i % 2 == 0 ? times_out(i) : in_time());
        }
        const std::vector<int> results = co_await gather(std::move(children));
        EXPECT_EQ(results, std::vector<int>(many, 1));
        EXPECT_EQ(waiters(never), 0U);
    });
}

TEST_P(TimeoutApi, ManyScopesOneAfterTheOther) {
    run([]() -> Coro<void> {
        int sum = 0;
        for (int i = 0; i < 20'000; ++i) {
            auto body = [](Timeout&) -> Coro<int> { co_return 1; };
            const int one = co_await timeout(1h, body);
            sum += one;
        }
        EXPECT_EQ(sum, 20'000);
    });
}

TEST_P(TimeoutApi, ScopesAndGatherTogether) {
    run([&]() -> Coro<void> {
        auto waits = [&]() -> Coro<int> {
            co_await never.wait();
            co_return 0;
        };
        auto body = [&](Timeout&) -> Coro<void> { co_await gather(waits(), waits(), waits()); };
        const std::string end = co_await ending(timeout(5ms, body));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_EQ(waiters(never), 0U);
        // In a child: its own scope ends only itself.
        auto child = [&](bool slow) -> Coro<std::string> {
            auto inner = [&](Timeout&) -> Coro<void> {
                if (slow) {
                    co_await never.wait();
                }
            };
            std::string text = co_await ending(timeout(2ms, inner));
            co_return text;
        };
        const auto both = co_await gather(child(true), child(false));
        EXPECT_EQ(std::get<0>(both), "TimeoutError");
        EXPECT_EQ(std::get<1>(both), "value");
        EXPECT_EQ(current_task().cancelling(), 0);
    });
}

// ---- wait_for
// -------------------------------------------------------------------------------------------------------

TEST_P(TimeoutApi, WaitForGivesTheResult) {
    int number = 3;
    auto of_reference = [&]() -> Coro<int&> { co_return number; };
    auto of_move_only = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
    auto nothing = []() -> Coro<void> { co_await yield(); };
    run([&]() -> Coro<void> {
        const int& reference = co_await wait_for(of_reference(), 1h);
        EXPECT_EQ(&reference, &number);
        const std::unique_ptr<int> owned = co_await wait_for(of_move_only(), 1h);
        EXPECT_EQ(*owned, 5);
        co_await wait_for(nothing(), 1h);
        const std::unique_ptr<int> of_task = co_await wait_for(create_task(of_move_only()), 1h);
        EXPECT_EQ(*of_task, 5);
    });
}

TEST_P(TimeoutApi, WaitForAnyAwaitable) {
    run([&]() -> Coro<void> {
        Lock lock;
        Semaphore semaphore(1);
        Event event;
        event.set();
        {
            auto held = co_await wait_for(lock.scoped(), 1h);
            EXPECT_TRUE(held.owns());
            EXPECT_TRUE(lock.locked());
            const std::string end = co_await ending(wait_for(lock.acquire(), 2ms));
            EXPECT_EQ(end, "TimeoutError");
        }
        EXPECT_FALSE(lock.locked());
        co_await wait_for(semaphore.acquire(), 1h);
        const bool set = co_await wait_for(event.wait(), 1h);
        EXPECT_TRUE(set);
        co_await wait_for(sleep(1ms), 1h);
        const std::string asleep = co_await ending(wait_for(sleep(1h), 2ms));
        EXPECT_EQ(asleep, "TimeoutError");
        std::string end = co_await ending(wait_for(never.wait(), 2ms));
        EXPECT_EQ(end, "TimeoutError");
        end = co_await ending(wait_for(gather(never.wait(), sleep(1h)), 2ms));
        EXPECT_EQ(end, "TimeoutError");
        EXPECT_EQ(waiters(never), 0U);
    });
}

TEST_P(TimeoutApi, WaitForInsideOfWaitFor) {
    run([&]() -> Coro<void> {
        const std::string inner = co_await ending(wait_for(wait_for(never.wait(), 2ms), 1h));
        EXPECT_EQ(inner, "TimeoutError");
        const std::string outer = co_await ending(wait_for(wait_for(never.wait(), 1h), 2ms));
        EXPECT_EQ(outer, "TimeoutError");
        EXPECT_EQ(current_task().cancelling(), 0);
    });
}

}  // namespace
}  // namespace heddle::test
