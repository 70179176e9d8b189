#pragma once

#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// What Semaphore and BoundedSemaphore promise alike.

namespace heddle::test {

template <class S>
constexpr bool stays_where_it_is = !std::is_copy_constructible_v<S> && !std::is_copy_assignable_v<S> &&
                                   !std::is_move_constructible_v<S> && !std::is_move_assignable_v<S>;
template <class S>
constexpr bool asks_without_throwing =
    noexcept(std::declval<S&>().try_acquire()) && noexcept(std::declval<const S&>().locked()) &&
    noexcept(std::declval<const S&>().value());

/// What `call` throws as E; empty if nothing.
template <class E, class Fn>
std::string thrown(Fn call) {
    try {
        call();
    } catch (const E& error) {
        return error.what();
    }
    return {};
}

template <class S>
void check_values() {
    const S standard;
    EXPECT_EQ(standard.value(), 1);
    EXPECT_FALSE(standard.locked());
    const S three(3);
    EXPECT_EQ(three.value(), 3);
    const S none(0);
    EXPECT_EQ(none.value(), 0);
    EXPECT_TRUE(none.locked());
    EXPECT_EQ(thrown<std::invalid_argument>([] { const S negative(-1); }),
              "Semaphore initial value must be >= 0");
}

template <class S>
void check_try_acquire() {
    S semaphore(2);
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_EQ(semaphore.value(), 1);
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_FALSE(semaphore.try_acquire());
    EXPECT_EQ(semaphore.value(), 0);
    semaphore.release();
    EXPECT_TRUE(semaphore.try_acquire());
    semaphore.release(2);
    EXPECT_EQ(semaphore.value(), 2);
}

template <class S>
Coro<void> check_acquire_and_release() {
    S semaphore(2);
    co_await semaphore.acquire();
    EXPECT_EQ(semaphore.value(), 1);
    EXPECT_FALSE(semaphore.locked());
    co_await semaphore.acquire();
    EXPECT_EQ(semaphore.value(), 0);
    EXPECT_TRUE(semaphore.locked());
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 1);
    EXPECT_FALSE(semaphore.locked());
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 2);
}

/// release(n) serves n waiters in order; what is left is free.
template <class S>
Coro<void> check_release_of_several() {
    S semaphore(5);
    std::atomic<int> passed{0};
    auto take = [&]() -> Coro<void> {
        co_await semaphore.acquire();
        ++passed;
    };
    for (int i = 0; i < 5; ++i) {
        co_await semaphore.acquire();
    }
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 4; ++i) {
        tasks.push_back(create_task(take()));
        co_await until_parked(tasks.back());
    }
    semaphore.release(0);
    EXPECT_EQ(waiters(semaphore), 4U);
    semaphore.release(3);
    co_await settle(tasks[0], tasks[1], tasks[2]);
    EXPECT_EQ(passed, 3);
    EXPECT_EQ(waiters(semaphore), 1U);
    EXPECT_EQ(semaphore.value(), 0);
    EXPECT_TRUE(semaphore.locked());
    semaphore.release(3);
    co_await tasks[3];
    EXPECT_EQ(passed, 4);
    EXPECT_EQ(semaphore.value(), 2);
}

template <class S>
void check_negative_release() {
    S semaphore(2);
    EXPECT_TRUE(semaphore.try_acquire());
    EXPECT_NE(thrown<std::invalid_argument>([&] { semaphore.release(-1); }), "");
    EXPECT_EQ(semaphore.value(), 1);
}

template <class S>
Coro<void> check_guard() {
    S semaphore(2);
    S other(1);
    auto held = co_await semaphore.scoped();
    EXPECT_TRUE(held.owns());
    EXPECT_EQ(semaphore.value(), 1);
    {
        const auto second = co_await semaphore.scoped();
        EXPECT_EQ(semaphore.value(), 0);
        const auto moved = std::move(held);
        EXPECT_TRUE(moved.owns());
        EXPECT_FALSE(
            held.owns());  // NOLINT(bugprone-use-after-move): a guard that was moved from owns nothing
        EXPECT_EQ(semaphore.value(), 0);
    }
    EXPECT_EQ(semaphore.value(), 2);
    held = co_await semaphore.scoped();
    EXPECT_EQ(semaphore.value(), 1);
    held = co_await other.scoped();
    EXPECT_EQ(semaphore.value(), 2);
    EXPECT_EQ(other.value(), 0);
    held.release();
    held.release();
    EXPECT_FALSE(held.owns());
    EXPECT_EQ(other.value(), 1);
}

template <class S>
void check_blocking() {
    S semaphore(1);
    std::vector<int> log;
    semaphore.acquire_blocking();
    EXPECT_EQ(semaphore.value(), 0);
    BlockingThread first([&] {
        semaphore.acquire_blocking();
        log.push_back(1);
        semaphore.release();
    });
    until_blocking([&] { return first.parked(); });
    BlockingThread second([&] {
        semaphore.acquire_blocking();
        log.push_back(2);
        semaphore.release();
    });
    until_blocking([&] { return second.parked(); });
    EXPECT_EQ(waiters(semaphore), 2U);
    EXPECT_FALSE(semaphore.try_acquire());
    semaphore.release();
    first.join();
    second.join();
    EXPECT_EQ(log, (std::vector<int>{1, 2}));
    EXPECT_EQ(semaphore.value(), 1);
}

template <class S>
Coro<void> check_blocking_on_a_worker() {
    S semaphore(1);
    EXPECT_NE(thrown<std::runtime_error>([&] { semaphore.acquire_blocking(); }), "");
    EXPECT_EQ(semaphore.value(), 1);
    co_await semaphore.acquire();
    EXPECT_NE(thrown<std::runtime_error>([&] { semaphore.acquire_blocking(); }), "");
    EXPECT_EQ(waiters(semaphore), 0U);
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 1);
}

}  // namespace heddle::test
