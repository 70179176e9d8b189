#include "support/memory.hpp"

#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

// Waits that give up leave nothing behind, though nobody ever releases, sets or puts: the memory of the
// process after many of them is what it was after the first ones.
//
// HEDDLE_MEMORY_WAITS: how many, per primitive and way of giving up.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Memory : public OverWorkers {};
HEDDLE_OVER_WORKERS(Memory);

std::size_t total_waits() {
    const char* text =
        std::getenv("HEDDLE_MEMORY_WAITS");  // NOLINT(concurrency-mt-unsafe): nobody changes it
    if (text != nullptr) {
        return std::stoul(text);
    }
    return sanitized ? 10'000 : 100'000;
}

/// Waits that are cancelled, a batch of tasks at a time; the first 100 000 are warming up.
template <class Wait>
Coro<void> many_cancelled(Wait& wait, std::size_t total) {
    constexpr std::size_t batch = 100;
    std::size_t before = 0;
    for (std::size_t done = 0; done < total; done += batch) {
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < batch; ++i) {
            tasks.push_back(create_task(wait()));
        }
        // Not all of them are parked yet: those are cancelled while they are on their way.
        co_await yield();
        for (const Task<void>& task : tasks) {
            task.cancel();
        }
        co_await settle_all(tasks);
        const std::size_t warm_up = std::min(total / 2, std::size_t{100'000});
        if (done <= warm_up) {
            before = resident_bytes();
        }
    }
    if (!sanitized) {
        EXPECT_LE(resident_bytes(), before + (std::size_t{4} << 20U)) << "grows with the number of waits";
    }
}

/// Waits that time out, one after the other in each of several tasks.
template <class Wait>
Coro<void> many_timed_out(Wait& wait, std::size_t total) {
    constexpr std::size_t tasks_at_once = 500;
    auto time_out = [&](std::size_t n) -> Coro<void> {
        for (std::size_t i = 0; i < n; ++i) {
            bool timed_out = false;
            try {
                co_await wait_for(wait(), 10us);
            } catch (const TimeoutError&) {
                timed_out = true;
            }
            EXPECT_TRUE(timed_out);
        }
    };
    const std::size_t warm_up = std::min(total / 2, std::size_t{100'000});
    std::size_t before = 0;
    for (const std::size_t waits : {warm_up, total - warm_up}) {
        std::vector<Task<void>> tasks;
        for (std::size_t i = 0; i < tasks_at_once; ++i) {
            tasks.push_back(create_task(time_out(waits / tasks_at_once)));
        }
        co_await settle_all(tasks);
        if (before == 0) {
            before = resident_bytes();
        }
    }
    if (!sanitized) {
        EXPECT_LE(resident_bytes(), before + (std::size_t{4} << 20U)) << "grows with the number of waits";
    }
}

template <class Wait>
Coro<void> many(Wait& wait) {
    const std::size_t total = total_waits();
    co_await many_cancelled(wait, total);
    co_await many_timed_out(wait, total);
}

TEST_P(Memory, WaitsOnALockThatIsNeverReleased) {
    Lock lock;
    auto wait = [&]() -> Coro<void> { co_await lock.acquire(); };
    run([&]() -> Coro<void> {
        co_await lock.acquire();
        co_await many(wait);
        EXPECT_EQ(waiters(lock), 0U);
        lock.release();
    });
}

TEST_P(Memory, WaitsForAnEventThatIsNeverSet) {
    Event event;
    auto wait = [&]() -> Coro<void> { static_cast<void>(co_await event.wait()); };
    run([&]() -> Coro<void> {
        co_await many(wait);
        EXPECT_EQ(waiters(event), 0U);
    });
}

TEST_P(Memory, GetsFromAQueueThatStaysEmpty) {
    Queue<int> queue;
    auto wait = [&]() -> Coro<void> { static_cast<void>(co_await queue.get()); };
    run([&]() -> Coro<void> {
        co_await many(wait);
        EXPECT_EQ(detail::Inspect::getters(queue), 0U);
    });
}

}  // namespace
}  // namespace heddle::test
