#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/queues.hpp"
#include "support/race.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

// Queues used by many at once: what was put is what was received and what is left, whoever is cancelled,
// times out or is shut down meanwhile.

namespace heddle::test {
namespace {

class QueueParallel : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueParallel);

/// One get or put, perhaps with a deadline, and the task that makes it.
struct Attempt {
    Outcome outcome;
    int value = 0;
    std::chrono::microseconds limit{0};  // 0: none
    Task<void> task;
};

template <class Q>
Coro<void> try_get(Q& queue, Attempt& attempt) {
    try {
        int value = 0;
        if (attempt.limit.count() == 0) {
            value = co_await queue.get();
        } else {
            value = co_await wait_for(queue.get(), attempt.limit);
        }
        attempt.outcome = {How::ok, value};
    } catch (...) {
        attempt.outcome.how = caught();
    }
}
template <class Q>
Coro<void> try_put(Q& queue, Attempt& attempt) {
    try {
        if (attempt.limit.count() == 0) {
            co_await queue.put(attempt.value);
        } else {
            co_await wait_for(queue.put(attempt.value), attempt.limit);
        }
        attempt.outcome = {How::ok, attempt.value};
    } catch (...) {
        attempt.outcome.how = caught();
    }
}

enum class End : char { drained, graceful, immediate };

/// Many gets and puts, some with deadlines, some cancelled from another task and from a plain thread.
template <class Q>
Coro<void> conserve(Q& queue, End end, std::uint32_t seed) {
    constexpr std::size_t n = 40;
    Jitter random(seed);
    std::deque<Attempt> gets(n);
    std::deque<Attempt> puts(n);
    for (std::size_t i = 0; i < n; ++i) {
        gets[i].limit = std::chrono::microseconds(random.random() % 3 == 0 ? 1 + random.random() % 300 : 0);
        puts[i].limit = std::chrono::microseconds(random.random() % 3 == 0 ? 1 + random.random() % 300 : 0);
        puts[i].value = static_cast<int>(i) + 1;
        gets[i].task = create_task(try_get(queue, gets[i]));
        puts[i].task = create_task(try_put(queue, puts[i]));
    }
    auto cancel_some = [&](std::uint32_t s) {
        Jitter jitter(s);
        for (std::size_t i = 0; i < n / 4; ++i) {
            jitter();
            gets[jitter.random() % n].task.cancel();
            puts[jitter.random() % n].task.cancel();
        }
    };
    std::thread canceller([&] {
        cancel_some(seed * 7 + 1);
        if (end != End::drained) {
            queue.shutdown(end == End::immediate);
        }
    });
    co_await yield();
    cancel_some(seed * 7 + 2);
    std::vector<int> received;
    if (end == End::drained) {
        // What neither cancels nor times out must end as soon as there is a counterpart.
        auto all_ended = [&] {
            bool ended = true;
            for (std::size_t i = 0; i < n; ++i) {
                ended = ended && gets[i].task.done() && puts[i].task.done();
            }
            return ended;
        };
        bool ended = all_ended();
        while (!ended) {
            if (getters(queue) > 0) {
                static_cast<void>(queue.try_put(0));
            }
            if (putters(queue) > 0) {
                const std::optional<int> got = queue.try_get();
                if (got.value_or(0) != 0) {
                    received.push_back(*got);
                }
            }
            co_await yield();
            ended = all_ended();
        }
    }
    std::vector<int> put;
    for (std::size_t i = 0; i < n; ++i) {
        co_await settle(gets[i].task, puts[i].task);
        if (gets[i].outcome.how == How::ok && gets[i].outcome.value != 0) {
            received.push_back(gets[i].outcome.value);
        }
        if (puts[i].outcome.how == How::ok) {
            put.push_back(puts[i].value);
        }
    }
    canceller.join();
    for (const int value : drain(queue)) {
        if (value != 0) {
            received.push_back(value);
        }
    }
    received = sorted(received);
    EXPECT_EQ(getters(queue), 0U);
    EXPECT_EQ(putters(queue), 0U);
    EXPECT_EQ(queue.qsize(), 0);
    EXPECT_EQ(std::ranges::adjacent_find(received), received.end()) << "received twice";
    if (end == End::immediate) {
        EXPECT_TRUE(std::ranges::includes(put, received));
        for (std::size_t i = 0; i < received.size(); ++i) {
            queue.task_done();
        }
        co_await queue.join();  // what was dropped is counted as done
        EXPECT_THROW(queue.task_done(), std::invalid_argument);
    } else {
        EXPECT_EQ(received, put);
    }
}

TEST_P(QueueParallel, PAR_04_PAR_05_PAR_09_gets_and_puts_against_cancel_and_timeout) {
    each([&](auto kind) {
        for (Rounds rounds; rounds.next();) {
            auto queue = kind(rounds.number() % 4);
            run(conserve(queue, End::drained, rounds.number()));
            expect_idle(queue);
        }
    });
}

TEST_P(QueueParallel, PAR_10_gets_and_puts_against_shutdown) {
    each([&](auto kind) {
        for (Rounds rounds; rounds.next();) {
            auto queue = kind(rounds.number() % 4);
            run(conserve(queue, rounds.number() % 2 == 0 ? End::graceful : End::immediate, rounds.number()));
        }
    });
}

TEST_P(QueueParallel, PAR_19_get_against_put) {
    each([&](auto kind) {
        run([&]() -> Coro<void> {
            Racers racers(2);
            auto queue = kind(1);
            for (Rounds rounds; rounds.next();) {
                Outcome got;
                Task<void> getter;
                auto put = [&] { queue.put_nowait(1); };
                auto nothing = [] {};
                getter = create_task(take(queue, got));
                co_await racers.at_once(put, nothing);
                co_await getter;
                EXPECT_EQ(got.how, How::ok);

                queue.put_nowait(2);
                Outcome in;
                const Task<void> putter = create_task(give(queue, 3, in));
                auto get = [&] { EXPECT_EQ(queue.get_nowait(), 2); };
                co_await racers.at_once(get, nothing);
                co_await putter;
                EXPECT_EQ(drain(queue), std::vector<int>{3});
            }
            expect_idle(queue);
        });
    });
}

TEST_P(QueueParallel, PAR_49_PAR_52_PAR_73_bounds_hold_at_every_moment) {
    each([&](auto kind) {
        constexpr int n = 300;
        auto queue = kind(3);
        std::atomic<bool> stop{false};
        std::vector<int> got[2];
        auto produce = [&](int from) -> Coro<void> {
            for (int i = 0; i < n; ++i) {
                co_await queue.put(from + i);
            }
        };
        auto consume = [&](std::vector<int>& log) -> Coro<void> {
            while (log.size() < n) {
                if (queue.empty()) {
                    log.push_back(co_await queue.get());
                    continue;
                }
                try {
                    log.push_back(queue.get_nowait());
                } catch (const QueueEmpty&) {  // somebody else was faster
                    continue;
                }
            }
        };
        std::thread observer([&] {
            while (!stop) {
                const std::ptrdiff_t size = queue.qsize();
                EXPECT_GE(size, 0);
                EXPECT_LE(size, 3);
                std::this_thread::yield();
            }
        });
        run([&]() -> Coro<void> {
            const Task<void> p1 = create_task(produce(0));
            const Task<void> p2 = create_task(produce(n));
            const Task<void> c1 = create_task(consume(got[0]));
            const Task<void> c2 = create_task(consume(got[1]));
            co_await settle(p1, p2, c1, c2);
        });
        stop = true;
        observer.join();
        got[0].insert(got[0].end(), got[1].begin(), got[1].end());
        const std::vector<int> all = sorted(got[0]);
        EXPECT_EQ(all.size(), 2U * n);
        for (int i = 0; i < 2 * n; ++i) {
            EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
        }
        expect_idle(queue);
    });
}

TEST_P(QueueParallel, PAR_77_what_was_written_before_a_put_is_seen_after_the_get) {
    each([&](auto kind) {
        auto queue = kind(1);
        constexpr int n = 300;
        std::array<int, n> written{};  // plain
        std::array<int, n> taken{};    // plain: written before the get whose slot a later put takes
        auto produce = [&]() -> Coro<void> {
            for (int i = 0; i < n; ++i) {
                written[static_cast<std::size_t>(i)] = i + 1;
                co_await queue.put(i);
                if (i > 1) {  // this slot was freed by the get of the item before the last at the earliest
                    EXPECT_EQ(taken[static_cast<std::size_t>(i - 2)], i - 1);
                }
            }
        };
        auto consume = [&]() -> Coro<void> {
            for (int i = 0; i < n; ++i) {
                if (i > 0) {
                    taken[static_cast<std::size_t>(i - 1)] = i;
                }
                const int value = co_await queue.get();
                EXPECT_EQ(written[static_cast<std::size_t>(value)], value + 1);
            }
        };
        run([&]() -> Coro<void> {
            const Task<void> p = create_task(produce());
            const Task<void> c = create_task(consume());
            co_await settle(p, c);
        });
    });
}

TEST_P(QueueParallel, PAR_78_what_was_written_before_a_shutdown_is_seen_after_it) {
    each([&](auto kind) {
        for (Rounds rounds; rounds.next();) {
            auto queue = kind();
            int written = 0;  // plain
            std::thread closer([&] {
                written = 1;
                queue.shutdown(rounds.number() % 2 == 0);
            });
            run([&]() -> Coro<void> {
                Outcome got;
                co_await take(queue, got);
                EXPECT_EQ(got.how, How::shut_down);
                EXPECT_EQ(written, 1);
            });
            closer.join();
        }
    });
}

}  // namespace
}  // namespace heddle::test
