#include "support/clock.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include "support/race.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

// Gets and puts that are cancelled or time out: nothing is lost, nothing comes twice.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class QueueCancel : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueCancel);

/// What the gets that succeeded received, and then what is left.
template <class Q, std::size_t N>
std::vector<int> received_and_left(const std::array<Outcome, N>& got, Q& queue) {
    std::vector<int> all;
    for (const Outcome& outcome : got) {
        if (outcome.how == How::ok) {
            all.push_back(outcome.value);
        }
    }
    for (const int value : drain(queue)) {
        all.push_back(value);
    }
    return sorted(all);
}

/// A cancelled task of one worker cannot have run since it was woken, so its wait was cancelled.
void expect_cancelled_if_alone(const Outcome& outcome, unsigned workers) {
    EXPECT_TRUE(outcome.how == How::ok || outcome.how == How::cancelled) << outcome.how;
    if (workers == 1) {
        EXPECT_EQ(outcome.how, How::cancelled);
    }
}

TEST_P(QueueCancel, QUE_23_the_next_getter_gets_what_a_cancelled_one_would_have) {
    each([&](auto kind) {
        auto queue = kind(5);
        run([&]() -> Coro<void> {
            std::array<Outcome, 2> got;
            const Task<void> g1 = create_task(take(queue, got[0]));
            co_await until_parked(g1);
            const Task<void> g2 = create_task(take(queue, got[1]));
            co_await until_parked(g2);
            EXPECT_TRUE(g1.cancel());
            co_await settle(g1);
            EXPECT_TRUE(g1.cancelled());
            EXPECT_EQ(getters(queue), 1U);
            co_await queue.put(7);
            co_await g2;
            EXPECT_EQ(got[0].how, How::cancelled);
            EXPECT_EQ(got[1].how, How::ok);
            EXPECT_EQ(got[1].value, 7);
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_24_a_get_that_times_out_leaves_no_waiter) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 5; ++round) {
                How how = How::pending;
                try {
                    static_cast<void>(co_await wait_for(queue.get(), 1ms));
                } catch (const TimeoutError&) {
                    how = How::timed_out;
                }
                EXPECT_EQ(how, How::timed_out);
                EXPECT_EQ(getters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_25_a_cancelled_getter_does_not_take_its_item) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                std::array<Outcome, 1> got;
                const Task<void> getter = create_task(take(queue, got[0]));
                co_await until_parked(getter);
                queue.put_nowait(1);
                queue.put_nowait(2);
                getter.cancel();
                co_await settle(getter);
                expect_cancelled_if_alone(got[0], workers());
                EXPECT_EQ(queue.qsize(), got[0].how == How::ok ? 1 : 2);
                if (kind.fifo) {
                    EXPECT_EQ(queue.get_nowait(), got[0].how == How::ok ? 2 : 1);
                    EXPECT_EQ(queue.qsize(), got[0].how == How::ok ? 0 : 1);
                    static_cast<void>(drain(queue));
                } else {
                    EXPECT_EQ(received_and_left(got, queue), (std::vector<int>{1, 2}));
                }
                EXPECT_EQ(getters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_26_a_cancelled_getter_among_three) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                std::array<Outcome, 3> got;
                std::vector<Task<void>> tasks;
                for (Outcome& outcome : got) {
                    tasks.push_back(create_task(take(queue, outcome)));
                    co_await until_parked(tasks.back());
                }
                queue.put_nowait(1);
                queue.put_nowait(2);
                tasks[0].cancel();
                co_await settle(tasks[0]);
                expect_cancelled_if_alone(got[0], workers());
                // The other two receive what the first did not.
                const std::size_t waiting = got[0].how == How::ok ? 1 : 0;
                auto served = [&] {
                    return static_cast<std::size_t>(tasks[1].done()) +
                               static_cast<std::size_t>(tasks[2].done()) + waiting ==
                           2;
                };
                co_await until(served);
                EXPECT_EQ(getters(queue), waiting);
                EXPECT_TRUE(queue.empty());
                EXPECT_EQ(received_and_left(got, queue), (std::vector<int>{1, 2}));
                if (waiting != 0) {
                    queue.put_nowait(3);
                }
                co_await settle_all(tasks);
                EXPECT_EQ(getters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_27_QUE_30_a_woken_putter_that_is_cancelled_may_try_again) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                Outcome put;
                queue.put_nowait(1);
                const Task<void> putter = create_task(give(queue, 2, put));
                co_await until_parked(putter);
                EXPECT_EQ(queue.get_nowait(), 1);
                putter.cancel();
                co_await settle(putter);
                expect_cancelled_if_alone(put, workers());
                if (put.how == How::cancelled) {
                    EXPECT_TRUE(queue.empty());
                    EXPECT_FALSE(queue.full());
                    co_await queue.put(2);
                }
                EXPECT_EQ(drain(queue), std::vector<int>{2});
                EXPECT_EQ(putters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_28_an_item_whose_put_was_cancelled_never_appears) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            std::array<Outcome, 2> put;
            queue.put_nowait(1);
            const Task<void> b = create_task(give(queue, 2, put[0]));
            co_await until_parked(b);
            const Task<void> x = create_task(give(queue, 99, put[1]));
            co_await until_parked(x);
            EXPECT_TRUE(x.cancel());
            co_await settle(x);
            EXPECT_EQ(put[1].how, How::cancelled);
            const int first = co_await queue.get();
            EXPECT_EQ(first, 1);
            co_await b;
            const int second = co_await queue.get();
            EXPECT_EQ(second, 2);
            EXPECT_TRUE(queue.empty());
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_29_a_cancelled_putter_leaves_no_waiter) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            queue.put_nowait(1);
            for (int round = 0; round < 100; ++round) {
                Outcome put;
                const Task<void> putter = create_task(give(queue, 2, put));
                co_await until_parked(putter);
                EXPECT_EQ(putters(queue), 1U);
                EXPECT_TRUE(putter.cancel());
                co_await settle(putter);
                EXPECT_EQ(put.how, How::cancelled);
                EXPECT_EQ(putters(queue), 0U);
                EXPECT_TRUE(queue.full());
            }
            EXPECT_EQ(drain(queue), std::vector<int>{1});
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_31_a_slot_passes_from_a_cancelled_putter_to_the_next) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                std::array<Outcome, 2> put;
                queue.put_nowait(1);
                const Task<void> b = create_task(give(queue, 2, put[0]));
                co_await until_parked(b);
                const Task<void> c = create_task(give(queue, 3, put[1]));
                co_await until_parked(c);
                EXPECT_EQ(queue.get_nowait(), 1);
                b.cancel();
                co_await settle(b);
                expect_cancelled_if_alone(put[0], workers());
                if (put[0].how == How::ok) {
                    EXPECT_EQ(queue.get_nowait(), 2);
                }
                co_await c;
                EXPECT_EQ(put[1].how, How::ok);
                EXPECT_EQ(drain(queue), std::vector<int>{3});
                EXPECT_EQ(putters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_32_an_item_passes_from_a_cancelled_getter_to_the_next) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            for (int round = 0; round < 200; ++round) {
                std::array<Outcome, 2> got;
                const Task<void> g1 = create_task(take(queue, got[0]));
                co_await until_parked(g1);
                const Task<void> g2 = create_task(take(queue, got[1]));
                co_await until_parked(g2);
                queue.put_nowait(1);
                g1.cancel();
                co_await settle(g1);
                expect_cancelled_if_alone(got[0], workers());
                if (got[0].how == How::ok) {
                    co_await until_parked(g2);
                    queue.put_nowait(2);
                }
                co_await g2;
                EXPECT_EQ(got[1].how, How::ok);
                EXPECT_EQ(got[1].value, got[0].how == How::ok ? 2 : 1);
                EXPECT_EQ(getters(queue), 0U);
                EXPECT_TRUE(queue.empty());
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_33_a_timeout_at_the_moment_of_the_put_loses_nothing) {
    each([&](auto kind) {
        auto queue = kind();
        run([&]() -> Coro<void> {
            Jitter jitter(workers());
            for (Rounds rounds; rounds.next();) {
                std::array<Outcome, 1> got;
                const auto limit = std::chrono::microseconds(1 + jitter.random() % 200);
                auto timed_get = [&]() -> Coro<void> {
                    try {
                        const int value = co_await wait_for(queue.get(), limit);
                        got[0] = {How::ok, value};
                    } catch (const TimeoutError&) {
                        got[0].how = How::timed_out;
                    }
                };
                const Clock::time_point when = Clock::now() + limit;
                const Task<void> getter = create_task(timed_get());
                co_await sleep_until(when);
                jitter();
                queue.put_nowait(1);
                co_await getter;
                EXPECT_NE(got[0].how, How::pending);
                EXPECT_EQ(received_and_left(got, queue), std::vector<int>{1});
                EXPECT_EQ(getters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueCancel, QUE_33_a_timeout_at_the_moment_of_the_get_loses_no_slot) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            Jitter jitter(workers());
            for (Rounds rounds; rounds.next();) {
                How how = How::pending;
                const auto limit = std::chrono::microseconds(1 + jitter.random() % 200);
                auto timed_put = [&]() -> Coro<void> {
                    try {
                        co_await wait_for(queue.put(2), limit);
                        how = How::ok;
                    } catch (const TimeoutError&) {
                        how = How::timed_out;
                    }
                };
                queue.put_nowait(1);
                const Clock::time_point when = Clock::now() + limit;
                const Task<void> putter = create_task(timed_put());
                co_await sleep_until(when);
                jitter();
                EXPECT_EQ(queue.get_nowait(), 1);
                co_await putter;
                EXPECT_NE(how, How::pending);
                EXPECT_EQ(drain(queue), how == How::ok ? std::vector<int>{2} : std::vector<int>{});
                EXPECT_EQ(putters(queue), 0U);
            }
            expect_idle(queue);
        });
    });
}

}  // namespace
}  // namespace heddle::test
