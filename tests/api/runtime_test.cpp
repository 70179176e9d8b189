#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class RuntimeApi : public OverWorkers {
protected:
    Event never;
    Coro<void> sleeper() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(RuntimeApi);

static_assert(!std::is_copy_constructible_v<Runtime> && !std::is_move_constructible_v<Runtime>);

std::string thread_name() {
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    return name.data();
}

TEST_P(RuntimeApi, WorkersAndTheirNames) {
    RuntimeOptions named = options();
    named.name = "loom";
    Runtime runtime(named);
    EXPECT_EQ(runtime.workers(), workers());
    auto main = []() -> Coro<std::string> { co_return thread_name(); };
    const std::string name = runtime.run(main());
    EXPECT_EQ(name.rfind("loom-", 0), 0U) << name;
}

TEST(RuntimeDefaults, AtLeastOneWorker) {
    const Runtime runtime;
    EXPECT_GE(runtime.workers(), 1U);
    EXPECT_LE(runtime.workers(), std::thread::hardware_concurrency());
}

TEST_P(RuntimeApi, AffinityBindsTheWorkers) {
    RuntimeOptions bound = options();
    bound.affinity = {0};
    auto main = []() -> Coro<int> {
        cpu_set_t set;
        CPU_ZERO(&set);
        pthread_getaffinity_np(pthread_self(), sizeof set, &set);
        EXPECT_TRUE(CPU_ISSET(0, &set));
        co_return CPU_COUNT(&set);
    };
    EXPECT_EQ(heddle::run(main(), bound), 1);
}

TEST_P(RuntimeApi, Current) {
    EXPECT_EQ(ending_of([] { Runtime::current(); }), "no running event loop");
    Runtime runtime(options());
    auto main = [&]() -> Coro<void> {
        EXPECT_EQ(&Runtime::current(), &runtime);
        co_await yield();
        EXPECT_EQ(&Runtime::current(), &runtime);
        auto child = []() -> Coro<Runtime*> { co_return &Runtime::current(); };
        // Also through the handle that current() gives: spawn from a worker.
        Runtime* of_child = co_await Runtime::current().spawn(child());
        EXPECT_EQ(of_child, &runtime);
    };
    runtime.run(main());
    EXPECT_EQ(ending_of([] { Runtime::current(); }), "no running event loop");
}

TEST_P(RuntimeApi, ShutdownIsRefusedOnAWorker) {
    Runtime runtime(options());
    Runtime other(options());
    auto main = [&]() -> Coro<void> {
        for (Runtime* which : {&runtime, &other}) {
            EXPECT_EQ(ending_of([&] { which->shutdown(); }),
                      "Runtime.shutdown() cannot be called from a running event loop");
        }
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    };
    runtime.run(main());
}

TEST_P(RuntimeApi, SpawnFromForeignThreads) {
    constexpr int threads = 4;
    constexpr int each = 500;
    Runtime runtime(options());
    std::atomic<int> ran{0};
    auto body = [&](int i) -> Coro<int> {
        co_await yield();
        ++ran;
        co_return i;
    };
    std::atomic<long> sum{0};
    std::vector<std::thread> spawners;
    for (int t = 0; t < threads; ++t) {
        spawners.emplace_back([&] {
            std::vector<Task<int>> tasks;
            for (int i = 0; i < each; ++i) {
                tasks.push_back(runtime.spawn(body(i)));
            }
            for (const Task<int>& task : tasks) {
                sum += task.result_blocking();
            }
        });
    }
    for (std::thread& thread : spawners) {
        thread.join();
    }
    EXPECT_EQ(ran, threads * each);
    EXPECT_EQ(sum, threads * (each * (each - 1L) / 2));
}

TEST_P(RuntimeApi, SpawnWakesASleepingRuntime) {
    Runtime runtime(options());
    auto give = [](int i) -> Coro<int> { co_return i; };
    for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(runtime.spawn(give(i)).result_blocking(), i);  // all workers may sleep in between
    }
}

TEST_P(RuntimeApi, SpawnAfterShutdownThrowsAndFreesTheCoroutine) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    Runtime runtime(options());
    runtime.shutdown();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ending_of([&] { return runtime.spawn(body(Probe(counts)), {.name = "late"}); }),
                  "cannot schedule new tasks after shutdown");
        EXPECT_EQ(counts.alive, 0);
    }
    EXPECT_EQ(counts.constructed, 3);
}

TEST_P(RuntimeApi, SpawnWhileItShutsDown) {
    for (int round = 0; round < 20; ++round) {
        ProbeCounts counts;
        std::atomic<int> refused{0};
        {
            Runtime runtime(options());
            std::atomic<bool> go{false};
            auto body = [&](Probe probe) -> Coro<int> {
                co_await never.wait();
                co_return probe.value();
            };
            std::vector<std::thread> spawners;
            for (int t = 0; t < 2; ++t) {
                spawners.emplace_back([&] {
                    until_blocking([&] { return go.load(); });
                    for (int i = 0; i < 1'000'000; ++i) {
                        try {
                            static_cast<void>(runtime.spawn(body(Probe(counts))));
                            std::this_thread::yield();
                        } catch (const std::runtime_error&) {
                            ++refused;
                            return;
                        }
                    }
                });
            }
            go = true;
            until_blocking([&] { return waiters(never) > 0; });
            runtime.shutdown();
            for (std::thread& thread : spawners) {
                thread.join();
            }
        }
        EXPECT_EQ(refused, 2);
        EXPECT_EQ(counts.alive, 0);
        EXPECT_EQ(waiters(never), 0U);
    }
}

TEST_P(RuntimeApi, DestructionWithWorkInFlight) {
    for (int round = 0; round < 50; ++round) {
        ProbeCounts counts;
        Lock lock;
        {
            auto body = [&](Probe probe) -> Coro<void> {
                const Probe local(counts);
                for (;;) {
                    co_await yield();
                    auto held = co_await lock.scoped();
                    co_await sleep(1us * probe.value());
                }
            };
            Runtime runtime(options());  // ends before what its tasks use
            for (int i = 0; i < 20; ++i) {
                static_cast<void>(runtime.spawn(body(Probe(counts, i % 3))));
            }
        }
        EXPECT_EQ(counts.alive, 0);
        EXPECT_FALSE(lock.locked());
    }
}

TEST_P(RuntimeApi, SeveralAtOnceShareNothing) {
    Runtime a(options());
    Runtime b(options());
    auto main = [](Runtime& mine) -> Coro<int> {
        for (int i = 0; i < 100; ++i) {
            co_await yield();
            EXPECT_EQ(&Runtime::current(), &mine);
        }
        co_return static_cast<int>(all_tasks().size());
    };
    const Task<int> of_a = a.spawn(main(a));
    const Task<int> of_b = b.spawn(main(b));
    EXPECT_EQ(of_a.result_blocking(), 1);
    EXPECT_EQ(of_b.result_blocking(), 1);
    a.shutdown();
    EXPECT_EQ(b.run(main(b)), 1);
}

TEST_P(RuntimeApi, TasksOfOneAwaitTasksOfAnother) {
    Runtime a(options());
    Runtime b(options());
    Event go;
    auto work = [&]() -> Coro<std::string> {
        co_await go.wait();
        EXPECT_EQ(&Runtime::current(), &b);
        co_return "from b";
    };
    auto waits = [&](Task<std::string> task) -> Coro<std::string> {
        std::string text = co_await task;
        EXPECT_EQ(&Runtime::current(), &a);  // each goes on where it belongs
        co_return text;
    };
    const Task<std::string> of_b = b.spawn(work());
    const Task<std::string> of_a = a.spawn(waits(of_b));
    until_parked_blocking(of_a, of_b);
    go.set();
    EXPECT_EQ(of_a.result_blocking(), "from b");
    auto forwards = [&]() -> Coro<void> {
        const Task<void> elsewhere = b.spawn(sleeper());
        co_await elsewhere;
    };
    const Task<void> cancelled = a.spawn(forwards());
    until_waiters_blocking(never, 1);
    until_parked_blocking(cancelled);
    cancelled.cancel("across");
    EXPECT_EQ(ending_of([&] { cancelled.result_blocking(); }), "CancelledError: across");
}

TEST_P(RuntimeApi, OnePrimitiveForTasksOfTwoRuntimes) {
    Lock lock;
    int counter = 0;
    {
        Runtime a(options());
        Runtime b(options());
        auto increments = [&](Runtime& mine) -> Coro<void> {
            for (int i = 0; i < 500; ++i) {
                auto held = co_await lock.scoped();
                ++counter;
                EXPECT_EQ(&Runtime::current(), &mine);
            }
        };
        const std::vector<Task<void>> tasks{a.spawn(increments(a)), b.spawn(increments(b)),
                                            a.spawn(increments(a)), b.spawn(increments(b))};
        for (const Task<void>& task : tasks) {
            task.wait_blocking();
        }
    }
    EXPECT_EQ(counter, 2000);
}

TEST_P(RuntimeApi, RunTwiceAtTheSameTimeOnOneRuntime) {
    Runtime runtime(options());
    std::atomic<int> inside{0};
    auto main = [&](int i) -> Coro<int> {
        ++inside;
        auto both_inside = [&] { return inside == 2; };
        co_await until(both_inside);
        co_return i;
    };
    int other = 0;
    std::thread thread([&] { other = runtime.run(main(2)); });
    EXPECT_EQ(runtime.run(main(1)), 1);
    thread.join();
    EXPECT_EQ(other, 2);
}

TEST_P(RuntimeApi, CreatedAndDestroyedManyTimes) {
    auto main = [](int i) -> Coro<int> {
        auto child = [](int n) -> Coro<int> {
            co_await yield();
            co_return n;
        };
        const int value = co_await create_task(child(i));
        co_return value;
    };
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(run(main(i)), i);
        const Runtime unused(options());
    }
}

}  // namespace
}  // namespace heddle::test
