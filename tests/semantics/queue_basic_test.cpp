#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

// asyncio's queues: sizes, gets and puts that wait. Order, cancellation, join and shutdown have files of
// their own.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class QueueBasic : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueBasic);

TEST_P(QueueBasic, QUE_01_empty_tells_whether_there_is_an_item) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            EXPECT_TRUE(queue.empty());
            co_await queue.put(1);
            EXPECT_FALSE(queue.empty());
            EXPECT_EQ(queue.qsize(), 1);
            const int value = co_await queue.get();
            EXPECT_EQ(value, 1);
            EXPECT_TRUE(queue.empty());
            EXPECT_EQ(queue.qsize(), 0);
        });
    });
}

TEST_P(QueueBasic, QUE_02_full_compares_with_maxsize) {
    each([&](auto kind) {
        for (const int maxsize : {0, -1, -100}) {
            auto unbounded = kind(maxsize);
            EXPECT_FALSE(unbounded.full());
            for (int i = 0; i < 200; ++i) {
                unbounded.put_nowait(i);
                EXPECT_FALSE(unbounded.full());
            }
            EXPECT_EQ(unbounded.qsize(), 200);
        }
        auto one = kind(1);
        EXPECT_FALSE(one.full());
        one.put_nowait(1);
        EXPECT_TRUE(one.full());
        EXPECT_EQ(one.get_nowait(), 1);
        EXPECT_FALSE(one.full());
    });
}

TEST_P(QueueBasic, QUE_06_a_producer_waits_at_maxsize) {
    each([&](auto kind) {
        auto queue = kind(2);
        EXPECT_EQ(queue.maxsize(), 2);
        std::vector<int> put;
        auto produce = [&]() -> Coro<void> {
            for (const int value : {1, 2, 3}) {
                co_await queue.put(value);
                put.push_back(value);
            }
        };
        run([&]() -> Coro<void> {
            const Task<void> producer = create_task(produce());
            co_await until_parked(producer);
            EXPECT_EQ(put, (std::vector<int>{1, 2}));
            EXPECT_TRUE(queue.full());
            EXPECT_EQ(putters(queue), 1U);
            std::vector<int> got;
            got.push_back(co_await queue.get());
            co_await producer;
            EXPECT_EQ(put, (std::vector<int>{1, 2, 3}));
            for (const int value : drain(queue)) {
                got.push_back(value);
            }
            if (kind.fifo) {
                EXPECT_EQ(got, (std::vector<int>{1, 2, 3}));
            }
            EXPECT_EQ(sorted(got), (std::vector<int>{1, 2, 3}));
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_07_an_unbounded_put_never_waits) {
    each([&](auto kind) {
        auto queue = kind(0);
        bool ran = false;
        auto bystander = [&]() -> Coro<void> {
            ran = true;
            co_return;
        };
        run([&]() -> Coro<void> {
            const Task<void> other = create_task(bystander());
            for (int i = 0; i < 50; ++i) {
                co_await queue.put(i);
            }
            if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
                EXPECT_FALSE(ran) << "put() suspended";
            }
            co_await other;
            EXPECT_EQ(queue.qsize(), 50);
        });
    });
}

TEST_P(QueueBasic, QUE_08_an_item_and_a_slot_are_taken_at_once) {
    each([&](auto kind) {
        auto queue = kind(1);
        bool ran = false;
        auto bystander = [&]() -> Coro<void> {
            ran = true;
            co_return;
        };
        run([&]() -> Coro<void> {
            const Task<void> other = create_task(bystander());
            queue.put_nowait(1);
            const int first = co_await queue.get();
            EXPECT_EQ(first, 1);
            co_await queue.put(2);
            if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
                EXPECT_FALSE(ran) << "get() or put() suspended";
            }
            EXPECT_EQ(queue.get_nowait(), 2);
            co_await other;
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_09_get_nowait_on_an_empty_queue) {
    each([&](auto kind) {
        auto queue = kind(1);
        for (int i = 0; i < 3; ++i) {
            EXPECT_THROW(queue.get_nowait(), QueueEmpty);
            EXPECT_EQ(queue.try_get(), std::nullopt);
            EXPECT_EQ(queue.qsize(), 0);
        }
        expect_idle(queue);
    });
}

TEST_P(QueueBasic, QUE_10_put_nowait_on_a_full_queue) {
    each([&](auto kind) {
        auto queue = kind(1);
        queue.put_nowait(1);
        for (int i = 0; i < 3; ++i) {
            EXPECT_THROW(queue.put_nowait(2), QueueFull);
            EXPECT_FALSE(queue.try_put(3));
            EXPECT_EQ(queue.qsize(), 1);
        }
        EXPECT_EQ(drain(queue), std::vector<int>{1});
        queue.task_done();
        EXPECT_THROW(queue.task_done(), std::invalid_argument);
        expect_idle(queue);
    });
}

TEST_P(QueueBasic, QUE_13_get_waits_for_an_item) {
    each([&](auto kind) {
        auto queue = kind();
        auto put_later = [&](int value) -> Coro<void> {
            co_await sleep(1ms);
            queue.put_nowait(value);
        };
        run([&]() -> Coro<void> {
            Outcome got;
            const Task<void> getter = create_task(take(queue, got));
            co_await until_parked(getter);
            EXPECT_EQ(getters(queue), 1U);
            queue.put_nowait(1);
            co_await getter;
            EXPECT_EQ(got.how, How::ok);
            EXPECT_EQ(got.value, 1);

            const Task<void> timer = create_task(put_later(2));
            const int value = co_await queue.get();
            EXPECT_EQ(value, 2);
            co_await timer;
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_14_put_waits_for_a_slot) {
    each([&](auto kind) {
        auto queue = kind(1);
        auto get_later = [&]() -> Coro<int> {
            co_await sleep(1ms);
            co_return queue.get_nowait();
        };
        run([&]() -> Coro<void> {
            queue.put_nowait(1);
            Outcome put;
            const Task<void> putter = create_task(give(queue, 2, put));
            co_await until_parked(putter);
            EXPECT_EQ(putters(queue), 1U);
            EXPECT_EQ(queue.qsize(), 1);
            EXPECT_EQ(queue.get_nowait(), 1);
            co_await putter;
            EXPECT_EQ(put.how, How::ok);

            const Task<int> timer = create_task(get_later());
            co_await queue.put(3);
            const int value = co_await timer;
            EXPECT_EQ(value, 2);
            EXPECT_EQ(drain(queue), std::vector<int>{3});
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_15_a_get_wakes_one_putter) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            std::array<Outcome, 2> put;
            queue.put_nowait(1);
            const Task<void> b = create_task(give(queue, 2, put[0]));
            co_await until_parked(b);
            const Task<void> c = create_task(give(queue, 3, put[1]));
            co_await until_parked(c);
            const int first = co_await queue.get();
            EXPECT_EQ(first, 1);
            co_await b;
            EXPECT_TRUE(detail::is_parked(c));
            EXPECT_EQ(putters(queue), 1U);
            EXPECT_EQ(queue.qsize(), 1);
            EXPECT_EQ(queue.get_nowait(), 2);
            co_await c;
            EXPECT_EQ(queue.get_nowait(), 3);
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_17_producer_and_consumer_of_a_queue_of_one) {
    each([&](auto kind) {
        auto queue = kind(1);
        auto produce = [&]() -> Coro<void> {
            for (int i = 0; i < 5; ++i) {
                co_await queue.put(i);
            }
        };
        std::vector<int> got;
        auto consume = [&]() -> Coro<void> {
            for (int i = 0; i < 5; ++i) {
                got.push_back(co_await queue.get());
            }
        };
        run([&]() -> Coro<void> {
            for (int round = 0; round < 50; ++round) {
                got.clear();
                const Task<void> a = create_task(produce());
                const Task<void> b = create_task(consume());
                co_await settle(a, b);
                EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_18_draining_lets_all_putters_in) {
    each([&](auto kind) {
        auto queue = kind(2);
        run([&]() -> Coro<void> {
            std::array<Outcome, 4> put;
            std::vector<Task<void>> tasks;
            for (int i = 0; i < 4; ++i) {
                tasks.push_back(create_task(give(queue, i, put[static_cast<std::size_t>(i)])));
            }
            auto two_parked = [&] { return putters(queue) == 2 && queue.qsize() == 2; };
            co_await until(two_parked);
            std::vector<int> got{queue.get_nowait()};
            got.push_back(co_await queue.get());
            co_await settle_all(tasks);
            for (const int value : drain(queue)) {
                got.push_back(value);
            }
            EXPECT_EQ(sorted(got), (std::vector<int>{0, 1, 2, 3}));
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_19_the_putting_task_ends_with_its_own_result) {
    each([&](auto kind) {
        auto queue = kind();
        auto put_and_tell = [&]() -> Coro<bool> {
            co_await queue.put(1);
            co_return true;
        };
        run([&]() -> Coro<void> {
            const Task<bool> putter = create_task(put_and_tell());
            const int value = co_await queue.get();
            EXPECT_EQ(value, 1);
            const bool told = co_await putter;
            EXPECT_TRUE(told);
        });
    });
}

TEST_P(QueueBasic, QUE_21_a_woken_getter_survives_a_get_nowait) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 100; ++round) {
                Outcome got;
                const Task<void> getter = create_task(take(queue, got));
                co_await until_parked(getter);
                queue.put_nowait(1);
                int stolen = 0;
                try {
                    stolen = queue.get_nowait();
                } catch (const QueueEmpty&) {
                    stolen = 0;
                }
                if (stolen != 0) {
                    co_await until_parked(getter);
                    queue.put_nowait(2);
                }
                co_await getter;
                EXPECT_EQ(got.how, How::ok);
                EXPECT_EQ(got.value, stolen == 0 ? 1 : 2);
                EXPECT_TRUE(queue.empty());
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueBasic, QUE_22_a_woken_putter_survives_a_put_nowait) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            for (int round = 0; round < 100; ++round) {
                queue.put_nowait(1);
                Outcome put;
                const Task<void> putter = create_task(give(queue, 2, put));
                co_await until_parked(putter);
                EXPECT_EQ(queue.get_nowait(), 1);
                bool stolen = true;
                try {
                    queue.put_nowait(3);
                } catch (const QueueFull&) {
                    stolen = false;
                }
                if (stolen) {
                    co_await until_parked(putter);
                    EXPECT_EQ(queue.get_nowait(), 3);
                }
                co_await putter;
                EXPECT_EQ(put.how, How::ok);
                EXPECT_EQ(drain(queue), std::vector<int>{2});
            }
            expect_idle(queue);
        });
    });
}

}  // namespace
}  // namespace heddle::test
