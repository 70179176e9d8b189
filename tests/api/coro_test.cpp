#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/stack.hpp"
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace heddle::test {
namespace {

class CoroApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(CoroApi);

static_assert(!std::is_copy_constructible_v<Coro<int>> && !std::is_copy_assignable_v<Coro<int>>);
static_assert(std::is_nothrow_move_constructible_v<Coro<int>> &&
              std::is_nothrow_move_assignable_v<Coro<int>>);
static_assert(std::is_same_v<Coro<>, Coro<void>>);
static_assert(std::is_same_v<Coro<int&>::value_type, int&>);

/// Neither default constructible nor copyable.
struct Picky {
    explicit Picky(int v) : value(v) {}
    Picky(const Picky&) = delete;
    Picky& operator=(const Picky&) = delete;
    Picky(Picky&&) noexcept = default;
    Picky& operator=(Picky&&) noexcept = default;
    ~Picky() = default;
    int value;
};

TEST_P(CoroApi, ResultsOfAllKinds) {
    int number = 1;
    const std::string text = "not copied";
    auto of_value = []() -> Coro<int> { co_return 42; };
    auto of_void = [&]() -> Coro<void> {
        ++number;
        co_return;
    };
    auto of_move_only = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto of_picky = []() -> Coro<Picky> { co_return Picky(3); };
    auto of_reference = [&]() -> Coro<int&> { co_return number; };
    auto of_const_reference = [&]() -> Coro<const std::string&> { co_return text; };
    auto converted = []() -> Coro<std::string> { co_return "from a literal"; };
    run([&]() -> Coro<void> {
        const int value = co_await of_value();
        EXPECT_EQ(value, 42);
        co_await of_void();
        EXPECT_EQ(number, 2);
        const std::unique_ptr<int> owned = co_await of_move_only();
        EXPECT_EQ(*owned, 7);
        const Picky picky = co_await of_picky();
        EXPECT_EQ(picky.value, 3);
        const int& reference = co_await of_reference();
        EXPECT_EQ(&reference, &number);
        const std::string& same = co_await of_const_reference();
        EXPECT_EQ(&same, &text);
        const std::string made = co_await converted();
        EXPECT_EQ(made, "from a literal");
    });
}

TEST_P(CoroApi, ResultsSurviveASuspension) {
    auto slow = []() -> Coro<std::unique_ptr<std::string>> {
        auto text = std::make_unique<std::string>("kept");
        co_await yield();
        co_return text;
    };
    run([&]() -> Coro<void> {
        const std::unique_ptr<std::string> text = co_await slow();
        EXPECT_EQ(*text, "kept");
    });
}

TEST_P(CoroApi, ExceptionsPropagate) {
    auto throws_error = []() -> Coro<int> {
        throw Boom("an error");
        co_return 0;
    };
    auto throws_int = []() -> Coro<void> {
        co_await yield();
        throw 42;
    };
    auto throws_cancelled = []() -> Coro<int&> {
        co_await yield();
        throw CancelledError("thrown");
    };
    auto passes_on = [&]() -> Coro<int> {
        const int value = co_await throws_error();
        co_return value;
    };
    run([&]() -> Coro<void> {
        std::string end = co_await ending(throws_error());
        EXPECT_EQ(end, "an error");
        end = co_await ending(passes_on());
        EXPECT_EQ(end, "an error");
        end = co_await ending(throws_int());
        EXPECT_EQ(end, "something else");
        end = co_await ending(throws_cancelled());
        EXPECT_EQ(end, "CancelledError: thrown");
        EXPECT_EQ(current_task().cancelling(), 0);
    });
}

TEST_P(CoroApi, StartsWhenAwaitedAndRunsInTheTaskOfItsAwaiter) {
    run([]() -> Coro<void> {
        bool ran = false;
        Task<void> inside;
        auto body = [&]() -> Coro<void> {
            ran = true;
            co_await yield();
            inside = current_task();
        };
        Coro<void> coro = body();
        co_await yield();
        EXPECT_FALSE(ran);
        co_await coro;
        EXPECT_TRUE(ran);
        EXPECT_EQ(inside, current_task());
        inside = {};
    });
}

TEST_P(CoroApi, OneThatIsNeverAwaitedIsFreedWithoutRunning) {
    ProbeCounts counts;
    auto body = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "ran";
        co_return probe.value();
    };
    {
        Coro<int> coro = body(Probe(counts));  // on a plain thread, with no runtime
        EXPECT_EQ(counts.alive, 1);
        coro = body(Probe(counts));  // the first one is freed
        EXPECT_EQ(counts.alive, 1);
        const Coro<int> moved = std::move(coro);
        EXPECT_EQ(counts.alive, 1);
    }
    EXPECT_EQ(counts.alive, 0);
    EXPECT_EQ(counts.constructed, 2);
}

TEST_P(CoroApi, ParametersAndLocalsAreDestroyedOnce) {
    ProbeCounts counts;
    auto body = [&](Probe probe) -> Coro<Probe> {
        const Probe local(counts);
        co_await yield();
        co_return probe;
    };
    run([&]() -> Coro<void> {
        {
            const Probe result = co_await body(Probe(counts, 5));
            EXPECT_EQ(result.value(), 5);
        }
        EXPECT_EQ(counts.alive, 0);
    });
    EXPECT_EQ(counts.copied, 0);
}

/// A local whose destructor throws, after the value has been given.
struct ThrowsAtTheEnd {
    ThrowsAtTheEnd() = default;
    ThrowsAtTheEnd(const ThrowsAtTheEnd&) = delete;
    ThrowsAtTheEnd& operator=(const ThrowsAtTheEnd&) = delete;
    ThrowsAtTheEnd(ThrowsAtTheEnd&&) = delete;
    ThrowsAtTheEnd& operator=(ThrowsAtTheEnd&&) = delete;
    ~ThrowsAtTheEnd() noexcept(false) { throw std::runtime_error("at the end"); }
};

TEST_P(CoroApi, AnErrorAfterCoReturnTakesThePlaceOfTheValue) {
    auto value = std::make_shared<int>(1);
    auto other = std::make_shared<int>(2);
    run([&]() -> Coro<void> {
        auto fails = [](std::shared_ptr<int> given) -> Coro<std::shared_ptr<int>> {
            const ThrowsAtTheEnd local;
            co_return given;
        };
        auto gives_another = [](std::shared_ptr<int> first,
                                std::shared_ptr<int> second) -> Coro<std::shared_ptr<int>> {
            try {
                const ThrowsAtTheEnd local;
                co_return first;
            } catch (const std::runtime_error&) {  // NOLINT(bugprone-empty-catch): goes on
            }
            co_return second;
        };
        EXPECT_EQ(co_await ending(fails(value)), "at the end");
        const auto got = co_await gives_another(value, other);
        EXPECT_EQ(got, other);
    });
    EXPECT_EQ(value.use_count(), 1) << "a value that was given up has been lost";
    EXPECT_EQ(other.use_count(), 1);
}

TEST_P(CoroApi, AwaitedTwiceThrows) {
    auto give = []() -> Coro<int> { co_return 1; };
    run([&]() -> Coro<void> {
        Coro<int> coro = give();
        const int first = co_await coro;
        EXPECT_EQ(first, 1);
        std::string what;
        try {
            co_await coro;
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        EXPECT_EQ(what, "cannot reuse already awaited coroutine");
        Coro<int> source = give();
        Coro<int> target = std::move(source);
        what.clear();
        try {
            co_await source;  // NOLINT(bugprone-use-after-move): that is the question
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        EXPECT_EQ(what, "cannot reuse already awaited coroutine");
        const int second = co_await std::move(target);
        EXPECT_EQ(second, 1);
        what = ending_of(
            [&] { return create_task(std::move(target)); });  // NOLINT(bugprone-use-after-move): so is that
        EXPECT_EQ(what, "cannot reuse already awaited coroutine");
        what = ending_of([&] { return create_task(Coro<int>()); });
        EXPECT_EQ(what, "cannot reuse already awaited coroutine");
    });
}

// ---- depth
// ---------------------------------------------------------------------------------------------------------

TEST_P(CoroApi, AMillionAwaitsThatCompleteAtOnce) {
    StackGauge stack;
    auto leaf = [&](int i) -> Coro<int> {
        if ((i & 1023) == 0) {
            stack.look();
        }
        co_return i;
    };
    run([&]() -> Coro<void> {
        long sum = 0;
        for (int i = 0; i < 1'000'000; ++i) {
            const int value = co_await leaf(i);
            sum += value;
        }
        EXPECT_EQ(sum, 499'999'500'000);
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

struct Nest {
    static Coro<int> down(int depth, Event* at_the_bottom, StackGauge& stack) {
        if (depth == 0) {
            if (at_the_bottom != nullptr) {
                co_await at_the_bottom->wait();
            }
            stack.look();
            co_return 0;
        }
        const int below = co_await down(depth - 1, at_the_bottom, stack);
        stack.look();
        co_return below + 1;
    }
    static Coro<int> throws(int depth) {
        if (depth == 0) {
            throw Boom("from below");
        }
        const int below = co_await throws(depth - 1);
        co_return below + 1;
    }
};

#if defined(__clang__) && defined(NDEBUG)
constexpr int deep = 100'000;
#else
constexpr int deep = 10'000;
#endif

TEST_P(CoroApi, DeepRecursion) {
    StackGauge stack;
    EXPECT_EQ(run(Nest::down(deep, nullptr, stack)), deep);
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(CoroApi, DeepRecursionThatSuspendsAtTheBottom) {
    StackGauge stack;
    run([&]() -> Coro<void> {
        Event go;
        Task<int> task = create_task(Nest::down(deep, &go, stack));
        co_await until_parked(task);
        go.set();
        const int depth = co_await task;
        EXPECT_EQ(depth, deep);

        task = create_task(Nest::down(deep, &go, stack));
        co_await task;
        go.clear();
        task = create_task(Nest::down(deep, &go, stack));
        co_await until_parked(task);
        task.cancel();
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError");
    });
    EXPECT_LT(stack.most(), StackGauge::flat);
}

TEST_P(CoroApi, AnErrorFromDeepDown) {
    run([]() -> Coro<void> {
        const std::string end = co_await ending(Nest::throws(deep));
        EXPECT_EQ(end, "from below");
    });
}

}  // namespace
}  // namespace heddle::test
