#include "support/fixture.hpp"
#include "support/hold.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

// asyncio.BoundedSemaphore: what differs from Semaphore.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class BoundedSemaphore : public OverWorkers {};
HEDDLE_OVER_WORKERS(BoundedSemaphore);

/// Releases and expects to be refused, in asyncio's words, with nothing changed.
void expect_refused(heddle::BoundedSemaphore& semaphore) {
    const auto before = semaphore.value();
    std::string what;
    try {
        semaphore.release();
    } catch (const std::invalid_argument& error) {
        what = error.what();
    }
    EXPECT_EQ(what, "BoundedSemaphore released too many times");
    EXPECT_EQ(semaphore.value(), before);
}

TEST_P(BoundedSemaphore, BSEM_01_a_surplus_release_is_an_error) {
    heddle::BoundedSemaphore one;
    expect_refused(one);
    EXPECT_EQ(one.value(), 1);
    EXPECT_FALSE(one.locked());
}

TEST_P(BoundedSemaphore, BSEM_02_as_many_releases_as_acquires) {
    for (const std::ptrdiff_t k : {std::ptrdiff_t{1}, std::ptrdiff_t{2}, std::ptrdiff_t{7}}) {
        heddle::BoundedSemaphore semaphore(k);
        run([&]() -> Coro<void> {
            for (std::ptrdiff_t i = 0; i < k; ++i) {
                co_await semaphore.acquire();
            }
            EXPECT_TRUE(semaphore.locked());
            for (std::ptrdiff_t i = 0; i < k; ++i) {
                semaphore.release();
            }
        });
        EXPECT_EQ(semaphore.value(), k);
        expect_refused(semaphore);
    }
}

TEST_P(BoundedSemaphore, BSEM_03_without_permits_every_release_is_one_too_many) {
    heddle::BoundedSemaphore none(0);
    EXPECT_TRUE(none.locked());
    expect_refused(none);
    expect_refused(none);
    EXPECT_FALSE(none.try_acquire());
    EXPECT_THROW(heddle::BoundedSemaphore(-1), std::invalid_argument);
    // Also when somebody waits: he is not woken.
    auto take = [&]() -> Coro<void> { co_await none.acquire(); };
    run([&]() -> Coro<void> {
        const Task<void> w = create_task(take());
        co_await until_parked(w);
        expect_refused(none);
        co_await yield();
        EXPECT_EQ(waiters(none), 1U);
        w.cancel();
        co_await settle(w);
        EXPECT_TRUE(w.cancelled());
    });
}

TEST_P(BoundedSemaphore, BSEM_04_a_permit_handed_over_counts_as_held) {
    heddle::BoundedSemaphore semaphore(1);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            auto take = [&]() -> Coro<void> { co_await semaphore.acquire(); };
            co_await semaphore.acquire();
            const Task<void> w = create_task(take());
            co_await until_parked(w);
            semaphore.release();
            semaphore.release();
            co_await w;
            EXPECT_EQ(semaphore.value(), 1);
            expect_refused(semaphore);
        }
    });
}

TEST_P(BoundedSemaphore, BSEM_05_a_cancelled_winner_gives_its_permit_back_within_the_bound) {
    heddle::BoundedSemaphore semaphore(1);
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            std::atomic<int> grants{0};
            co_await semaphore.acquire();
            const Task<LateCancel> w = create_task(take_and_yield(semaphore, grants));
            co_await until_parked(w);
            semaphore.release();
            const bool accepted = w.cancel();
            co_await settle(w);
            expect_late_cancel(w, accepted, grants == 1, workers() == 1);
            EXPECT_EQ(semaphore.value(), 1);
            expect_refused(semaphore);
        }
    });
}

TEST_P(BoundedSemaphore, BSEM_06_an_erroneous_release_leaves_it_usable) {
    heddle::BoundedSemaphore semaphore(2);
    std::vector<int> log;
    Event go;
    std::atomic<int> grants{0};
    run([&]() -> Coro<void> {
        expect_refused(semaphore);
        co_await semaphore.acquire();
        co_await semaphore.acquire();
        // In order of arrival.
        const Task<void> w1 = create_task(note(semaphore, log, 1));
        co_await until_parked(w1);
        const Task<void> w2 = create_task(note(semaphore, log, 2));
        co_await until_parked(w2);
        EXPECT_EQ(waiters(semaphore), 2U);
        // Cancelled: nothing taken, the next one passes.
        w1.cancel();
        semaphore.release();
        co_await settle(w1, w2);
        EXPECT_EQ(log, std::vector<int>{2});
        EXPECT_EQ(semaphore.value(), 1);
        semaphore.release();
        expect_refused(semaphore);
        // The guard, with a cancellation inside.
        const Task<void> w3 = create_task(hold(semaphore, grants, go));
        co_await until_parked(w3);
        EXPECT_EQ(semaphore.value(), 1);
        w3.cancel();
        co_await settle(w3);
        EXPECT_EQ(semaphore.value(), 2);
        // Timed out: nothing taken.
        co_await semaphore.acquire();
        co_await semaphore.acquire();
        bool timed_out = false;
        try {
            co_await wait_for(semaphore.acquire(), 5ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        semaphore.release(2);
        EXPECT_EQ(semaphore.value(), 2);
        expect_refused(semaphore);
    });
}

TEST_P(BoundedSemaphore, BSEM_07_of_two_surplus_releases_exactly_one_fails) {
    constexpr std::ptrdiff_t bound = 3;
    heddle::BoundedSemaphore semaphore(bound);
    std::atomic<int> refused{0};
    std::atomic<int> ready{0};
    auto release = [&]() -> Coro<void> {
        auto both_here = [&] { return ready >= 2; };
        ++ready;
        co_await until(both_here);
        try {
            semaphore.release();
        } catch (const std::invalid_argument&) {
            ++refused;
        }
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 500; ++round) {
            refused = 0;
            ready = 0;
            co_await semaphore.acquire();
            const Task<void> a = create_task(release());
            const Task<void> b = create_task(release());
            co_await settle(a, b);
            EXPECT_EQ(refused, 1);
            EXPECT_EQ(semaphore.value(), bound);
        }
    });
}

}  // namespace
}  // namespace heddle::test
