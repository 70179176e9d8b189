#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include "support/race.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

// asyncio's Queue.join() and task_done().

namespace heddle::test {
namespace {

class QueueJoin : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueJoin);

template <class Q>
Coro<void> join(Q& queue) {
    co_await queue.join();
}

template <class Q>
void expect_underflow(Q& queue) {
    std::string what;
    try {
        queue.task_done();
    } catch (const std::invalid_argument& error) {
        what = error.what();
    }
    EXPECT_EQ(what, "task_done() called too many times");
}

TEST_P(QueueJoin, QUE_34_task_done_more_often_than_put) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            expect_underflow(queue);
            fill(queue, {1, 2});
            static_cast<void>(drain(queue));
            queue.task_done();
            queue.task_done();
            expect_underflow(queue);
            expect_underflow(queue);
            // The count is still zero: one more put needs one task_done and no more.
            queue.put_nowait(3);
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            queue.task_done();
            co_await joiner;
            expect_underflow(queue);
        });
    });
}

TEST_P(QueueJoin, QUE_35_join_waits_for_all_that_was_put) {
    each([&](auto kind) {
        auto queue = kind();
        int sums[2] = {0, 0};  // plain: join() must make the writes visible
        auto work = [&](int& sum) -> Coro<void> {
            for (;;) {
                const int value = co_await queue.get();
                sum += value;
                co_await yield();
                queue.task_done();
            }
        };
        run([&]() -> Coro<void> {
            for (int i = 0; i < 100; ++i) {
                queue.put_nowait(i);
            }
            const Task<void> w1 = create_task(work(sums[0]));
            const Task<void> w2 = create_task(work(sums[1]));
            co_await queue.join();
            EXPECT_EQ(sums[0] + sums[1], 4950);
            EXPECT_TRUE(queue.empty());
            expect_underflow(queue);
            w1.cancel();
            w2.cancel();
            co_await settle(w1, w2);
        });
    });
}

TEST_P(QueueJoin, QUE_36_join_of_an_empty_queue_returns) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            co_await queue.join();
            co_await queue.join();
            queue.put_nowait(1);
            queue.get_nowait();
            queue.task_done();
            co_await queue.join();
            co_await queue.join();
        });
        queue.join_blocking();
    });
}

TEST_P(QueueJoin, QUE_37_a_get_alone_does_not_end_a_join) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            queue.put_nowait(1);
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            const int value = co_await queue.get();
            EXPECT_EQ(value, 1);
            for (int i = 0; i < 10; ++i) {
                co_await yield();
                EXPECT_TRUE(detail::is_parked(joiner));
            }
            queue.task_done();
            co_await joiner;
        });
    });
}

TEST_P(QueueJoin, QUE_38_every_form_of_put_counts) {
    each([&](auto kind) {
        auto queue = kind(4);
        queue.put_blocking(1);
        run([&]() -> Coro<void> {
            co_await queue.put(2);
            queue.put_nowait(3);
            EXPECT_TRUE(queue.try_put(4));
            EXPECT_FALSE(queue.try_put(5));
            EXPECT_THROW(queue.put_nowait(6), QueueFull);
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            for (int i = 0; i < 4; ++i) {
                EXPECT_FALSE(joiner.done());
                queue.get_nowait();
                queue.task_done();
            }
            co_await joiner;
            expect_underflow(queue);
        });
    });
}

TEST_P(QueueJoin, QUE_38_a_put_that_waits_counts_once_it_is_in) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            Outcome put;
            queue.put_nowait(1);
            const Task<void> putter = create_task(give(queue, 2, put));
            co_await until_parked(putter);
            queue.task_done();
            expect_underflow(queue);
            EXPECT_EQ(queue.get_nowait(), 1);
            co_await putter;
            const Task<void> joiner = create_task(join(queue));
            co_await until_parked(joiner);
            queue.task_done();
            co_await joiner;
            EXPECT_EQ(queue.get_nowait(), 2);
        });
    });
}

TEST_P(QueueJoin, QUE_39_a_new_put_makes_the_next_join_wait) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 50; ++round) {
                co_await queue.join();
                queue.put_nowait(round);
                const Task<void> joiner = create_task(join(queue));
                co_await until_parked(joiner);
                queue.get_nowait();
                queue.task_done();
                co_await joiner;
            }
        });
    });
}

TEST_P(QueueJoin, QUE_40_the_last_task_done_releases_all_joiners) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            fill(queue, {1, 2});
            std::vector<Task<void>> joiners;
            for (int i = 0; i < 20; ++i) {
                joiners.push_back(create_task(join(queue)));
                co_await until_parked(joiners.back());
            }
            queue.task_done();
            for (const Task<void>& joiner : joiners) {
                EXPECT_TRUE(detail::is_parked(joiner));
            }
            queue.task_done();
            co_await settle_all(joiners);
        });
    });
}

TEST_P(QueueJoin, QUE_41_a_moment_without_unfinished_items_is_enough) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 100; ++round) {
                queue.put_nowait(1);
                const Task<void> joiner = create_task(join(queue));
                co_await until_parked(joiner);
                queue.task_done();
                queue.put_nowait(2);
                co_await joiner;
                queue.task_done();
                EXPECT_EQ(drain(queue).size(), 2U);
            }
        });
    });
}

TEST_P(QueueJoin, QUE_42_a_cancelled_join_changes_nothing) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            queue.put_nowait(1);
            const Task<void> j1 = create_task(join(queue));
            co_await until_parked(j1);
            const Task<void> j2 = create_task(join(queue));
            co_await until_parked(j2);
            EXPECT_TRUE(j1.cancel());
            co_await settle(j1);
            EXPECT_TRUE(j1.cancelled());
            EXPECT_TRUE(detail::is_parked(j2));
            EXPECT_EQ(queue.qsize(), 1);
            queue.task_done();
            co_await j2;
            expect_underflow(queue);
            EXPECT_EQ(queue.get_nowait(), 1);
        });
    });
}

TEST_P(QueueJoin, QUE_42_cancelled_joins_among_many) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            queue.put_nowait(1);
            std::vector<Task<void>> joiners;
            for (int i = 0; i < 30; ++i) {
                joiners.push_back(create_task(join(queue)));
                co_await until_parked(joiners.back());
            }
            for (std::size_t i = 0; i < joiners.size(); i += 2) {
                EXPECT_TRUE(joiners[i].cancel());
            }
            for (std::size_t i = 0; i < joiners.size(); i += 2) {
                co_await settle(joiners[i]);
            }
            for (std::size_t i = 1; i < joiners.size(); i += 2) {
                EXPECT_TRUE(detail::is_parked(joiners[i]));
            }
            queue.task_done();
            co_await settle_all(joiners);
            for (std::size_t i = 0; i < joiners.size(); ++i) {
                EXPECT_EQ(joiners[i].cancelled(), i % 2 == 0);
            }
        });
    });
}

TEST_P(QueueJoin, PAR_20_the_last_task_done_against_join) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            Racers racers(2);
            int written = 0;  // plain: PAR-78
            for (Rounds rounds; rounds.next();) {
                const int round = static_cast<int>(rounds.number());
                queue.put_nowait(round);
                queue.get_nowait();
                auto join_and_read = [&]() -> Coro<int> {
                    co_await queue.join();
                    co_return written;
                };
                Task<int> joiner;
                auto finish = [&] {
                    written = round;
                    queue.task_done();
                };
                joiner = create_task(join_and_read());
                auto nothing = [] {};
                co_await racers.at_once(finish, nothing);
                const int read = co_await joiner;
                EXPECT_EQ(read, round);
            }
        });
    });
}

TEST_P(QueueJoin, PAR_20_join_blocking_against_the_last_task_done) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 50; ++round) {
                queue.put_nowait(round);
                BlockingThread thread([&] { queue.join_blocking(); });
                if (round % 2 == 0) {
                    auto sleeps = [&] { return thread.parked(); };
                    co_await until(sleeps);
                }
                queue.get_nowait();
                queue.task_done();
            }
        });
    });
}

}  // namespace
}  // namespace heddle::test
