#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/stack.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/generator.hpp>
#include <heddle/queue.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class Generator : public OverWorkers {
protected:
    static AsyncGenerator<int> count(int n) {
        for (int i = 0; i < n; ++i) {
            co_yield i;
        }
    }
    /// Waits before each value.
    static AsyncGenerator<int> count_slowly(int n) {
        for (int i = 0; i < n; ++i) {
            co_await yield();
            co_yield i;
        }
    }
    template <class T>
    static Coro<std::vector<T>> all_of(AsyncGenerator<T> values) {
        std::vector<T> all;
        auto x = co_await values.next();
        while (x) {
            all.push_back(std::move(*x));
            x = co_await values.next();
        }
        co_return all;
    }
};
HEDDLE_OVER_WORKERS(Generator);

TEST_P(Generator, ValuesInOrderAndThenTheEnd) {
    auto main = [&]() -> Coro<void> {
        auto values = count(3);
        for (int i = 0; i < 3; ++i) {
            const std::optional<int> x = co_await values.next();
            EXPECT_EQ(x, i);
        }
        for (int i = 0; i < 2; ++i) {
            const std::optional<int> end = co_await values.next();
            EXPECT_EQ(end, std::nullopt);
        }
        const std::vector<int> slowly = co_await all_of(count_slowly(5));
        EXPECT_EQ(slowly, (std::vector<int>{0, 1, 2, 3, 4}));
        const std::vector<int> nothing = co_await all_of(count(0));
        EXPECT_TRUE(nothing.empty());
        AsyncGenerator<int> empty;
        const std::optional<int> none = co_await empty.next();
        EXPECT_EQ(none, std::nullopt);
    };
    run(main());
}

TEST_P(Generator, RunsOnlyWhenItIsAsked) {
    auto main = [&]() -> Coro<void> {
        int reached = 0;
        const Task<void> me = current_task();
        auto steps = [&]() -> AsyncGenerator<int> {
            EXPECT_EQ(current_task(), me);
            reached = 1;
            co_yield 1;
            co_await yield();
            EXPECT_EQ(current_task(), me);
            reached = 2;
            co_yield 2;
            reached = 3;
        };
        auto values = steps();
        EXPECT_EQ(reached, 0);
        co_await values.next();
        EXPECT_EQ(reached, 1);
        co_await yield();
        EXPECT_EQ(reached, 1);
        co_await values.next();
        EXPECT_EQ(reached, 2);
        co_await values.next();
        EXPECT_EQ(reached, 3);
    };
    run(main());
}

TEST_P(Generator, ValuesOfAllKinds) {
    ProbeCounts counts;
    auto owners = []() -> AsyncGenerator<std::unique_ptr<int>> {
        co_yield std::make_unique<int>(7);
        auto named = std::make_unique<int>(8);
        co_yield std::move(named);
    };
    auto texts = []() -> AsyncGenerator<std::string> {
        const std::string named = "named";
        co_yield named;
        EXPECT_EQ(named, "named");
        co_yield "literal";
    };
    auto references = [](std::vector<int>& all) -> AsyncGenerator<int&> {
        for (int& x : all) {
            co_yield x;
        }
    };
    auto probes = [&]() -> AsyncGenerator<Probe> {
        co_yield Probe(counts, 1);
        co_yield Probe(counts, 2);
    };
    auto main = [&]() -> Coro<void> {
        const std::vector<std::unique_ptr<int>> owned = co_await all_of(owners());
        EXPECT_EQ(*owned.at(1), 8);
        const std::vector<std::string> text = co_await all_of(texts());
        EXPECT_EQ(text, (std::vector<std::string>{"named", "literal"}));
        std::vector<int> all{1, 2, 3};
        auto values = references(all);
        auto x = co_await values.next();
        while (x) {
            x->get() *= 10;
            x = co_await values.next();
        }
        EXPECT_EQ(all, (std::vector<int>{10, 20, 30}));
        {
            auto made = probes();
            auto probe = co_await made.next();
            while (probe) {
                EXPECT_GT(probe->value(), 0);
                probe = co_await made.next();
            }
        }
        EXPECT_EQ(counts.copied, 0);
        EXPECT_EQ(counts.alive, 0);
    };
    run(main());
}

TEST_P(Generator, AnErrorEndsIt) {
    auto main = [&]() -> Coro<void> {
        auto fails = []() -> AsyncGenerator<int> {
            co_yield 1;
            co_await yield();
            throw Boom("boom");
        };
        auto values = fails();
        const std::optional<int> first = co_await values.next();
        EXPECT_EQ(first, 1);
        std::string end;
        try {
            co_await values.next();
        } catch (const Boom& error) {
            end = error.what();
        }
        EXPECT_EQ(end, "boom");
        const std::optional<int> nothing = co_await values.next();
        EXPECT_EQ(nothing, std::nullopt);
    };
    run(main());
}

TEST_P(Generator, DestroyedBeforeItsEnd) {
    ProbeCounts counts;
    auto holds = [&](Probe argument) -> AsyncGenerator<int> {
        const Probe local(counts);
        for (int i = 0;; ++i) {
            co_yield i + argument.value();
        }
    };
    auto main = [&]() -> Coro<void> {
        {
            const auto never_started = holds(Probe(counts, 10));
        }
        EXPECT_EQ(counts.alive, 0);
        {
            auto values = holds(Probe(counts, 10));
            const std::optional<int> first = co_await values.next();
            EXPECT_EQ(first, 10);
            EXPECT_EQ(counts.alive, 2);
        }
        EXPECT_EQ(counts.alive, 0);
        auto values = holds(Probe(counts, 20));
        co_await values.next();
        values = count(1);  // what was there is destroyed
        EXPECT_EQ(counts.alive, 0);
        auto moved = std::move(values);
        const std::optional<int> zero = co_await moved.next();
        EXPECT_EQ(zero, 0);
    };
    run(main());
}

TEST_P(Generator, AskedTwiceAtOnce) {
    auto main = [&]() -> Coro<void> {
        Event go;
        auto waits = [&]() -> AsyncGenerator<int> {
            co_await go.wait();
            co_yield 1;
            co_yield 2;
        };
        auto values = waits();
        auto asks = [&]() -> Coro<std::optional<int>> {
            auto x = co_await values.next();
            co_return x;
        };
        const Task<std::optional<int>> first = create_task(asks());
        co_await until_waiters(go, 1);
        bool refused = false;
        try {
            co_await values.next();
        } catch (const std::runtime_error&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        go.set();
        const std::optional<int> one = co_await first;
        EXPECT_EQ(one, 1);  // undisturbed
        const std::optional<int> two = co_await values.next();
        EXPECT_EQ(two, 2);
    };
    run(main());
}

TEST_P(Generator, OneOverAnother) {
    auto main = [&]() -> Coro<void> {
        auto squares = [](AsyncGenerator<int> values) -> AsyncGenerator<int> {
            auto x = co_await values.next();
            while (x) {
                co_yield *x** x;
                x = co_await values.next();
            }
        };
        auto fails_after = [](AsyncGenerator<int> values, int n) -> AsyncGenerator<int> {
            for (int i = 0; i < n; ++i) {
                auto x = co_await values.next();
                co_yield *x;
            }
            throw Boom("inner");
        };
        const std::vector<int> all = co_await all_of(squares(squares(count_slowly(4))));
        EXPECT_EQ(all, (std::vector<int>{0, 1, 16, 81}));
        const std::string end = co_await ending(all_of(squares(fails_after(count(9), 3))));
        EXPECT_EQ(end, "inner");
    };
    run(main());
}

TEST_P(Generator, ManyValuesWithoutWaitingNeedNoStack) {
    auto main = [&]() -> Coro<void> {
        constexpr int n = 100'000;
        StackGauge gauge;
        auto looks = [&]() -> AsyncGenerator<int> {
            for (int i = 0; i < n; ++i) {
                gauge.look();
                co_yield i;
            }
        };
        long sum = 0;
        auto values = looks();
        auto x = co_await values.next();
        while (x) {
            sum += *x;
            x = co_await values.next();
        }
        EXPECT_EQ(sum, long{n} * (n - 1) / 2);
        EXPECT_LT(gauge.most(), StackGauge::flat);
    };
    run(main());
}

// A generator may go from task to task between two values.
TEST_P(Generator, ConsumedByManyTasksInTurn) {
    auto main = [&]() -> Coro<void> {
        constexpr int n = 400;
        auto values = count_slowly(n);
        Queue<AsyncGenerator<int>*> turn;
        std::vector<int> seen;
        auto consumes = [&]() -> Coro<void> {
            bool more = true;
            while (more) {
                AsyncGenerator<int>* mine = co_await turn.get();
                const std::optional<int> x = co_await mine->next();
                if (x) {
                    seen.push_back(*x);
                }
                more = x.has_value();
                turn.put_nowait(mine);
            }
        };
        turn.put_nowait(&values);
        std::vector<Task<void>> tasks;
        for (int i = 0; i < 8; ++i) {
            tasks.push_back(create_task(consumes()));
        }
        for (const Task<void>& task : tasks) {
            co_await task;
        }
        EXPECT_EQ(seen.size(), static_cast<std::size_t>(n));
        EXPECT_TRUE(std::ranges::is_sorted(seen));
    };
    run(main());
}

TEST_P(Generator, ManyAtOnceInParallel) {
    auto main = [&]() -> Coro<void> {
        auto sum = [](int n) -> Coro<long> {
            auto values = count_slowly(n);
            long total = 0;
            auto x = co_await values.next();
            while (x) {
                total += *x;
                x = co_await values.next();
            }
            co_return total;
        };
        std::vector<Coro<long>> coros;
        for (int i = 0; i < 100; ++i) {
            coros.push_back(sum(50));
        }
        const std::vector<long> sums = co_await gather(std::move(coros));
        EXPECT_EQ(sums, std::vector<long>(100, 1225));
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
