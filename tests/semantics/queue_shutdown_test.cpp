#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include "support/race.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <vector>

// asyncio's Queue.shutdown().

namespace heddle::test {
namespace {

class QueueShutdown : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueShutdown);

template <class Q>
Coro<void> join(Q& queue) {
    co_await queue.join();
}

/// Every form of put is refused.
template <class Q>
Coro<void> expect_no_put(Q& queue) {
    Outcome put;
    co_await give(queue, 98, put);
    EXPECT_EQ(put.how, How::shut_down);
    EXPECT_THROW(queue.put_nowait(98), QueueShutDown);
    EXPECT_THROW(static_cast<void>(queue.try_put(98)), QueueShutDown);
}
/// Every form of get and put is refused.
template <class Q>
Coro<void> expect_finished(Q& queue) {
    Outcome got;
    co_await take(queue, got);
    EXPECT_EQ(got.how, How::shut_down);
    EXPECT_THROW(queue.get_nowait(), QueueShutDown);
    EXPECT_THROW(static_cast<void>(queue.try_get()), QueueShutDown);
    EXPECT_EQ(queue.qsize(), 0);
    EXPECT_TRUE(queue.empty());
    co_await expect_no_put(queue);
}

TEST_P(QueueShutdown, QUE_43_shutdown_of_an_empty_queue) {
    each([&](auto kind) {
        for (const int maxsize : {0, 3}) {
            auto queue = kind(maxsize);
            run([&]() -> Coro<void> {
                Outcome got;
                const Task<void> getter = create_task(take(queue, got));
                co_await until_parked(getter);
                queue.shutdown();
                co_await getter;
                EXPECT_EQ(got.how, How::shut_down);
                co_await queue.join();
                co_await expect_finished(queue);
                EXPECT_EQ(getters(queue), 0U);
            });
        }
    });
}

TEST_P(QueueShutdown, QUE_44_QUE_54_graceful_shutdown_keeps_the_items) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            Outcome put;
            queue.put_nowait(1);
            const Task<void> putter = create_task(give(queue, 2, put));
            co_await until_parked(putter);
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            queue.shutdown();
            co_await putter;
            EXPECT_EQ(put.how, How::shut_down);
            EXPECT_EQ(queue.qsize(), 1);
            co_await expect_no_put(queue);
            EXPECT_TRUE(detail::is_parked(joiner));
            const int value = co_await queue.get();
            EXPECT_EQ(value, 1);
            co_await expect_finished(queue);
            EXPECT_TRUE(detail::is_parked(joiner));
            queue.task_done();
            co_await joiner;
            EXPECT_THROW(queue.task_done(), std::invalid_argument);
        });
    });
}

TEST_P(QueueShutdown, QUE_45_immediate_shutdown_drops_the_items) {
    each([&](auto kind) {
        auto queue = kind(2);
        run([&]() -> Coro<void> {
            queue.put_nowait(1);
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            queue.shutdown(true);
            EXPECT_EQ(queue.qsize(), 0);
            co_await joiner;
            co_await expect_finished(queue);
            EXPECT_THROW(queue.task_done(), std::invalid_argument);
        });
    });
}

TEST_P(QueueShutdown, QUE_46_QUE_54_immediate_shutdown_waits_for_what_was_taken) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            fill(queue, {1, 2});
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            queue.get_nowait();
            queue.shutdown(true);
            EXPECT_EQ(queue.qsize(), 0);
            EXPECT_TRUE(detail::is_parked(joiner));
            queue.task_done();
            co_await joiner;
            EXPECT_THROW(queue.task_done(), std::invalid_argument);
            co_await expect_finished(queue);
        });
    });
}

TEST_P(QueueShutdown, QUE_47_shutdown_comes_before_empty_and_full) {
    each([&](auto kind) {
        for (const bool immediate : {false, true}) {
            auto empty = kind(1);
            empty.shutdown(immediate);
            EXPECT_THROW(empty.get_nowait(), QueueShutDown);
            auto full = kind(1);
            full.put_nowait(1);
            full.shutdown(immediate);
            EXPECT_THROW(full.put_nowait(2), QueueShutDown);
            EXPECT_THROW(static_cast<void>(full.try_put(2)), QueueShutDown);
            EXPECT_EQ(full.qsize(), immediate ? 0 : 1);
            EXPECT_EQ(full.full(), !immediate);
            EXPECT_EQ(drain(full).size(), immediate ? 0U : 1U);
            EXPECT_FALSE(full.full());
        }
    });
}

TEST_P(QueueShutdown, QUE_48_a_second_shutdown_may_only_add_immediate) {
    each([&](auto kind) {
        run([&]() -> Coro<void> {
            auto queue = kind();
            fill(queue, {1, 2, 3});
            queue.shutdown();
            queue.shutdown();
            EXPECT_EQ(queue.qsize(), 3);
            queue.get_nowait();
            queue.shutdown(true);
            EXPECT_EQ(queue.qsize(), 0);
            queue.task_done();
            co_await queue.join();
            EXPECT_THROW(queue.task_done(), std::invalid_argument);
            queue.shutdown();
            queue.shutdown(true);
            co_await expect_finished(queue);

            auto dropped = kind(1);
            dropped.put_nowait(1);
            dropped.shutdown(true);
            dropped.shutdown(false);
            EXPECT_EQ(dropped.qsize(), 0);
            co_await dropped.join();
            co_await expect_finished(dropped);
        });
    });
}

TEST_P(QueueShutdown, QUE_49_one_shutdown_releases_everybody) {
    each([&](auto kind) {
        for (const bool immediate : {false, true}) {
            run([&]() -> Coro<void> {
                std::array<Outcome, 20> outcomes;
                std::vector<Task<void>> tasks;
                auto empty = kind();
                for (Outcome& outcome : outcomes) {
                    tasks.push_back(create_task(take(empty, outcome)));
                    co_await until_parked(tasks.back());
                }
                empty.shutdown(immediate);
                co_await settle_all(tasks);
                for (Outcome& outcome : outcomes) {
                    EXPECT_EQ(outcome.how, How::shut_down);
                    outcome = {};
                }
                EXPECT_EQ(getters(empty), 0U);

                tasks.clear();
                auto full = kind(1);
                full.put_nowait(1);
                for (Outcome& outcome : outcomes) {
                    tasks.push_back(create_task(give(full, 2, outcome)));
                    co_await until_parked(tasks.back());
                }
                full.shutdown(immediate);
                co_await settle_all(tasks);
                for (const Outcome& outcome : outcomes) {
                    EXPECT_EQ(outcome.how, How::shut_down);
                }
                EXPECT_EQ(putters(full), 0U);
                EXPECT_EQ(full.qsize(), immediate ? 0 : 1);
            });
        }
    });
}

TEST_P(QueueShutdown, QUE_50_a_woken_getter_still_gets_its_item) {
    each([&](auto kind) {
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                auto queue = kind();
                Outcome got;
                const Task<void> getter = create_task(take(queue, got));
                co_await until_parked(getter);
                queue.put_nowait(1);
                queue.shutdown();
                co_await getter;
                EXPECT_EQ(got.how, How::ok);
                EXPECT_EQ(got.value, 1);
                EXPECT_TRUE(queue.empty());
                queue.task_done();
                EXPECT_THROW(queue.task_done(), std::invalid_argument);
            }
        });
    });
}

TEST_P(QueueShutdown, QUE_51_an_item_is_received_or_dropped) {
    each([&](auto kind) {
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                auto queue = kind();
                Outcome got;
                const Task<void> getter = create_task(take(queue, got));
                co_await until_parked(getter);
                queue.put_nowait(1);
                queue.shutdown(true);
                co_await getter;
                EXPECT_TRUE(queue.empty());
                if (got.how == How::ok) {
                    EXPECT_EQ(got.value, 1);
                    const Task<void> joiner = create_task(join(queue));
                    co_await until_parked(joiner);
                    queue.task_done();
                    co_await joiner;
                }
                EXPECT_TRUE(got.how == How::ok || got.how == How::shut_down);
                co_await queue.join();
                EXPECT_THROW(queue.task_done(), std::invalid_argument);
            }
        });
    });
}

TEST_P(QueueShutdown, QUE_52_a_woken_putter_tells_whether_its_item_is_in) {
    each([&](auto kind) {
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                auto queue = kind(1);
                Outcome put;
                queue.put_nowait(1);
                const Task<void> putter = create_task(give(queue, 2, put));
                co_await until_parked(putter);
                EXPECT_EQ(queue.get_nowait(), 1);
                queue.task_done();
                queue.shutdown();
                co_await putter;
                EXPECT_TRUE(put.how == How::ok || put.how == How::shut_down);
                if (put.how == How::ok) {
                    EXPECT_EQ(drain(queue), std::vector<int>{2});
                    queue.task_done();
                }
                co_await expect_finished(queue);
                EXPECT_THROW(queue.task_done(), std::invalid_argument);
            }
        });
    });
}

TEST_P(QueueShutdown, QUE_53_cancel_against_shutdown) {
    each([&](auto kind) {
        run([&]() -> Coro<void> {
            Racers racers(3);
            for (Rounds rounds; rounds.next();) {
                const bool immediate = rounds.number() % 2 == 0;
                std::array<Outcome, 2> got;
                std::array<Outcome, 2> put;
                auto empty = kind();
                auto full = kind(1);
                full.put_nowait(1);
                std::vector<Task<void>> tasks;
                for (std::size_t i = 0; i < 2; ++i) {
                    tasks.push_back(create_task(take(empty, got[i])));
                    tasks.push_back(create_task(give(full, 2, put[i])));
                    co_await until_parked(tasks[2 * i], tasks[2 * i + 1]);
                }
                auto cancel = [&] {
                    tasks[0].cancel();
                    tasks[1].cancel();
                };
                auto shut_empty = [&] { empty.shutdown(immediate); };
                auto shut_full = [&] { full.shutdown(immediate); };
                co_await racers.at_once(cancel, shut_empty, shut_full);
                co_await settle_all(tasks);
                EXPECT_TRUE(got[0].how == How::cancelled || got[0].how == How::shut_down) << got[0].how;
                EXPECT_TRUE(put[0].how == How::cancelled || put[0].how == How::shut_down) << put[0].how;
                EXPECT_EQ(got[1].how, How::shut_down);
                EXPECT_EQ(put[1].how, How::shut_down);
                EXPECT_EQ(getters(empty), 0U);
                EXPECT_EQ(putters(full), 0U);
                EXPECT_EQ(full.qsize(), immediate ? 0 : 1);
                co_await expect_finished(empty);
            }
        });
    });
}

TEST_P(QueueShutdown, closed_waits_for_the_shutdown) {
    each([&](auto kind) {
        auto queue = kind();
        auto wait = [&]() -> Coro<void> { co_await queue.closed(); };
        run([&]() -> Coro<void> {
            const Task<void> left = create_task(wait());
            const Task<void> stays = create_task(wait());
            co_await until_parked(left, stays);
            left.cancel();
            co_await settle(left);
            EXPECT_TRUE(left.cancelled());
            EXPECT_TRUE(detail::is_parked(stays));
            queue.shutdown();
            co_await stays;
            co_await queue.closed();
        });
    });
}

}  // namespace
}  // namespace heddle::test
