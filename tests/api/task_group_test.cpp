#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/stack.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

// task_group() as a C++ function: results of the body, closures, numbers, threads. What a group does with
// errors and cancellation is in tests/semantics.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class TaskGroupApi : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(TaskGroupApi);

TEST_P(TaskGroupApi, GivesTheResultOfItsBody) {
    int number = 2;
    run([&]() -> Coro<void> {
        auto of_void = [](TaskGroup&) -> Coro<void> { co_return; };
        auto of_value = [](TaskGroup&) -> Coro<int> { co_return 4; };
        auto of_move_only = [](TaskGroup&) -> Coro<std::unique_ptr<int>> {
            co_return std::make_unique<int>(5);
        };
        auto of_reference = [&](TaskGroup&) -> Coro<int&> { co_return number; };
        co_await task_group(of_void);
        const int value = co_await task_group(of_value);
        EXPECT_EQ(value, 4);
        const std::unique_ptr<int> owned = co_await task_group(of_move_only);
        EXPECT_EQ(*owned, 5);
        const int& reference = co_await task_group(of_reference);
        EXPECT_EQ(&reference, &number);
    });
}

TEST_P(TaskGroupApi, ResultOfTheBodyIsDroppedWhenAChildFails) {
    ProbeCounts counts;
    run([&]() -> Coro<void> {
        auto fail = []() -> Coro<void> {
            co_await yield();
            throw Boom("child");
        };
        auto body = [&](TaskGroup& tg) -> Coro<Probe> {
            tg.create_task(fail());
            co_return Probe(counts);
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[child]");
        EXPECT_EQ(counts.alive, 0);
    });
}

TEST_P(TaskGroupApi, TheClosureLivesUntilTheScopeEnds) {
    ProbeCounts counts;
    Event go;
    auto make = [&]() -> Coro<void> {
        auto body = [probe = Probe(counts, 3), &go](TaskGroup& tg) -> Coro<void> {
            auto child = [](const Probe& of_closure, Event& start) -> Coro<void> {
                co_await start.wait();
                EXPECT_EQ(of_closure.value(), 3);
            };
            tg.create_task(child(probe, go));
            co_return;
        };
        return task_group(std::move(body));  // the closure here is gone when the coroutine runs
    };
    run([&]() -> Coro<void> {
        const Task<void> scope = create_task(make());
        co_await until_waiters(go, 1);
        EXPECT_GE(counts.alive, 1);
        go.set();
        co_await scope;
    });
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(TaskGroupApi, ChildrenOfAllKinds) {
    run([]() -> Coro<void> {
        Event event;
        Task<bool> waits;
        Task<std::unique_ptr<int>> owner;
        Task<std::tuple<int, int>> both;
        auto give = [](int i) -> Coro<int> { co_return i; };
        auto make = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(6); };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            waits = tg.create_task(event.wait());
            owner = tg.create_task(make());
            both = tg.create_task(gather(give(1), give(2)));
            tg.create_task(sleep(1ms));
            event.set();
            co_return;
        };
        co_await task_group(body);
        EXPECT_TRUE(waits.result());
        EXPECT_EQ(*owner.result(), 6);
        EXPECT_EQ(both.result(), std::tuple(1, 2));
    });
}

TEST_P(TaskGroupApi, AwaitingAChildInsideTheScope) {
    run([&]() -> Coro<void> {
        auto fail = []() -> Coro<int> {
            co_await yield();
            throw Boom("child");
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            const Task<int> child = tg.create_task(fail());
            const std::string end = co_await ending(child);
            // The error of the child, or the cancellation that the group sends for it.
            EXPECT_TRUE(end == "child" || end == "CancelledError") << end;
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[child]");
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    });
}

TEST_P(TaskGroupApi, AChildMustNotHaveBeenAwaitedBefore) {
    run([]() -> Coro<void> {
        auto give = []() -> Coro<int> { co_return 1; };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            Coro<int> used = give();
            co_await used;
            EXPECT_EQ(ending_of([&] { return tg.create_task(std::move(used)); }),
                      "cannot reuse already awaited coroutine");
            EXPECT_EQ(ending_of([&] { return tg.create_task(Coro<int>()); }),
                      "cannot reuse already awaited coroutine");
        };
        co_await task_group(body);
    });
}

TEST_P(TaskGroupApi, AHundredThousandChildren) {
    constexpr int many = 100'000;
    StackGauge stack;
    for (const bool suspend : {false, true}) {
        std::atomic<int> ran{0};
        auto child = [&]() -> Coro<void> {
            if (suspend) {
                co_await yield();
            }
            stack.look();
            ++ran;
        };
        run([&]() -> Coro<void> {
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                for (int i = 0; i < many; ++i) {
                    tg.create_task(child());
                }
                co_return;
            };
            co_await task_group(body);
            EXPECT_EQ(ran, many);
        });
    }
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(TaskGroupApi, AbortOfAHundredThousandChildren) {
    constexpr std::size_t many = 100'000;
    StackGauge stack;
    run([&]() -> Coro<void> {
        auto child = [&]() -> Coro<void> {
            try {
                co_await never.wait();
            } catch (...) {
                stack.look();
                throw;
            }
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            for (std::size_t i = 0; i < many; ++i) {
                tg.create_task(child());
            }
            co_await until_waiters(never, many);
            throw Boom("body");
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[body]");
        EXPECT_EQ(waiters(never), 0U);
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

struct Tree {
    /// 3^depth leaves, each group in the task of its parent group's child.
    static Coro<int> leaves(int depth) {
        if (depth == 0) {
            co_await yield();
            co_return 1;
        }
        std::vector<Task<int>> children;
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            for (int i = 0; i < 3; ++i) {
                children.push_back(tg.create_task(leaves(depth - 1)));
            }
            co_return;
        };
        co_await task_group(body);
        int sum = 0;
        for (const Task<int>& child : children) {
            sum += child.result();
        }
        co_return sum;
    }
};

TEST_P(TaskGroupApi, GroupsInsideOfGroups) { EXPECT_EQ(run(Tree::leaves(7)), 2187); }

TEST_P(TaskGroupApi, ThreadsCreateChildrenWhileTheScopeIsOpen) {
    constexpr int threads = 3;
    constexpr int each = 300;
    run([&]() -> Coro<void> {
        std::atomic<int> ran{0};
        auto child = [&]() -> Coro<void> {
            ++ran;
            co_return;
        };
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            Event all_created;
            std::atomic<int> left{threads};
            std::vector<std::thread> creators;
            for (int i = 0; i < threads; ++i) {
                creators.emplace_back([&] {
                    for (int j = 0; j < each; ++j) {
                        tg.create_task(child());
                    }
                    if (--left == 0) {
                        all_created.set();
                    }
                });
            }
            co_await all_created.wait();
            for (std::thread& creator : creators) {
                creator.join();
            }
        };
        co_await task_group(body);
        EXPECT_EQ(ran, threads * each);
    });
}

TEST_P(TaskGroupApi, AbortWhileThreadsCreateChildren) {
    run([&]() -> Coro<void> {
        for (int round = 0; round < 30; ++round) {
            ProbeCounts counts;
            auto child = [&](Probe probe) -> Coro<void> {
                co_await never.wait();
                ADD_FAILURE() << "not cancelled, probe " << probe.value();
            };
            auto fail = []() -> Coro<void> {
                throw Boom("child");
                co_return;
            };
            auto body = [&](TaskGroup& tg) -> Coro<void> {
                Event over;
                std::atomic<bool> refused{false};
                std::thread creator([&] {
                    while (!refused) {
                        try {
                            tg.create_task(child(Probe(counts)));
                        } catch (const std::runtime_error& error) {
                            EXPECT_STREQ(error.what(), "TaskGroup is shutting down");
                            refused = true;
                        }
                    }
                    over.set();
                });
                tg.create_task(fail());
                bool is_over = over.is_set();
                while (!is_over) {
                    co_await ending(over.wait());  // the group cancels us meanwhile
                    is_over = over.is_set();
                }
                creator.join();
            };
            const std::string end = co_await ending(task_group(body));
            EXPECT_EQ(end, "group[child]");
            EXPECT_EQ(counts.alive, 0);
        }
    });
}

}  // namespace
}  // namespace heddle::test
