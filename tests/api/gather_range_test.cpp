#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>

#include <gtest/gtest.h>

#include <list>
#include <numeric>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

// gather() of as many as there are.

namespace heddle::test {
namespace {

class GatherRange : public OverWorkers {
protected:
    static Coro<int> give(int value) { co_return value; }
};
HEDDLE_OVER_WORKERS(GatherRange);

TEST_P(GatherRange, AnyRangeOfAwaitables) {
    auto work = [](int n) -> Coro<int> {
        co_await yield();
        co_return n* n;
    };
    run([&]() -> Coro<void> {
        auto squares = gather(std::views::iota(1, 5) | std::views::transform(work));
        const std::vector<int> results = co_await squares;
        EXPECT_EQ(results, (std::vector<int>{1, 4, 9, 16}));
        std::list<Task<int>> tasks;
        for (int n = 5; n < 8; ++n) {
            tasks.push_back(create_task(work(n)));
        }
        auto both = gather(tasks);  // the caller keeps its handles
        const std::vector<int> more = co_await both;
        EXPECT_EQ(more, (std::vector<int>{25, 36, 49}));
        EXPECT_EQ(tasks.size(), 3U);
        std::list<Coro<int>> coros;
        coros.push_back(work(9));
        auto last = gather(return_exceptions, std::move(coros));
        const std::vector<Result<int>> kept = co_await last;
        EXPECT_EQ(kept.at(0).value(), 81);
    });
}

// What a range gives a reference to is copied first.
TEST_P(GatherRange, OfWhatIsNotItsOwn) {
    run([&]() -> Coro<void> {
        Event event;
        event.set();
        auto const_ones = {event.wait(), event.wait()};
        auto of_list = gather(const_ones);
        const std::vector<bool> first = co_await of_list;
        EXPECT_EQ(first, (std::vector<bool>{true, true}));
        auto ones = std::vector{event.wait()};
        auto of_lvalue = gather(std::views::all(ones));
        const std::vector<bool> second = co_await of_lvalue;
        EXPECT_EQ(second, std::vector<bool>{true});
    });
}

// Nobody knows how many there will be.
TEST_P(GatherRange, WithoutASize) {
    auto work = [](int n) -> Coro<int> {
        if (n % 7 == 0) {
            co_await yield();
        }
        co_return n;
    };
    auto odd = [](int n) { return n % 2 == 1; };
    run([&]() -> Coro<void> {
        for (const int n : {0, 1, 4, 5, 8, 9, 1000}) {
            auto numbers = std::views::iota(0, 2 * n) | std::views::filter(odd);
            static_assert(!std::ranges::sized_range<decltype(numbers)>);
            auto all = gather(numbers | std::views::transform(work));
            const std::vector<int> results = co_await all;
            std::vector<int> expected(static_cast<std::size_t>(n));
            for (int i = 0; i < n; ++i) {
                expected[static_cast<std::size_t>(i)] = 2 * i + 1;
            }
            EXPECT_EQ(results, expected);
        }
    });
}

TEST_P(GatherRange, OneThatHasBeenAwaitedBefore) {
    ProbeCounts counts;
    auto good = [](Probe probe) -> Coro<int> {
        ADD_FAILURE() << "started";
        co_return probe.value();
    };
    run([&]() -> Coro<void> {
        std::list<Coro<int>> coros;
        coros.push_back(good(Probe(counts)));
        coros.push_back(give(1));
        coros.push_back(good(Probe(counts)));
        const int used = co_await *std::next(coros.begin());
        EXPECT_EQ(used, 1);
        auto all = gather(std::move(coros));  // says nothing yet
        EXPECT_EQ(counts.alive, 2);
        auto awaited = [](auto& given) -> Coro<std::vector<int>> { co_return co_await given; };
        const std::string end = co_await ending(awaited(all));
        EXPECT_EQ(end, "cannot reuse already awaited coroutine");
    });
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(GatherRange, ATaskThatIsNone) {
    run([&]() -> Coro<void> {
        std::vector<Task<int>> tasks;
        tasks.push_back(create_task(give(1)));
        tasks.emplace_back();
        const Task<int> kept = tasks.front();
        auto all = gather(std::move(tasks));
        auto awaited = [](auto& given) -> Coro<std::vector<int>> { co_return co_await given; };
        const std::string end = co_await ending(awaited(all));
        EXPECT_EQ(end, "cannot reuse already awaited coroutine");
        const int value = co_await kept;
        EXPECT_EQ(value, 1);
        EXPECT_EQ(kept.cancelling(), 0);
    });
}

TEST_P(GatherRange, MovedBeforeItIsAwaited) {
    ProbeCounts counts;
    auto child = [](Probe probe) -> Coro<int> {
        co_await yield();
        co_return probe.value();
    };
    run([&]() -> Coro<void> {
        auto first = gather(std::views::iota(0, 20) |
                            std::views::transform([&](int n) { return child(Probe(counts, n)); }));
        EXPECT_EQ(counts.alive, 20);
        auto second = std::move(first);
        // NOLINTNEXTLINE(clang-analyzer-cplusplus.Move): below
        auto awaited = [](auto& given) -> Coro<std::vector<int>> { co_return co_await given; };
        // NOLINTNEXTLINE(bugprone-use-after-move): what it says then
        const std::string end = co_await ending(awaited(first));
        EXPECT_EQ(end, "cannot reuse already awaited coroutine");
        const std::vector<int> results = co_await second;
        EXPECT_EQ(counts.alive, 0);
        EXPECT_EQ(std::accumulate(results.begin(), results.end(), 0), 190);
        std::vector<Task<int>> tasks;
        tasks.push_back(create_task(child(Probe(counts, 1))));
        tasks.push_back(create_task(child(Probe(counts, 2))));
        auto of_tasks = gather(return_exceptions, std::move(tasks));
        auto moved = std::move(of_tasks);
        const std::vector<Result<int>> kept = co_await moved;
        EXPECT_EQ(kept.at(0).value() + kept.at(1).value(), 3);
    });
    EXPECT_EQ(counts.alive, 0);
}

}  // namespace
}  // namespace heddle::test
