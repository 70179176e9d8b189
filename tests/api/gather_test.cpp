#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/stack.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/sleep.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// gather() where it is not asyncio's: coroutines as children that share their parent's frame, and C++
// results.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class GatherApi : public OverWorkers {
protected:
    Event never;

    static Coro<int> give(int value) { co_return value; }
    static Coro<int> give_later(int value) {
        co_await yield();
        co_return value;
    }
    static Coro<int> fail(std::string text) {
        co_await yield();
        throw Boom(text);
    }
};
HEDDLE_OVER_WORKERS(GatherApi);

TEST_P(GatherApi, ResultsOfAllKinds) {
    int number = 1;
    auto nothing = []() -> Coro<void> { co_return; };
    auto owner = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto reference = [&]() -> Coro<int&> { co_return number; };
    auto text = []() -> Coro<std::string> {
        co_await yield();
        co_return "text";
    };
    run([&]() -> Coro<void> {
        auto results = co_await gather(give(42), nothing(), owner(), reference(), text());
        static_assert(
            std::is_same_v<decltype(results),
                           std::tuple<int, std::monostate, std::unique_ptr<int>, int&, std::string>>);
        EXPECT_EQ(std::get<0>(results), 42);
        EXPECT_EQ(*std::get<2>(results), 7);
        EXPECT_EQ(&std::get<3>(results), &number);
        EXPECT_EQ(std::get<4>(results), "text");

        std::vector<Coro<std::unique_ptr<int>>> owners;
        owners.push_back(owner());
        owners.push_back(owner());
        const std::vector<std::unique_ptr<int>> owned = co_await gather(std::move(owners));
        EXPECT_EQ(*owned[1], 7);

        std::vector<Coro<void>> nothings;
        nothings.push_back(nothing());
        nothings.push_back(nothing());
        const std::vector<std::monostate> units = co_await gather(std::move(nothings));
        EXPECT_EQ(units.size(), 2U);
    });
}

TEST_P(GatherApi, AnyAwaitable) {
    run([]() -> Coro<void> {
        Lock lock;
        Event event;
        event.set();
        const Task<int> task = create_task(give_later(3));
        const auto results =
            co_await gather(lock.acquire(), event.wait(), sleep(1ms), yield(), task, give(4));
        EXPECT_TRUE(std::get<1>(results));
        EXPECT_EQ(std::get<4>(results), 3);
        EXPECT_EQ(std::get<5>(results), 4);
        EXPECT_TRUE(lock.locked());
        lock.release();
        EXPECT_EQ(task.result(), 3);  // still there for others
    });
}

TEST_P(GatherApi, FirstErrorCancelsTheCoroutinesAndAwaitsThem) {
    run([&]() -> Coro<void> {
        std::atomic<int> ended{0};
        auto slow_to_stop = [&]() -> Coro<int> {
            const std::string stopped = co_await ending(never.wait());
            EXPECT_EQ(stopped, "CancelledError");
            for (int i = 0; i < 5; ++i) {
                co_await yield();
            }
            ++ended;
            throw CancelledError();
        };
        auto fails_when_they_wait = [&]() -> Coro<int> {
            co_await until_waiters(never, 2);
            throw Boom("first");
        };
        const std::string end =
            co_await ending(gather(slow_to_stop(), fails_when_they_wait(), slow_to_stop()));
        EXPECT_EQ(end, "first");
        EXPECT_EQ(ended, 2);
        EXPECT_EQ(waiters(never), 0U);
        EXPECT_EQ(current_task().cancelling(), 0);
        const std::string next = co_await ending(yield());
        EXPECT_EQ(next, "value");
    });
}

TEST_P(GatherApi, ErrorsOfCancelledSiblingsDoNotHideTheFirst) {
    run([&]() -> Coro<void> {
        auto fails_in_cleanup = [&]() -> Coro<int> {
            try {
                co_await never.wait();
            } catch (const CancelledError&) {
                throw Boom("second");
            }
            co_return 0;
        };
        auto fails_first = [&]() -> Coro<int> {
            co_await until_waiters(never, 2);
            throw Boom("first");
        };
        std::vector<Coro<int>> children;
        children.push_back(fails_in_cleanup());
        children.push_back(fails_first());
        children.push_back(fails_in_cleanup());
        const std::string end = co_await ending(gather(std::move(children)));
        EXPECT_EQ(end, "first");
    });
}

TEST_P(GatherApi, ChildrenThatHaveNotStartedNeverRunAfterAnError) {
    ProbeCounts counts;
    auto fails_at_once = []() -> Coro<int> {
        throw Boom("at once");
        co_return 0;
    };
    std::atomic<int> ran{0};
    auto child = [&](Probe probe) -> Coro<int> {
        ++ran;
        co_await never.wait();
        co_return probe.value();
    };
    run([&]() -> Coro<void> {
        const std::string end =
            co_await ending(gather(fails_at_once(), child(Probe(counts)), child(Probe(counts))));
        EXPECT_EQ(end, "at once");
        if (workers() == 1) {
            EXPECT_EQ(ran, 0);
        }
        EXPECT_EQ(counts.alive, 0);
    });
}

TEST_P(GatherApi, ReturnExceptionsOfCoroutinesCancelsNobody) {
    run([&]() -> Coro<void> {
        Event go;
        auto opens = [&]() -> Coro<int> {
            co_await yield();
            go.set();
            co_return 1;
        };
        auto waits = [&]() -> Coro<int> {
            co_await go.wait();
            co_return 2;
        };
        auto gives_up = []() -> Coro<void> {
            throw CancelledError("by itself");
            co_return;
        };
        auto results = co_await gather(return_exceptions, waits(), fail("error"), gives_up(), opens());
        EXPECT_EQ(std::get<0>(results).value(), 2);
        EXPECT_FALSE(std::get<1>(results).has_value());
        EXPECT_FALSE(static_cast<bool>(std::get<1>(results)));
        EXPECT_EQ(describe(std::get<1>(results).exception()), "error");
        EXPECT_EQ(describe(std::get<2>(results).exception()), "CancelledError: by itself");
        EXPECT_EQ(std::get<3>(results).value(), 1);
        EXPECT_EQ(current_task().cancelling(), 0);
    });
}

TEST_P(GatherApi, OneThatIsNotAwaitedFreesItsChildren) {
    ProbeCounts counts;
    auto child = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "ran";
        co_return probe.value();
    };
    {
        auto not_awaited = gather(child(Probe(counts)), child(Probe(counts)));
        std::vector<Coro<int>> children;
        children.push_back(child(Probe(counts)));
        auto nor_this = gather(return_exceptions, std::move(children));
        static_cast<void>(not_awaited);
        static_cast<void>(nor_this);
        EXPECT_EQ(counts.alive, 3);
    }
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(GatherApi, ChildrenMayUseTheirParentsFrame) {
    run([]() -> Coro<void> {
        for (int round = 0; round < 100; ++round) {
            std::vector<int> numbers(16);
            auto fills = [&](std::size_t i) -> Coro<void> {
                if (i % 3 == 0) {
                    co_await yield();
                }
                numbers[i] = static_cast<int>(i);
            };
            std::vector<Coro<void>> children;
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                children.push_back(fills(i));
            }
            co_await gather(std::move(children));
            EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0), 120);
        }
    });
}

struct Fibonacci {
    static Coro<int> of(int n) {
        if (n < 2) {
            co_return n;
        }
        const auto both = co_await gather(of(n - 1), of(n - 2));
        co_return std::get<0>(both) + std::get<1>(both);
    }
    static Coro<int> with_yields(int n) {
        if (n < 2) {
            co_await yield();
            co_return n;
        }
        const auto both = co_await gather(with_yields(n - 1), with_yields(n - 2));
        co_return std::get<0>(both) + std::get<1>(both);
    }
    static Coro<int> failing(int n) {
        if (n < 2) {
            co_await yield();
            throw Boom("leaf");
        }
        const auto both = co_await gather(failing(n - 1), failing(n - 2));
        co_return std::get<0>(both) + std::get<1>(both);
    }
};

TEST_P(GatherApi, GathersInsideOfGathers) {
    EXPECT_EQ(run(Fibonacci::of(20)), 6765);
    EXPECT_EQ(run(Fibonacci::with_yields(15)), 610);
    EXPECT_EQ(ending_of([&] { return run(Fibonacci::failing(12)); }), "leaf");
}

struct Nested {
    static Coro<int> down(int depth, StackGauge& stack) {
        stack.look();
        if (depth == 0) {
            co_await yield();
            co_return 0;
        }
        const auto both = co_await gather(down(depth - 1, stack), give_one());
        co_return std::get<0>(both) + std::get<1>(both);
    }
    static Coro<int> give_one() { co_return 1; }
};

TEST_P(GatherApi, DeepNestingDoesNotGrowTheStack) {
    constexpr int deep = 10'000;
    StackGauge stack;
    EXPECT_EQ(run(Nested::down(deep, stack)), deep);
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(GatherApi, AHundredThousandChildren) {
    constexpr int many = 100'000;
    StackGauge stack;
    for (const bool suspend : {false, true}) {
        auto child = [&](int i) -> Coro<int> {
            if (suspend) {
                co_await yield();
            }
            stack.look();
            co_return i;
        };
        run([&]() -> Coro<void> {
            std::vector<Coro<int>> children;
            for (int i = 0; i < many; ++i) {
                children.push_back(child(i));
            }
            const std::vector<int> results = co_await gather(std::move(children));
            EXPECT_EQ(std::accumulate(results.begin(), results.end(), 0L), 4'999'950'000L);
        });
    }
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(GatherApi, CancellingManyChildren) {
    constexpr std::size_t many = 10'000;
    run([&]() -> Coro<void> {
        auto child = [&]() -> Coro<void> { co_await never.wait(); };
        auto all = [&]() -> Coro<void> {
            std::vector<Coro<void>> children;
            for (std::size_t i = 0; i < many; ++i) {
                children.push_back(child());
            }
            co_await gather(std::move(children));
        };
        const Task<void> task = create_task(all());
        co_await until_waiters(never, many);
        co_await until_parked(task);
        task.cancel();
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
        EXPECT_EQ(waiters(never), 0U);
    });
}

TEST_P(GatherApi, MovedBeforeItIsAwaited) {
    run([&]() -> Coro<void> {
        auto first = gather(give(1), give_later(2));
        auto second = std::move(first);
        const std::tuple<int, int> results = co_await second;
        EXPECT_EQ(results, std::make_tuple(1, 2));
        auto many = [](auto given) -> Coro<int> {
            const auto pair = co_await given;
            co_return std::get<0>(pair) + std::get<1>(pair);
        };
        const int sum = co_await many(gather(create_task(give_later(3)), give(4)));
        EXPECT_EQ(sum, 7);
        const auto in_time = co_await wait_for(gather(give_later(5), give(6)), 60s);
        EXPECT_EQ(in_time, std::make_tuple(5, 6));
    });
}

TEST_P(GatherApi, AwaitedTwiceThrows) {
    run([&]() -> Coro<void> {
        auto of_coroutines = gather(give(1), give_later(2));
        auto of_tasks = gather(create_task(give_later(1)), create_task(give(2)));
        auto again = [](auto& given) -> Coro<std::tuple<int, int>> { co_return co_await given; };
        const auto first = co_await again(of_coroutines);
        const std::string coroutines = co_await ending(again(of_coroutines));
        EXPECT_EQ(coroutines, "cannot reuse already awaited coroutine");
        auto moved = std::move(of_coroutines);
        const std::string afterwards = co_await ending(again(moved));
        EXPECT_EQ(afterwards, "cannot reuse already awaited coroutine");
        const auto second = co_await again(of_tasks);
        const std::string tasks = co_await ending(again(of_tasks));
        EXPECT_EQ(tasks, "cannot reuse already awaited coroutine");
        EXPECT_EQ(first, second);
        std::vector<Coro<int>> coros;
        coros.push_back(give_later(3));
        auto of_many = gather(std::move(coros));
        auto many_again = [](auto& given) -> Coro<std::vector<int>> { co_return co_await given; };
        const std::vector<int> third = co_await many_again(of_many);
        EXPECT_EQ(third, std::vector<int>{3});
        const std::string many = co_await ending(many_again(of_many));
        EXPECT_EQ(many, "cannot reuse already awaited coroutine");
    });
}

}  // namespace
}  // namespace heddle::test
