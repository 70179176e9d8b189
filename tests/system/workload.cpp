#include "workload.hpp"

#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/memory.hpp"
#include "support/parked.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace heddle::test {

using namespace std::chrono_literals;

namespace {

constexpr int turns = sanitized ? 10 : 25;
constexpr int counters = 6;  // of them two plain threads
constexpr int players = 4;
constexpr int makers = 4;  // of them two plain threads
constexpr int items_each = 2 * turns;
constexpr int lates = 5;

}  // namespace

Workload::Workload(Runtime& runtime, Clock clock) : runtime_(runtime), clock_(clock), producers_(makers) {
    for (int i = 0; i < counters - 2; ++i) {
        spawn(count());
    }
    for (unsigned i = 0; i < 6; ++i) {
        spawn(take_permits(i));
    }
    spawn(ping());
    for (int i = 0; i < players; ++i) {
        spawn(take_turns(i));
        spawn(meet());
    }
    for (int i = 0; i < makers - 2; ++i) {
        spawn(produce(i * items_each));
    }
    spawn(consume());
    spawn(consume());
    spawn(rank());
    spawn(sleep_often());
    spawn(run_late());
    spawn(cancel_waiters());
    spawn(go_to_threads());
    spawn(make_children());
    start([this] { pong(); });
    for (int thread = 0; thread < 2; ++thread) {
        start([this, thread] {
            for (int i = 0; i < turns; ++i) {
                lock_.acquire_blocking();
                ++counted_;
                lock_.release();
                auto give = [](int n) -> Coro<int> {
                    co_await yield();
                    co_return n;
                };
                results_ += runtime_.spawn(give(1)).result_blocking();
            }
            for (int i = 0; i < items_each; ++i) {
                queue_.put_blocking((makers - 2 + thread) * items_each + i);
            }
            if (--producers_ == 0) {
                queue_.shutdown();
            }
        });
    }
}

void Workload::finish() {
    for (std::thread& thread : threads_) {
        thread.join();
    }
    for (const Task<void>& task : tasks_) {
        task.wait_blocking();
        EXPECT_EQ(ending_of(task), "value");
    }
    constexpr int items = makers * items_each;
    EXPECT_EQ(counted_, counters * turns);
    EXPECT_FALSE(lock_.locked());
    EXPECT_FALSE(crowded_);
    EXPECT_EQ(permits_.value(), 3);
    EXPECT_EQ(pongs_, turns);
    EXPECT_EQ(turn_, players * turns);
    EXPECT_EQ(seats_, turns * (players * (players - 1) / 2));
    EXPECT_EQ(items_, items);
    EXPECT_EQ(sum_, items * (items - 1) / 2);
    EXPECT_EQ(timed_out_, lates);
    EXPECT_TRUE(early_ == 0 || clock_ == Clock::restless);
    EXPECT_EQ(results_, 2 * turns);
}

Coro<void> Workload::count() {
    for (int i = 0; i < turns; ++i) {
        const auto held = co_await lock_.scoped();
        const int before = counted_;
        co_await yield();
        counted_ = before + 1;
    }
}

/// Some with patience, some without.
Coro<void> Workload::take_permits(unsigned seed) {
    for (int i = 0; i < turns; ++i) {
        bool mine = true;
        if ((seed + static_cast<unsigned>(i)) % 2 == 0) {
            try {
                co_await wait_for(permits_.acquire(), std::chrono::microseconds(100));
            } catch (const TimeoutError&) {
                mine = false;
            }
        } else {
            co_await permits_.acquire();
        }
        if (mine) {
            if (++inside_ > 3) {
                crowded_ = true;
            }
            co_await yield();
            --inside_;
            permits_.release();
        }
    }
}

Coro<void> Workload::ping() {
    for (int i = 0; i < turns; ++i) {
        to_pong_.set();
        co_await to_ping_.wait();
        to_ping_.clear();
    }
}
void Workload::pong() {
    for (int i = 0; i < turns; ++i) {
        to_pong_.wait_blocking();
        to_pong_.clear();
        ++pongs_;
        to_ping_.set();
    }
}

Coro<void> Workload::take_turns(int me) {
    auto mine = [&] { return turn_ % players == me; };
    for (int i = 0; i < turns; ++i) {
        const auto held = co_await changed_.scoped();
        co_await changed_.wait_for(mine);
        ++turn_;
        changed_.notify_all();
    }
}

Coro<void> Workload::meet() {
    for (int i = 0; i < turns; ++i) {
        const int seat = co_await barrier_.wait();
        seats_ += seat;
    }
}

Coro<void> Workload::produce(int first) {
    for (int i = 0; i < items_each; ++i) {
        co_await queue_.put(first + i);
    }
    if (--producers_ == 0) {
        queue_.shutdown();
    }
}
Coro<void> Workload::consume() {
    try {
        for (;;) {
            const int item = co_await queue_.get();
            sum_ += item;
            ++items_;
        }
    } catch (const QueueShutDown&) {  // NOLINT(bugprone-empty-catch): the end
    }
}

Coro<void> Workload::rank() {
    PriorityQueue<int> ranked;
    auto fill = [&](int first) -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            co_await ranked.put(2 * i + first);
        }
    };
    const auto both = co_await gather(fill(0), fill(1));
    static_cast<void>(both);
    for (int i = 0; i < 2 * turns; ++i) {
        const int smallest = co_await ranked.get();
        EXPECT_EQ(smallest, i);
    }
}

Coro<void> Workload::sleep_often() {
    auto nap = [&](std::chrono::microseconds how_long) -> Coro<void> {
        const test::Clock::time_point until = test::Clock::now() + how_long;
        co_await sleep_until(until);
        early_ += test::Clock::now() < until ? 1 : 0;
    };
    for (int i = 0; i < turns; ++i) {
        const auto all = co_await gather(nap(100us), nap(500us), nap(1ms));
        static_cast<void>(all);
    }
}

Coro<void> Workload::run_late() {
    for (int i = 0; i < lates; ++i) {
        const std::string end = co_await ending(wait_for(never_.wait(), 1ms));
        timed_out_ += end == "TimeoutError" ? 1 : 0;
    }
    auto in_time = []() -> Coro<int> {
        co_await yield();
        co_return 1;
    };
    const int one = co_await wait_for(in_time(), 1h);
    EXPECT_EQ(one, 1);
}

Coro<void> Workload::cancel_waiters() {
    auto waits = [&](bool on_permits) -> Coro<void> {
        if (on_permits) {
            const auto held = co_await permits_.scoped();
            co_await never_.wait();
        } else {
            co_await never_.wait();
        }
    };
    for (int i = 0; i < turns; ++i) {
        std::vector<Task<void>> tasks;
        for (int j = 0; j < 4; ++j) {
            tasks.push_back(create_task(waits(j == 0)));
        }
        co_await yield();
        for (const Task<void>& task : tasks) {
            task.cancel();
        }
        co_await settle_all(tasks);
    }
}

Coro<void> Workload::go_to_threads() {
    int sum = 0;
    for (int i = 0; i < turns; ++i) {
        auto square = [](int n) { return n * n; };
        const auto both = co_await gather(to_thread(square, i), to_thread(square, 1));
        sum += std::get<0>(both) + std::get<1>(both);
    }
    EXPECT_EQ(sum, (turns - 1) * turns * (2 * turns - 1) / 6 + turns);
}

Coro<void> Workload::make_children() {
    std::atomic<int> ran{0};
    auto child = [&](int yields) -> Coro<void> {
        for (int i = 0; i < yields; ++i) {
            co_await yield();
        }
        ++ran;
    };
    auto family = [&](TaskGroup& group) -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            group.create_task(child(i % 3));
        }
        co_return;
    };
    for (int i = 0; i < turns; ++i) {
        co_await task_group(family);
    }
    EXPECT_EQ(ran, turns * turns);
}

}  // namespace heddle::test
