#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// put_many() and get_many(): batches of items.

namespace heddle::test {
namespace {

class QueueMany : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueMany);

std::vector<int> numbers(int from, int to) {
    std::vector<int> values;
    for (int i = from; i < to; ++i) {
        values.push_back(i);
    }
    return values;
}

template <class Q>
Coro<void> put_all(Q& queue, std::vector<int>& values, How& how) {
    try {
        co_await queue.put_many(values);
        how = How::ok;
    } catch (...) {
        how = caught();
    }
}
template <class Q>
Coro<void> take_many(Q& queue, std::size_t max, std::vector<int>& got, How& how) {
    try {
        got = co_await queue.get_many(max);
        how = How::ok;
    } catch (...) {
        how = caught();
    }
}

TEST_P(QueueMany, a_batch_is_put_and_got_whole) {
    each([&](auto kind) {
        for (const int maxsize : {0, 8}) {
            auto queue = kind(maxsize);
            run([&]() -> Coro<void> {
                std::vector<int> values = numbers(0, 8);
                co_await queue.put_many(values);
                EXPECT_TRUE(values.empty());
                EXPECT_EQ(queue.qsize(), 8);
                const std::vector<int> some = co_await queue.get_many(3);
                EXPECT_EQ(some.size(), 3U);
                EXPECT_EQ(queue.qsize(), 5);
                std::vector<int> rest = co_await queue.get_many(1000);
                EXPECT_EQ(rest.size(), 5U);
                rest.insert(rest.end(), some.begin(), some.end());
                EXPECT_EQ(sorted(rest), numbers(0, 8));
                for (int i = 0; i < 8; ++i) {
                    queue.task_done();
                }
                co_await queue.join();
                EXPECT_THROW(queue.task_done(), std::invalid_argument);
                co_await queue.put_many(std::vector<int>{});
                auto two = queue.put_many({4, 5});
                co_await two;
                EXPECT_EQ(queue.qsize(), 2);
                EXPECT_EQ(queue.try_get_many(9).size(), 2U);
                EXPECT_TRUE(queue.try_get_many(9).empty());
            });
            expect_idle(queue);
        }
    });
}

TEST_P(QueueMany, the_order_is_that_of_single_items) {
    run([&]() -> Coro<void> {
        heddle::Queue<int> fifo;
        LifoQueue<int> lifo;
        PriorityQueue<int> priority;
        const std::vector<int> values{3, 1, 2};
        co_await fifo.put_many(std::vector<int>(values));
        co_await lifo.put_many(std::vector<int>(values));
        co_await priority.put_many(std::vector<int>(values));
        EXPECT_EQ(fifo.try_get_many(9), (std::vector<int>{3, 1, 2}));
        EXPECT_EQ(lifo.try_get_many(9), (std::vector<int>{2, 1, 3}));
        EXPECT_EQ(priority.try_get_many(9), (std::vector<int>{1, 2, 3}));
    });
}

TEST_P(QueueMany, a_batch_larger_than_the_queue_goes_in_as_room_appears) {
    each([&](auto kind) {
        auto queue = kind(3);
        run([&]() -> Coro<void> {
            std::vector<int> values = numbers(0, 10);
            How how = How::pending;
            const Task<void> putter = create_task(put_all(queue, values, how));
            std::vector<int> got;
            while (got.size() < 10) {
                if (got.size() < 7) {
                    co_await until([&] { return queue.full() && putters(queue) == 1; });
                }
                const std::vector<int> some = co_await queue.get_many(2);
                got.insert(got.end(), some.begin(), some.end());
            }
            co_await putter;
            EXPECT_EQ(how, How::ok);
            EXPECT_TRUE(values.empty());
            EXPECT_EQ(sorted(got), numbers(0, 10));
        });
        expect_idle(queue);
    });
}

TEST_P(QueueMany, a_batch_wakes_as_many_getters) {
    each([&](auto kind) {
        auto queue = kind(0);
        run([&]() -> Coro<void> {
            std::vector<Outcome> outcomes(5);
            std::vector<Task<void>> tasks;
            for (Outcome& outcome : outcomes) {
                tasks.push_back(create_task(take(queue, outcome)));
            }
            co_await until([&] { return getters(queue) == 5; });
            co_await queue.put_many(numbers(0, 3));
            co_await until([&] { return getters(queue) == 2 && queue.qsize() == 0; });
            co_await queue.put_many(numbers(3, 7));
            for (const Task<void>& task : tasks) {
                co_await task;
            }
            std::vector<int> got = queue.try_get_many(9);
            EXPECT_EQ(got.size(), 2U);
            for (const Outcome& outcome : outcomes) {
                EXPECT_EQ(outcome.how, How::ok);
                got.push_back(outcome.value);
            }
            EXPECT_EQ(sorted(got), numbers(0, 7));
        });
        expect_idle(queue);
    });
}

TEST_P(QueueMany, a_cancelled_put_leaves_what_was_not_put_with_the_caller) {
    each([&](auto kind) {
        auto queue = kind(3);
        run([&]() -> Coro<void> {
            std::vector<int> values = numbers(0, 5);
            How how = How::pending;
            const Task<void> putter = create_task(put_all(queue, values, how));
            co_await until([&] { return putters(queue) == 1; });
            putter.cancel();
            co_await putter;
            EXPECT_EQ(how, How::cancelled);
            EXPECT_EQ(values, numbers(3, 5));
            EXPECT_EQ(sorted(drain(queue)), numbers(0, 3));
        });
        expect_idle(queue);
    });
}

TEST_P(QueueMany, a_cancelled_or_timed_out_get_takes_nothing) {
    each([&](auto kind) {
        auto queue = kind(3);
        run([&]() -> Coro<void> {
            std::vector<int> got;
            How how = How::pending;
            const Task<void> getter = create_task(take_many(queue, 4, got, how));
            co_await until([&] { return getters(queue) == 1; });
            getter.cancel();
            co_await getter;
            EXPECT_EQ(how, How::cancelled);
            const std::string late =
                co_await ending(wait_for(queue.get_many(4), std::chrono::milliseconds(1)));
            EXPECT_EQ(late, "TimeoutError");
        });
        expect_idle(queue);
    });
}

TEST_P(QueueMany, shutdown_ends_both) {
    each([&](auto kind) {
        for (const bool immediate : {false, true}) {
            auto queue = kind(2);
            run([&]() -> Coro<void> {
                std::vector<int> values = numbers(0, 5);
                How how = How::pending;
                const Task<void> putter = create_task(put_all(queue, values, how));
                co_await until([&] { return putters(queue) == 1; });
                queue.shutdown(immediate);
                co_await putter;
                EXPECT_EQ(how, How::shut_down);
                EXPECT_EQ(values, numbers(2, 5));
                if (!immediate) {
                    const std::vector<int> left = co_await queue.get_many(100);
                    EXPECT_EQ(sorted(left), numbers(0, 2));
                }
                EXPECT_THROW(static_cast<void>(queue.try_get_many(1)), QueueShutDown);
                std::vector<int> none;
                how = How::pending;
                co_await take_many(queue, 1, none, how);
                EXPECT_EQ(how, How::shut_down);
                EXPECT_EQ(queue.qsize(), 0);
            });
        }
    });
}

// A put that is refused has begun nothing: it must not be the one that ends last.
TEST_P(QueueMany, a_refused_batch_leaves_a_shut_down_queue_as_it_was) {
    each([&](auto kind) {
        auto queue = kind(2);
        std::vector<int> kept = numbers(0, 1);
        queue.put_many_blocking(kept);
        queue.shutdown();
        for (int i = 0; i < 4; ++i) {
            std::vector<int> values = numbers(1, 3);
            EXPECT_THROW(queue.put_many_blocking(values), QueueShutDown);
            EXPECT_EQ(values, numbers(1, 3));
            EXPECT_EQ(queue.qsize(), 1);
        }
        EXPECT_EQ(queue.get_blocking(), 0);
        EXPECT_THROW(static_cast<void>(queue.try_get()), QueueShutDown);
        EXPECT_EQ(queue.qsize(), 0);
    });
}

TEST_P(QueueMany, wrong_calls_change_nothing) {
    heddle::Queue<int> queue(1);
    EXPECT_THROW(static_cast<void>(queue.get_many(0)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(queue.try_get_many(0)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(queue.get_many_blocking(0)), std::invalid_argument);
    run([&]() -> Coro<void> {
        std::vector<int> values{1};
        EXPECT_THROW(queue.put_many_blocking(values), std::runtime_error);
        EXPECT_THROW(static_cast<void>(queue.get_many_blocking(1)), std::runtime_error);
        EXPECT_EQ(values.size(), 1U);
        co_return;
    });
    expect_idle(queue);
}

TEST_P(QueueMany, items_that_cannot_be_copied_pass_between_threads) {
    heddle::Queue<std::unique_ptr<int>> queue(4);
    constexpr int rounds = 50;
    constexpr int batch = 7;
    std::atomic<int> sum{0};
    Event all_put;
    std::thread producer([&] {
        for (int round = 0; round < rounds; ++round) {
            std::vector<std::unique_ptr<int>> values;
            for (int i = 0; i < batch; ++i) {
                values.push_back(std::make_unique<int>(i));
            }
            queue.put_many_blocking(std::move(values));
        }
        all_put.set();
    });
    std::thread consumer([&] {
        try {
            for (;;) {
                for (const std::unique_ptr<int>& value : queue.get_many_blocking(3)) {
                    sum += *value;
                    queue.task_done();
                }
            }
        } catch (const QueueShutDown&) {  // NOLINT(bugprone-empty-catch): the end
        }
    });
    run([&]() -> Coro<void> {
        std::vector<Task<void>> producers;
        std::vector<Task<void>> consumers;
        const auto produce = [&]() -> Coro<void> {
            for (int round = 0; round < rounds; ++round) {
                std::vector<std::unique_ptr<int>> values;
                for (int i = 0; i < batch; ++i) {
                    values.push_back(std::make_unique<int>(i));
                }
                co_await queue.put_many(values);
            }
        };
        const auto consume = [&]() -> Coro<void> {
            try {
                for (;;) {
                    const std::vector<std::unique_ptr<int>> some = co_await queue.get_many(5);
                    for (const std::unique_ptr<int>& value : some) {
                        sum += *value;
                        queue.task_done();
                    }
                }
            } catch (const QueueShutDown&) {  // NOLINT(bugprone-empty-catch): the end
            }
        };
        for (int i = 0; i < 3; ++i) {
            producers.push_back(create_task(produce()));
            consumers.push_back(create_task(consume()));
        }
        for (const Task<void>& task : producers) {
            co_await task;
        }
        co_await all_put.wait();
        queue.shutdown();
        for (const Task<void>& task : consumers) {
            co_await task;
        }
    });
    producer.join();
    queue.join_blocking();
    queue.shutdown();
    consumer.join();
    EXPECT_EQ(sum, 4 * rounds * (batch * (batch - 1) / 2));
}

/// Cannot be moved any more once so many moves were made.
struct Brittle {
    static inline int moves_left = 0;
    int value = 0;
    explicit Brittle(int v) : value(v) {}
    // NOLINTNEXTLINE(performance-noexcept-move-constructor, bugprone-exception-escape): the point
    Brittle(Brittle&& other) : value(other.value) {
        if (moves_left-- == 0) {
            throw std::runtime_error("cannot be moved");
        }
    }
    Brittle& operator=(Brittle&& other) = default;  // NOLINT(performance-noexcept-move-constructor)
    Brittle(const Brittle&) = delete;
    Brittle& operator=(const Brittle&) = delete;
    ~Brittle() = default;
};

TEST_P(QueueMany, an_item_that_cannot_be_moved_takes_no_other_with_it) {
    heddle::Queue<Brittle> queue(8);
    run([&]() -> Coro<void> {
        Brittle::moves_left = 1000;
        std::vector<Brittle> values;
        values.reserve(4);
        for (int i = 0; i < 4; ++i) {
            values.emplace_back(i);
        }
        Brittle::moves_left = 2;
        const auto put = [&]() -> Coro<void> { co_await queue.put_many(values); };
        const std::string how = co_await ending(put());
        Brittle::moves_left = 1000;
        EXPECT_EQ(how, "cannot be moved");
        EXPECT_EQ(values.size(), 2U);
        EXPECT_EQ(queue.qsize(), 2);
        const auto get = [&]() -> Coro<std::size_t> {
            const std::vector<Brittle> some = co_await queue.get_many(8);
            EXPECT_EQ(some.size(), 1U);
            co_return some.size();
        };
        Brittle::moves_left = 0;
        const std::string lost = co_await ending(get());
        Brittle::moves_left = 1000;
        EXPECT_EQ(lost, "cannot be moved");
        EXPECT_EQ(queue.qsize(), 1);
        const std::size_t one = co_await get();
        EXPECT_EQ(one, 1U);
        EXPECT_TRUE(queue.empty());
        queue.task_done();
        queue.task_done();
        EXPECT_THROW(queue.task_done(), std::invalid_argument);
    });
}

TEST(QueueManyOutside, what_cannot_be_put_any_more_is_destroyed) {
    heddle::Queue<int> queue;
    queue.shutdown();
    std::vector<int> values = numbers(0, 3);
    EXPECT_THROW(queue.put_many_blocking(std::move(values)), QueueShutDown);
    EXPECT_TRUE(values.empty());  // NOLINT(bugprone-use-after-move): that is the question
}

TEST(QueueManyOutside, waiting_outside_of_a_task_is_refused) {
    heddle::Queue<int> queue(1);
    std::vector<int> values = numbers(0, 2);
    auto pending = queue.put_many(values);
    auto awaiter = pending.operator co_await();
    EXPECT_FALSE(awaiter.await_ready());
    EXPECT_EQ(awaiter.await_suspend(std::noop_coroutine()), std::noop_coroutine()) << "goes on at once";
    EXPECT_THROW(awaiter.await_resume(), std::runtime_error);
    EXPECT_EQ(putters(queue), 0U);
    EXPECT_EQ(queue.qsize(), 1);
    EXPECT_EQ(values, numbers(1, 2));
}

}  // namespace
}  // namespace heddle::test
