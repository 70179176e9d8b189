#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

// asyncio.Event.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Event : public OverWorkers {
protected:
    /// Waits once and counts itself.
    Coro<bool> wait_once() {
        const bool result = co_await event.wait();
        ++returned;
        co_return result;
    }

    heddle::Event event;
    std::atomic<int> returned{0};
};
HEDDLE_OVER_WORKERS(Event);

TEST_P(Event, EVT_01_set_and_clear) {
    EXPECT_FALSE(event.is_set());
    event.set();
    EXPECT_TRUE(event.is_set());
    event.clear();
    EXPECT_FALSE(event.is_set());
}

TEST_P(Event, EVT_02_a_set_event_does_not_suspend) {
    auto raise = [](bool& flag) -> Coro<void> {
        flag = true;
        co_return;
    };
    auto with_a_request = [&]() -> Coro<bool> {
        current_task().cancel();
        const bool result = co_await event.wait();
        current_task().uncancel();
        co_return result;
    };
    run([&]() -> Coro<void> {
        bool ran = false;
        event.set();
        const Task<void> bystander = create_task(raise(ran));
        const bool result = co_await event.wait();
        if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
            EXPECT_FALSE(ran) << "wait() suspended";
        }
        EXPECT_TRUE(result);
        // A wait that does not suspend does not deliver a cancellation either.
        const bool again = co_await create_task(with_a_request());
        EXPECT_TRUE(again);
        co_await bystander;
    });
}

TEST_P(Event, EVT_03_set_wakes_all_who_wait) {
    run([&]() -> Coro<void> {
        const Task<bool> a = create_task(wait_once());
        const Task<bool> b = create_task(wait_once());
        co_await until_parked(a, b);
        EXPECT_EQ(returned, 0);
        const Task<bool> c = create_task(wait_once());
        event.set();
        co_await settle(a, b, c);
        EXPECT_TRUE(a.result() && b.result() && c.result());
        EXPECT_EQ(returned, 3);
        EXPECT_EQ(waiters(event), 0U);
    });
}

TEST_P(Event, EVT_04_set_then_clear_still_wakes_who_waited) {
    run([&]() -> Coro<void> {
        for (int round = 1; round <= 200; ++round) {
            const Task<bool> w = create_task(wait_once());
            co_await until_parked(w);
            event.set();
            event.clear();
            EXPECT_FALSE(event.is_set());
            const bool result = co_await w;
            EXPECT_TRUE(result);
            EXPECT_EQ(returned, round);
        }
    });
}

TEST_P(Event, EVT_05_a_second_set_wakes_nobody_twice) {
    run([&]() -> Coro<void> {
        for (int round = 1; round <= 100; ++round) {
            event.clear();
            const Task<bool> w = create_task(wait_once());
            co_await until_parked(w);
            event.set();
            event.set();
            event.clear();
            event.set();
            const bool result = co_await w;
            EXPECT_TRUE(result);
            EXPECT_EQ(returned, round);
            EXPECT_EQ(waiters(event), 0U);
        }
    });
}

TEST_P(Event, EVT_06_an_old_set_is_not_remembered) {
    run([&]() -> Coro<void> {
        event.set();
        event.clear();
        const Task<bool> w = create_task(wait_once());
        co_await until_parked(w);
        co_await yield();
        EXPECT_EQ(returned, 0);
        EXPECT_EQ(waiters(event), 1U);
        event.set();
        co_await settle(w);
        EXPECT_TRUE(w.result());
    });
}

TEST_P(Event, EVT_07_set_and_clear_may_be_repeated) {
    run([&]() -> Coro<void> {
        event.clear();
        EXPECT_FALSE(event.is_set());
        const Task<bool> w = create_task(wait_once());
        co_await until_parked(w);
        event.clear();
        EXPECT_TRUE(detail::is_parked(w));
        event.set();
        event.set();
        EXPECT_TRUE(event.is_set());
        co_await settle(w);
        const bool at_once = co_await event.wait();
        EXPECT_TRUE(at_once);
        event.clear();
        event.clear();
        EXPECT_FALSE(event.is_set());
    });
}

TEST_P(Event, EVT_08_a_cancelled_waiter_leaves_nothing_behind) {
    run([&]() -> Coro<void> {
        const Task<bool> w = create_task(wait_once());
        co_await until_parked(w);
        EXPECT_TRUE(w.cancel());
        co_await settle(w);
        EXPECT_TRUE(w.cancelled());
        EXPECT_EQ(waiters(event), 0U);
        EXPECT_FALSE(event.is_set());
        event.set();
        EXPECT_TRUE(event.is_set());
        EXPECT_EQ(returned, 0);
    });
}

TEST_P(Event, EVT_09_the_others_are_woken_once_each) {
    constexpr std::size_t n = 10;
    run([&]() -> Coro<void> {
        for (std::size_t out = 0; out < n; ++out) {
            std::vector<Task<bool>> tasks;
            event.clear();
            returned = 0;
            for (std::size_t i = 0; i < n; ++i) {
                tasks.push_back(create_task(wait_once()));
            }
            for (const Task<bool>& task : tasks) {
                co_await until_parked(task);
            }
            tasks[out].cancel();
            event.set();
            co_await settle_all(tasks);
            EXPECT_EQ(returned, static_cast<int>(n - 1));
            for (std::size_t i = 0; i < n; ++i) {
                EXPECT_EQ(tasks[i].cancelled(), i == out);
            }
            EXPECT_EQ(waiters(event), 0U);
        }
    });
}

TEST_P(Event, EVT_10_cancelling_a_woken_waiter_disturbs_nobody_else) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 200; ++round) {
            event.clear();
            returned = 0;
            const Task<bool> a = create_task(wait_once());
            const Task<bool> b = create_task(wait_once());
            co_await until_parked(a, b);
            event.set();
            const bool accepted = a.cancel();
            co_await settle(a, b);
            EXPECT_EQ(a.cancelled() || a.cancelling() > 0, accepted);
            EXPECT_FALSE(b.cancelled());
            EXPECT_TRUE(event.is_set());
            if (workers() == 1) {
                EXPECT_TRUE(a.cancelled());
                EXPECT_EQ(returned, 1);
            }
        }
    });
}

TEST_P(Event, EVT_11_a_wait_that_times_out_changes_nothing) {
    run([&]() -> Coro<void> {
        bool timed_out = false;
        try {
            co_await wait_for(event.wait(), 5ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_FALSE(event.is_set());
        EXPECT_EQ(waiters(event), 0U);
        const Task<bool> w = create_task(wait_once());
        co_await until_parked(w);
        event.set();
        const bool result = co_await w;
        EXPECT_TRUE(result);
        const bool in_time = co_await wait_for(event.wait(), 60s);
        EXPECT_TRUE(in_time);
    });
}

TEST_P(Event, EVT_12_no_production_goes_unnoticed) {
    constexpr int items = 2000;
    std::atomic<int> produced{0};
    auto produce = [&]() -> Coro<void> {
        for (int i = 0; i < items; ++i) {
            ++produced;
            event.set();
            if (i % 7 == 0) {
                co_await yield();
            }
        }
    };
    auto consume = [&]() -> Coro<int> {
        int consumed = 0;
        while (consumed < items) {
            co_await event.wait();
            event.clear();
            consumed = produced;
        }
        co_return consumed;
    };
    run([&]() -> Coro<void> {
        const Task<int> consumer = create_task(consume());
        const Task<void> producer = create_task(produce());
        const int consumed = co_await consumer;
        EXPECT_EQ(consumed, items);
        co_await producer;
    });
}

}  // namespace
}  // namespace heddle::test
