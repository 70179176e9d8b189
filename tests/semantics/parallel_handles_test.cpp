#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/occupy.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/gather.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

// Handles of tasks in the hands of plain threads; and the frames, results and errors behind them.

namespace heddle::test {
namespace {

class ParallelHandles : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelHandles);

TEST_P(ParallelHandles, PAR_29_a_plain_thread_blocks_on_a_task) {
    Runtime runtime(options());
    auto gives = [](int i) -> Coro<int> {
        for (int k = 0; k < i % 4; ++k) {
            co_await yield();
        }
        co_return i;
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 100; ++i) {
                EXPECT_EQ(runtime.spawn(gives(t + i)).result_blocking(), t + i);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

TEST_P(ParallelHandles, PAR_29_on_a_worker_it_is_an_error) {
    Event never;
    Runtime runtime(options());
    Runtime other(options());
    auto hangs = [&]() -> Coro<void> { co_await never.wait(); };
    auto main = [&](Task<void> task) -> Coro<void> {
        const Task<void> mine = create_task(hangs());
        for (const Task<void>& one : {task, mine}) {
            EXPECT_EQ(ending_of([&] { one.wait_blocking(); }),
                      "Task.wait_blocking() called on a worker thread, where it would stop other tasks; "
                      "co_await the waiting form instead");
            EXPECT_EQ(ending_of([&] { one.result_blocking(); }),
                      "Task.result_blocking() called on a worker thread, where it would stop other tasks; "
                      "co_await the waiting form instead");
        }
        // Neither has the task been touched, nor the one that called.
        co_await until_parked(task, mine);
        mine.cancel();
        co_await settle(mine);
    };
    const Task<void> task = other.spawn(hangs());
    runtime.run(main(task));
    EXPECT_FALSE(task.done());
}

TEST_P(ParallelHandles, PAR_34_the_last_handle_is_dropped_elsewhere_while_the_task_runs) {
    ProbeCounts counts;
    {
        Runtime runtime(options());
        auto gives = [&](unsigned seed) -> Coro<Probe> {
            Jitter jitter(seed);
            co_await yield();
            jitter();
            co_return Probe(counts, 3);
        };
        for (Rounds rounds; rounds.next();) {
            Task<Probe> task = runtime.spawn(gives(rounds.number()));
            const Future<Probe> future;
            std::thread drops([&, mine = std::move(task)]() mutable {
                Jitter jitter(rounds.number() + 1);
                const Task<Probe> copy = mine;
                mine = {};
                jitter();
            });
            std::thread sets([future, &counts] { future.set_result(Probe(counts, 4)); });
            drops.join();
            sets.join();
            EXPECT_EQ(future.result().value(), 4);
        }
    }
    EXPECT_EQ(counts.alive, 0);
    EXPECT_GE(counts.constructed, 40);
}

/// Notes where it was cancelled: "" if it was not, else the place.
struct Told {
    std::atomic<bool> started{false};
    std::atomic<bool> running{false};
    std::atomic<bool> computed{false};
    std::string where;  // read after the end
};
Coro<void> stage(Told& told, Event& parked, std::atomic<bool>& compute) {
    told.started = true;
    told.where = "at the yield";
    co_await yield();
    told.where = "at the wait";
    co_await parked.wait();
    told.where = "after the wait";
    told.running = true;
    until_blocking([&] { return compute.load(); });
    told.computed = true;
    co_await yield();
    told.where = "";
}

TEST_P(ParallelHandles, PAR_35_cancel_from_outside_before_the_first_step) {
    Runtime runtime(options());
    for (int round = 0; round < 20; ++round) {
        Told told;
        Event event;
        std::atomic<bool> compute{true};
        Task<void> task;
        {
            const Occupied all(runtime);
            task = runtime.spawn(stage(told, event, compute));
            EXPECT_TRUE(task.cancel("early"));
            EXPECT_FALSE(task.done());
        }
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError: early");
        EXPECT_FALSE(told.started);
    }
}

TEST_P(ParallelHandles, PAR_35_cancel_from_outside_while_it_is_in_a_queue) {
    Runtime runtime(options());
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> steps{0};
        auto yields = [&]() -> Coro<void> {
            for (;;) {
                co_await yield();
                ++steps;
            }
        };
        const Task<void> task = runtime.spawn(yields());
        until_blocking([&] { return steps > round; });
        int before = 0;
        {
            const Occupied all(runtime);
            before = steps;
            EXPECT_TRUE(task.cancel());
            EXPECT_FALSE(task.done());
        }
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError");
        EXPECT_EQ(steps, before) << "at the very yield at which it was in the queue";
    }
}

TEST_P(ParallelHandles, PAR_35_PAR_99_cancel_from_outside_while_it_runs) {
    Runtime runtime(options());
    for (int round = 0; round < 20; ++round) {
        Told told;
        Event event;
        std::atomic<bool> compute{false};
        event.set();
        const Task<void> task = runtime.spawn(stage(told, event, compute));
        until_blocking([&] { return told.running.load(); });
        EXPECT_TRUE(task.cancel());
        EXPECT_FALSE(task.done());
        compute = true;
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError");
        EXPECT_TRUE(told.computed) << "its code is not interrupted";
        EXPECT_EQ(told.where, "after the wait") << "but its next suspension is";
    }
}

TEST_P(ParallelHandles, PAR_35_cancel_from_outside_while_it_is_parked) {
    Runtime runtime(options());
    for (int round = 0; round < 20; ++round) {
        Told told;
        Event event;
        std::atomic<bool> compute{true};
        const Task<void> task = runtime.spawn(stage(told, event, compute));
        until_waiters_blocking(event, 1);
        until_parked_blocking(task);
        EXPECT_TRUE(task.cancel());
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError");
        EXPECT_EQ(told.where, "at the wait");
        EXPECT_EQ(waiters(event), 0U);
    }
}

TEST_P(ParallelHandles, PAR_35_cancel_from_outside_while_it_is_resuming) {
    Runtime runtime(options());
    for (int round = 0; round < 20; ++round) {
        Told told;
        Event event;
        std::atomic<bool> compute{true};
        const Task<void> task = runtime.spawn(stage(told, event, compute));
        until_parked_blocking(task);
        until_waiters_blocking(event, 1);
        {
            const Occupied all(runtime);
            event.set();
            EXPECT_TRUE(task.cancel());
            EXPECT_FALSE(task.done());
        }
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "CancelledError");
        EXPECT_TRUE(told.where == "at the wait" || told.where == "after the wait") << told.where;
        EXPECT_EQ(told.where == "after the wait", told.computed);
    }
}

TEST_P(ParallelHandles, PAR_35_cancel_from_outside_when_it_is_done) {
    Runtime runtime(options());
    auto gives = []() -> Coro<int> { co_return 3; };
    const Task<int> task = runtime.spawn(gives());
    task.wait_blocking();
    EXPECT_FALSE(task.cancel());
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0);
    EXPECT_EQ(task.result(), 3);
}

TEST_P(ParallelHandles, PAR_43_a_frame_is_gone_when_its_end_is_known) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            ProbeCounts counts;
            const unsigned how = rounds.number() % 3;
            Event never;
            auto body = [&](Probe given) -> Coro<int> {
                const Probe local(counts, 1);
                co_await yield();
                if (how == 1) {
                    throw Boom("spam");
                }
                if (how == 2) {
                    co_await never.wait();
                }
                co_return local.value() + given.value();
            };
            const Task<int> task = create_task(body(Probe(counts, 2)));
            if (how == 2) {
                co_await until_waiters(never, 1);
                task.cancel();
            }
            const std::string ended = co_await ending(task);
            EXPECT_EQ(ended, how == 0 ? "value" : how == 1 ? "spam" : "CancelledError");
            EXPECT_EQ(counts.alive, 0);
            if (how == 0) {
                // Children of a group and of a gather: gone when the scope is.
                auto scope = [&](TaskGroup& group) -> Coro<void> {
                    const Task<int> child = group.create_task(body(Probe(counts, 3)));
                    const int value = co_await child;
                    EXPECT_EQ(value, 4);
                    EXPECT_EQ(counts.alive, 0);
                    group.create_task(body(Probe(counts, 4)));
                };
                co_await task_group(scope);
                EXPECT_EQ(counts.alive, 0);
                auto two = gather(body(Probe(counts, 5)), body(Probe(counts, 6)));
                const std::tuple<int, int> both = co_await two;
                EXPECT_EQ(std::get<0>(both) + std::get<1>(both), 13);
                EXPECT_EQ(counts.alive, 0);
            }
            EXPECT_EQ(counts.copied, 0);
        }
    });
}

TEST_P(ParallelHandles, PAR_46_one_error_for_several_awaiters) {
    class Detailed : public Boom {
    public:
        explicit Detailed(ProbeCounts& counts) : Boom("detailed"), probe(counts, 9) {}
        Probe probe;
    };
    ProbeCounts counts;
    {
        Runtime runtime(options());
        for (Rounds rounds; rounds.next();) {
            Event go;
            auto fails = [&]() -> Coro<void> {
                co_await go.wait();
                throw Detailed(counts);
            };
            const Task<void> task = runtime.spawn(fails());
            auto look = [&] {
                const std::string what = ending_of([&] { task.result(); });
                EXPECT_EQ(what, "detailed");
                try {
                    task.result();
                } catch (const Detailed& error) {
                    EXPECT_EQ(error.probe.value(), 9);
                    EXPECT_STREQ(error.what(), "detailed");
                }
            };
            auto awaits = [&]() -> Coro<void> {
                const std::string how = co_await ending(task);
                EXPECT_EQ(how, "detailed");
                look();
            };
            std::vector<Task<void>> awaiters;
            for (int i = 0; i < 4; ++i) {
                awaiters.push_back(runtime.spawn(awaits()));
            }
            std::thread foreign([&] {
                task.wait_blocking();
                look();
            });
            go.set();
            foreign.join();
            for (const Task<void>& awaiter : awaiters) {
                awaiter.wait_blocking();
            }
        }
    }
    EXPECT_EQ(counts.alive, 0);
}

}  // namespace
}  // namespace heddle::test
