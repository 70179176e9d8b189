#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>
#include <heddle/with_lock.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class WithLockApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(WithLockApi);

Coro<int> add(int a, int b) {
    co_await yield();
    co_return a + b;
}

TEST_P(WithLockApi, PassesArgumentsAndResult) {
    Lock lock;
    auto safe_add = with_lock(lock, add);
    auto unbox = [&](std::unique_ptr<int> box) -> Coro<int> {
        EXPECT_TRUE(lock.locked());
        co_return *box;
    };
    auto safe_unbox = with_lock(lock, unbox);
    auto nothing = [&]() -> Coro<void> {
        EXPECT_TRUE(lock.locked());
        co_return;
    };
    const auto safe_nothing = with_lock(lock, nothing);
    run([&]() -> Coro<void> {
        const int sum = co_await safe_add(2, 3);
        EXPECT_EQ(sum, 5);
        auto box = std::make_unique<int>(9);
        const int nine = co_await safe_unbox(std::move(box));
        EXPECT_EQ(nine, 9);
        co_await safe_nothing();
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(WithLockApi, CallsExcludeEachOther) {
    Lock lock;
    int inside = 0;
    int calls = 0;
    auto body = [&]() -> Coro<void> {
        EXPECT_EQ(++inside, 1);
        co_await yield();
        --inside;
        ++calls;
    };
    auto safe = with_lock(lock, body);
    run([&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 100; ++i) {
            tasks.push_back(create_task(safe()));
        }
        co_await settle_all(tasks);
        EXPECT_EQ(calls, 100);
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(WithLockApi, AnErrorReleases) {
    Lock lock;
    auto fail = [](int) -> Coro<int> {
        co_await yield();
        throw Boom("inside");
    };
    auto safe = with_lock(lock, fail);
    run([&]() -> Coro<void> {
        const std::string how = co_await ending(safe(1));
        EXPECT_EQ(how, "inside");
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(WithLockApi, CancelledWhileItWaitsTheFunctionIsNotCalled) {
    Lock lock;
    int calls = 0;
    auto body = [&]() -> Coro<void> {
        ++calls;
        co_return;
    };
    auto safe = with_lock(lock, body);
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        const Task<void> call = create_task(safe());
        co_await until_parked(call);
        EXPECT_TRUE(call.cancel());
        co_await settle(call);
        EXPECT_TRUE(call.cancelled());
        EXPECT_EQ(calls, 0);
        EXPECT_EQ(waiters(lock), 0U);
        lock.release();
    });
}

TEST_P(WithLockApi, CancelledInsideItReleases) {
    Lock lock;
    Event never;
    auto body = [&]() -> Coro<void> { co_await never.wait(); };
    auto safe = with_lock(lock, body);
    run([&]() -> Coro<void> {
        const Task<void> call = create_task(safe());
        co_await until_waiters(never, 1);
        EXPECT_TRUE(lock.locked());
        call.cancel();
        co_await settle(call);
        EXPECT_TRUE(call.cancelled());
        EXPECT_FALSE(lock.locked());
    });
}

TEST_P(WithLockApi, ACallOutlivesTheWrapperAndWhatItWraps) {
    Lock lock;
    auto value = std::make_shared<int>(4);
    auto make_call = [&]() -> Coro<int> {
        auto body = [value](int n) -> Coro<int> {
            co_await yield();
            co_return *value + n;
        };
        auto safe = with_lock(lock, body);
        return safe(3);
    };
    run([&]() -> Coro<void> {
        const int sum = co_await make_call();
        EXPECT_EQ(sum, 7);
    });
    EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace heddle::test
