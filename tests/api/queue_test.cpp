#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/queues.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// What the headers of the queues promise beyond asyncio: any element type, plain threads, the end of a queue.

namespace heddle::test {
namespace {

class Queues : public OverQueues {};
HEDDLE_OVER_WORKERS(Queues);

static_assert(!std::is_copy_constructible_v<heddle::Queue<int>> &&
              !std::is_move_constructible_v<heddle::Queue<int>>);
static_assert(std::is_same_v<heddle::Queue<std::string>::value_type, std::string>);
static_assert(std::is_same_v<decltype(std::declval<heddle::Queue<int>&>().try_get()), std::optional<int>>);

TEST_P(Queues, sizes_follow_every_form_of_put_and_get) {
    each([&](auto kind) {
        auto queue = kind(4);
        EXPECT_EQ(queue.maxsize(), 4);
        EXPECT_EQ(kind(0).maxsize(), 0);
        run([&]() -> Coro<void> {
            co_await queue.put(1);
            EXPECT_EQ(queue.qsize(), 1);
            queue.put_nowait(2);
            EXPECT_EQ(queue.qsize(), 2);
            EXPECT_TRUE(queue.try_put(3));
            EXPECT_EQ(queue.qsize(), 3);
            EXPECT_FALSE(queue.full());
            std::thread([&] { queue.put_blocking(4); }).join();
            EXPECT_EQ(queue.qsize(), 4);
            EXPECT_TRUE(queue.full());
            EXPECT_FALSE(queue.empty());
            EXPECT_FALSE(queue.try_put(5));
            std::vector<int> got;
            got.push_back(co_await queue.get());
            EXPECT_EQ(queue.qsize(), 3);
            got.push_back(queue.get_nowait());
            EXPECT_EQ(queue.qsize(), 2);
            const std::optional<int> third = queue.try_get();
            EXPECT_TRUE(third.has_value());
            got.push_back(third.value_or(0));
            EXPECT_EQ(queue.qsize(), 1);
            std::thread([&] { got.push_back(queue.get_blocking()); }).join();
            EXPECT_TRUE(queue.empty());
            EXPECT_EQ(sorted(got), (std::vector<int>{1, 2, 3, 4}));
        });
        expect_idle(queue);
    });
}

TEST_P(Queues, blocking_forms_are_refused_on_a_worker) {
    each([&](auto kind) {
        for (const int maxsize : {0, 1}) {
            auto queue = kind(maxsize);
            run([&]() -> Coro<void> {
                EXPECT_THROW(queue.get_blocking(), std::runtime_error);
                EXPECT_THROW(queue.put_blocking(1), std::runtime_error);
                EXPECT_TRUE(queue.empty());
                queue.put_nowait(1);
                EXPECT_THROW(queue.join_blocking(), std::runtime_error);
                EXPECT_THROW(queue.get_blocking(), std::runtime_error);
                EXPECT_EQ(queue.qsize(), 1);
                queue.get_nowait();
                co_return;
            });
            expect_idle(queue);
        }
    });
}

TEST_P(Queues, a_blocked_thread_gets_what_a_task_puts) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            for (int round = 0; round < 20; ++round) {
                std::atomic<int> got{0};
                BlockingThread thread([&] { got = queue.get_blocking(); });
                auto sleeps = [&] { return thread.parked(); };
                co_await until(sleeps);
                EXPECT_EQ(getters(queue), 1U);
                co_await queue.put(5);
                auto served = [&] { return got == 5; };
                co_await until(served);
            }
        });
        expect_idle(queue);
    });
}

TEST_P(Queues, a_blocked_thread_puts_what_a_task_gets) {
    each([&](auto kind) {
        auto queue = kind(1);
        run([&]() -> Coro<void> {
            for (int round = 0; round < 20; ++round) {
                queue.put_nowait(1);
                BlockingThread thread([&] { queue.put_blocking(2); });
                auto sleeps = [&] { return thread.parked(); };
                co_await until(sleeps);
                EXPECT_EQ(putters(queue), 1U);
                const int first = co_await queue.get();
                const int second = co_await queue.get();
                EXPECT_EQ(first, 1);
                EXPECT_EQ(second, 2);
            }
        });
        expect_idle(queue);
    });
}

TEST_P(Queues, shutdown_releases_blocked_threads) {
    each([&](auto kind) {
        for (const bool immediate : {false, true}) {
            auto empty = kind();
            auto full = kind(1);
            full.put_nowait(1);
            std::string get;
            std::string put;
            bool joined = false;
            {
                BlockingThread getter([&] { get = ending_of([&] { return empty.get_blocking(); }); });
                BlockingThread putter([&] { put = ending_of([&] { full.put_blocking(2); }); });
                BlockingThread joiner([&] {
                    full.join_blocking();
                    joined = true;
                });
                until_blocking([&] { return getter.parked() && putter.parked() && joiner.parked(); });
                empty.shutdown(immediate);
                full.shutdown(immediate);
                if (!immediate) {
                    EXPECT_EQ(full.get_nowait(), 1);
                    full.task_done();
                }
            }
            EXPECT_EQ(get, "queue is shut down");
            EXPECT_EQ(put, "queue is shut down");
            EXPECT_TRUE(joined);
        }
    });
}

TEST_P(Queues, tasks_and_threads_on_both_sides) {
    each([&](auto kind) {
        auto queue = kind(3);
        constexpr int n = 200;
        std::atomic<int> sum{0};
        auto produce = [&](int from) -> Coro<void> {
            for (int i = from; i < from + n; ++i) {
                co_await queue.put(i);
            }
        };
        auto consume = [&]() -> Coro<void> {
            for (int i = 0; i < n; ++i) {
                const int value = co_await queue.get();
                sum += value;
                queue.task_done();
            }
        };
        std::thread putter([&] {
            for (int i = 0; i < n; ++i) {
                queue.put_blocking(i);
            }
        });
        std::thread getter([&] {
            for (int i = 0; i < n; ++i) {
                sum += queue.get_blocking();
                queue.task_done();
            }
        });
        run([&]() -> Coro<void> {
            const Task<void> p = create_task(produce(n));
            const Task<void> c = create_task(consume());
            co_await settle(p, c);
        });
        putter.join();
        getter.join();
        queue.join_blocking();
        EXPECT_EQ(sum, (2 * n - 1) * n);
        expect_idle(queue);
    });
}

// ---- elements ----

using Owned = std::unique_ptr<int>;
struct ByValue {
    bool operator()(const Owned& a, const Owned& b) const { return *a < *b; }
};

template <class Q>
Coro<void> move_only_elements() {
    Q queue(2);
    co_await queue.put(std::make_unique<int>(1));
    Owned second = std::make_unique<int>(2);
    EXPECT_TRUE(queue.try_put(std::move(second)));
    EXPECT_EQ(second, nullptr);
    Owned third = std::make_unique<int>(3);
    EXPECT_FALSE(queue.try_put(std::move(third)));
    EXPECT_NE(third, nullptr) << "a refused try_put() must leave the value";
    const Owned got = co_await queue.get();
    int sum = *got;
    const std::optional<Owned> next = queue.try_get();
    EXPECT_TRUE(next.has_value());
    sum += next.has_value() ? **next : 0;
    EXPECT_EQ(sum, 3);
    queue.put_nowait(std::move(third));
    EXPECT_EQ(*queue.get_nowait(), 3);
    queue.put_nowait(std::make_unique<int>(4));  // left for the destructor
}

TEST_P(Queues, move_only_elements) {
    run(move_only_elements<heddle::Queue<Owned>>());
    run(move_only_elements<LifoQueue<Owned>>());
    run(move_only_elements<PriorityQueue<Owned, ByValue>>());
}

struct ProbeOrder {
    bool operator()(const Probe& a, const Probe& b) const { return a.value() < b.value(); }
};

template <class Q>
Coro<void> no_element_outlives_its_queue(ProbeCounts& counts) {
    {
        Q queue;
        for (int i = 0; i < 200; ++i) {
            queue.put_nowait(Probe(counts, i));
        }
        for (int i = 0; i < 70; ++i) {
            const Probe got = co_await queue.get();
            EXPECT_EQ(counts.alive, 200 - i) << "the container keeps an element that was got";
        }
        EXPECT_EQ(counts.alive, 130);
    }
    EXPECT_EQ(counts.alive, 0);
    EXPECT_EQ(counts.copied, 0);
    Q dropped(50);
    for (int i = 0; i < 50; ++i) {
        dropped.put_nowait(Probe(counts, i));
    }
    dropped.shutdown(true);
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(Queues, elements_end_with_their_get_or_their_queue) {
    ProbeCounts counts;
    run(no_element_outlives_its_queue<heddle::Queue<Probe>>(counts));
    run(no_element_outlives_its_queue<LifoQueue<Probe>>(counts));
    run(no_element_outlives_its_queue<PriorityQueue<Probe, ProbeOrder>>(counts));
}

TEST_P(Queues, compare_decides_the_order_of_a_priority_queue) {
    PriorityQueue<int, std::greater<>> queue;
    fill(queue, {1, 3, 2});
    EXPECT_EQ(drain(queue), (std::vector<int>{3, 2, 1}));
}

// ---- the end of a queue ----

TEST_P(Queues, PAR_38_a_queue_may_be_destroyed_right_after_the_last_get) {
    each([&](auto kind) {
        using Q = decltype(kind());
        auto put_then_end = [](Q& queue) -> Coro<void> {
            const int value = 1;
            co_await queue.put(value);
        };
        run([&]() -> Coro<void> {
            for (int round = 0; round < 300; ++round) {
                auto holder = std::make_unique<std::tuple<Q>>(round % 2);
                Q& queue = std::get<0>(*holder);
                const Task<void> putter = create_task(put_then_end(queue));
                const int value = co_await queue.get();
                EXPECT_EQ(value, 1);
                holder.reset();
                co_await putter;
            }
        });
    });
}

TEST_P(Queues, PAR_38_a_queue_may_be_destroyed_right_after_the_last_get_by_a_thread) {
    each([&](auto kind) {
        using Q = decltype(kind());
        for (int round = 0; round < 100; ++round) {
            auto holder = std::make_unique<std::tuple<Q>>(round % 2);
            Q& queue = std::get<0>(*holder);
            std::thread putter([&queue] { queue.put_nowait(1); });
            EXPECT_EQ(queue.get_blocking(), 1);
            holder.reset();
            putter.join();
        }
    });
}

TEST_P(Queues, PAR_38_a_queue_may_be_destroyed_right_after_its_join) {
    each([&](auto kind) {
        using Q = decltype(kind());
        auto finish = [](Q& queue) -> Coro<void> {
            const int value = co_await queue.get();
            EXPECT_EQ(value, 1);
            queue.task_done();
        };
        run([&]() -> Coro<void> {
            for (int round = 0; round < 300; ++round) {
                auto holder = std::make_unique<std::tuple<Q>>(0);
                Q& queue = std::get<0>(*holder);
                queue.put_nowait(1);
                const Task<void> worker = create_task(finish(queue));
                co_await queue.join();
                holder.reset();
                co_await worker;
            }
        });
    });
}

TEST_P(Queues, PAR_30_made_before_any_runtime_and_used_by_several) {
    each([&](auto kind) {
        auto queue = kind();
        queue.put_nowait(1);
        for (int round = 0; round < 3; ++round) {
            run([&]() -> Coro<void> {
                const int value = co_await queue.get();
                co_await queue.put(value + 1);
            });
        }
        EXPECT_EQ(drain(queue), std::vector<int>{4});
    });
}

}  // namespace
}  // namespace heddle::test
