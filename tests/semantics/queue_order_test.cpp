#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

// asyncio's queues: the order in which items come out and putters get in.

namespace heddle::test {
namespace {

class QueueOrder : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueOrder);

TEST_P(QueueOrder, QUE_03_a_queue_is_first_in_first_out) {
    heddle::Queue<int> queue;
    run([&]() -> Coro<void> {
        fill(queue, {1, 3, 2});
        std::vector<int> got;
        for (int i = 0; i < 3; ++i) {
            got.push_back(co_await queue.get());
        }
        EXPECT_EQ(got, (std::vector<int>{1, 3, 2}));
        // Over many of the container's segments, filled and emptied in turns.
        int in = 0;
        int out = 0;
        for (int step = 1; step <= 60; ++step) {
            for (int i = 0; i < step; ++i) {
                co_await queue.put(in++);
            }
            for (int i = 0; i < step / 2; ++i) {
                const int value = co_await queue.get();
                EXPECT_EQ(value, out++);
            }
        }
        EXPECT_EQ(queue.qsize(), in - out);
        while (out < in) {
            EXPECT_EQ(queue.get_nowait(), out++);
        }
        expect_idle(queue);
    });
}

TEST_P(QueueOrder, QUE_04_a_lifo_queue_is_last_in_first_out) {
    LifoQueue<int> queue;
    fill(queue, {1, 3, 2});
    EXPECT_EQ(drain(queue), (std::vector<int>{2, 3, 1}));
    fill(queue, {1, 2});
    EXPECT_EQ(queue.get_nowait(), 2);
    fill(queue, {3, 4});
    EXPECT_EQ(drain(queue), (std::vector<int>{4, 3, 1}));
}

TEST_P(QueueOrder, QUE_05_a_priority_queue_gives_the_smallest) {
    PriorityQueue<int> queue;
    fill(queue, {1, 3, 2});
    EXPECT_EQ(drain(queue), (std::vector<int>{1, 2, 3}));
    fill(queue, {5, 1, 5, 4});
    EXPECT_EQ(queue.get_nowait(), 1);
    fill(queue, {2, 5});
    EXPECT_EQ(drain(queue), (std::vector<int>{2, 4, 5, 5, 5}));
    std::vector<int> all;
    for (int i = 0; i < 1000; ++i) {
        all.push_back((i * 7919) % 1000);
        queue.put_nowait(all.back());
    }
    EXPECT_EQ(drain(queue), sorted(all));
}

TEST_P(QueueOrder, QUE_16_putters_are_served_in_order_of_arrival) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            std::array<Outcome, 4> put;
            queue.put_nowait(0);
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 4; ++i) {
                tasks.push_back(create_task(give(queue, 4 - i, put[static_cast<std::size_t>(i)])));
                co_await until_parked(tasks.back());
            }
            std::vector<int> got;
            for (int i = 0; i < 5; ++i) {
                got.push_back(co_await queue.get());
            }
            EXPECT_EQ(got, (std::vector<int>{0, 4, 3, 2, 1}));
            co_await settle_all(tasks);
            expect_idle(queue);
        });
    });
}

TEST_P(QueueOrder, QUE_20_items_of_one_producer_stay_in_order) {
    heddle::Queue<int> queue(3);
    constexpr int each_puts = 300;
    auto produce = [&](int id) -> Coro<void> {
        for (int i = 0; i < each_puts; ++i) {
            co_await queue.put(id * 1000 + i);
        }
    };
    std::array<std::vector<int>, 2> got;
    auto consume = [&](std::vector<int>& log) -> Coro<void> {
        for (int i = 0; i < each_puts; ++i) {
            log.push_back(co_await queue.get());
        }
    };
    run([&]() -> Coro<void> {
        const Task<void> p1 = create_task(produce(1));
        const Task<void> p2 = create_task(produce(2));
        const Task<void> c1 = create_task(consume(got[0]));
        const Task<void> c2 = create_task(consume(got[1]));
        co_await settle(p1, p2, c1, c2);
    });
    std::vector<int> all;
    for (const std::vector<int>& log : got) {
        std::array<int, 3> last{-1, -1, -1};
        for (const int value : log) {
            int& before = last[static_cast<std::size_t>(value / 1000)];
            EXPECT_LT(before, value % 1000);
            before = value % 1000;
            all.push_back(value);
        }
    }
    std::ranges::sort(all);
    EXPECT_TRUE(std::ranges::unique(all).empty());
    EXPECT_EQ(all.size(), 2U * each_puts);
    expect_idle(queue);
}

}  // namespace
}  // namespace heddle::test
