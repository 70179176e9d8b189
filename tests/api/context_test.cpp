#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/context.hpp>
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/race.hpp>
#include <heddle/task_group.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class Context : public OverWorkers {};
HEDDLE_OVER_WORKERS(Context);

ContextVar<int> plain("plain");
ContextVar<std::string> with_default("with_default", "default");

TEST_P(Context, ValueDefaultAndNone) {
    auto main = []() -> Coro<void> {
        EXPECT_EQ(plain.name(), "plain");
        EXPECT_THROW(static_cast<void>(plain.get()), std::out_of_range);
        EXPECT_EQ(plain.get(-1), -1);
        EXPECT_EQ(with_default.get(), "default");
        EXPECT_EQ(with_default.get("otherwise"), "otherwise");
        plain.set(1);
        EXPECT_EQ(plain.get(), 1);
        EXPECT_EQ(plain.get(-1), 1);
        with_default.set("other");
        EXPECT_EQ(with_default.get(), "other");
        EXPECT_EQ(with_default.get("otherwise"), "other");
        plain.set(2);
        EXPECT_EQ(plain.get(), 2);
        EXPECT_EQ(with_default.get(), "other");
        co_return;
    };
    run(main());
    run(main());  // nothing is left of the first time
    EXPECT_EQ(plain.get(-1), -1);
}

TEST_P(Context, ResetPutsBackWhatWasThere) {
    auto main = []() -> Coro<void> {
        const auto first = plain.set(1);
        const auto other = with_default.set("other");
        const auto second = plain.set(2);
        const auto third = plain.set(3);
        co_await yield();
        plain.reset(third);
        EXPECT_EQ(plain.get(), 2);
        plain.reset(second);
        EXPECT_EQ(plain.get(), 1);
        EXPECT_EQ(with_default.get(), "other");
        plain.reset(first);
        EXPECT_THROW(static_cast<void>(plain.get()), std::out_of_range);
        with_default.reset(other);
        EXPECT_EQ(with_default.get(), "default");
        // Out of order, as in asyncio: what was there before that set.
        const auto a = plain.set(1);
        const auto b = plain.set(2);
        plain.reset(a);
        EXPECT_EQ(plain.get(-1), -1);
        plain.reset(b);
        EXPECT_EQ(plain.get(), 1);
    };
    run(main());
}

TEST_P(Context, WrongResets) {
    static ContextVar<int> another("another");
    auto main = []() -> Coro<void> {
        const auto token = plain.set(1);
        plain.set(2);
        EXPECT_THROW(another.reset(token), std::invalid_argument);
        EXPECT_EQ(another.get(-1), -1);
        plain.reset(token);
        EXPECT_THROW(plain.reset(token), std::runtime_error);
        EXPECT_EQ(plain.get(-1), -1);
        co_return;
    };
    run(main());
}

TEST_P(Context, ChildrenOfAllKindsStartWithACopy) {
    auto main = []() -> Coro<void> {
        plain.set(1);
        std::atomic<int> children{0};
        auto child = [&](int mine) -> Coro<void> {
            EXPECT_EQ(plain.get(), 1);
            EXPECT_EQ(with_default.get(), "parent");
            plain.set(mine);
            co_await yield();
            EXPECT_EQ(plain.get(), mine);
            auto grandchild = [&]() -> Coro<void> {
                EXPECT_EQ(plain.get(), mine);
                plain.set(-mine);
                co_return;
            };
            co_await create_task(grandchild());
            co_await gather(grandchild(), grandchild());
            EXPECT_EQ(plain.get(), mine);
            ++children;
        };
        with_default.set("parent");
        co_await create_task(child(2));
        co_await gather(child(3), child(4), child(5));
        auto body = [&](TaskGroup& group) -> Coro<void> {
            group.create_task(child(6));
            group.create_task(child(7));
            co_return;
        };
        co_await task_group(body);
        co_await race(child(8));
        EXPECT_EQ(children, 7);
        EXPECT_EQ(plain.get(), 1);
        EXPECT_EQ(with_default.get(), "parent");
    };
    run(main());
}

// However many gathers lie between, and whoever has looked before.
TEST_P(Context, ThroughManyGathers) {
    struct Tree {
        static Coro<int> leaf() { co_return plain.get(); }
        /// The sum of what the leaves below see; on the way, the left child of `own` levels sets its own.
        static Coro<int> sum(int depth, int own, int mine) {
            if (mine != 0) {
                plain.set(mine);
            }
            if (depth == 0) {
                const Task<int> first = create_task(leaf());
                co_return co_await first + co_await create_task(leaf());
            }
            const int left = own > 0 ? depth * 10 : 0;
            const auto both = co_await gather(sum(depth - 1, own - 1, left), sum(depth - 1, 0, 0));
            co_return std::get<0>(both) + std::get<1>(both);
        }
    };
    auto main = []() -> Coro<void> {
        plain.set(1);
        // 32 leaves, two looks each: 16 see 1; of the others 8 see 50, 4 see 40, and so on.
        const int seen = co_await Tree::sum(5, 3, 0);
        EXPECT_EQ(seen, 2 * (16 * 1 + 8 * 50 + 4 * 40 + 4 * 30));
        EXPECT_EQ(plain.get(), 1);
    };
    run(main());
}

// What is set after a child was made is the parent's own.
TEST_P(Context, ACopyAsOfTheCreation) {
    auto main = []() -> Coro<void> {
        Event go;
        auto child = [&]() -> Coro<int> {
            co_await go.wait();
            co_return plain.get(-1);
        };
        const Task<int> before = create_task(child());
        const auto token = plain.set(1);
        const Task<int> between = create_task(child());
        plain.reset(token);
        const Task<int> after = create_task(child());
        plain.set(2);
        co_await until_waiters(go, 3);
        go.set();
        const int of_before = co_await before;
        const int of_between = co_await between;
        const int of_after = co_await after;
        EXPECT_EQ(of_before, -1);
        EXPECT_EQ(of_between, 1);
        EXPECT_EQ(of_after, -1);
        EXPECT_EQ(plain.get(), 2);
    };
    run(main());
}

TEST_P(Context, FunctionsOnThreadsSeeTheirCallersValues) {
    auto main = []() -> Coro<void> {
        plain.set(5);
        auto function = [] {
            const int seen = plain.get();
            plain.set(6);
            return seen;
        };
        const int seen = co_await to_thread(function);
        EXPECT_EQ(seen, 5);
        EXPECT_EQ(plain.get(), 5);
    };
    run(main());
}

TEST_P(Context, PlainThreadsHaveValuesOfTheirOwn) {
    Runtime runtime(options());
    const auto token = plain.set(1);
    auto look = []() -> Coro<int> {
        const int seen = plain.get(-1);
        plain.set(9);
        co_return seen;
    };
    EXPECT_EQ(runtime.run(look()), 1);  // a task spawned from this thread inherits
    EXPECT_EQ(plain.get(), 1);
    std::thread([&] {
        EXPECT_EQ(plain.get(-1), -1);
        plain.set(2);
        EXPECT_EQ(runtime.spawn(look()).result_blocking(), 2);
        EXPECT_EQ(plain.get(), 2);
    }).join();
    EXPECT_EQ(plain.get(), 1);
    plain.reset(token);
    EXPECT_EQ(plain.get(-1), -1);
    EXPECT_EQ(runtime.run(look()), -1);
}

TEST_P(Context, ValuesGoWithTheLastWhoSeesThem) {
    static ContextVar<std::shared_ptr<Probe>> variable("variable");
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        Event go;
        auto child = [&]() -> Coro<int> {
            co_await go.wait();
            co_return variable.get()->value();
        };
        Task<int> task;
        {
            const auto token = variable.set(std::make_shared<Probe>(counts, 1));
            task = create_task(child());
            variable.reset(token);
        }
        co_await until_waiters(go, 1);
        EXPECT_EQ(counts.alive, 1);  // the child's
        variable.set(std::make_shared<Probe>(counts, 2));
        EXPECT_EQ(counts.alive, 2);
        variable.set(std::make_shared<Probe>(counts, 3));
        EXPECT_EQ(counts.alive, 2);  // the one before is gone
        go.set();
        const int value = co_await task;
        EXPECT_EQ(value, 1);
    };
    run(main());
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(Context, ManyVariablesInManyTasks) {
    auto main = []() -> Coro<void> {
        std::vector<std::unique_ptr<ContextVar<int>>> variables;
        for (int i = 0; i < 20; ++i) {
            variables.push_back(std::make_unique<ContextVar<int>>("v" + std::to_string(i), -i));
        }
        std::atomic<int> wrong{0};
        auto work = [&](int mine) -> Coro<void> {
            for (std::size_t i = static_cast<std::size_t>(mine) % 3; i < variables.size(); i += 3) {
                variables[i]->set(mine * 100 + static_cast<int>(i));
                co_await yield();
            }
            for (std::size_t i = 0; i < variables.size(); ++i) {
                const int expected = i % 3 == static_cast<std::size_t>(mine) % 3
                                         ? mine * 100 + static_cast<int>(i)
                                         : -static_cast<int>(i);
                wrong += variables[i]->get() == expected ? 0 : 1;
            }
        };
        std::vector<Coro<void>> as_children;
        std::vector<Task<void>> as_tasks;
        for (int i = 1; i <= 60; ++i) {
            as_children.push_back(work(i));
            as_tasks.push_back(create_task(work(i)));
        }
        co_await gather(std::move(as_children));
        co_await gather(std::move(as_tasks));
        EXPECT_EQ(wrong, 0);
        for (std::size_t i = 0; i < variables.size(); ++i) {
            EXPECT_EQ(variables[i]->get(), -static_cast<int>(i));
        }
    };
    run(main());
}

struct Counting {
    int copies = 0;
    Counting() = default;
    Counting(const Counting& other) : copies(other.copies + 1) {}
    Counting(Counting&& other) noexcept : copies(other.copies) {}
    Counting& operator=(const Counting&) = delete;
    Counting& operator=(Counting&&) = delete;
    ~Counting() = default;
};

TEST(ContextTest, a_default_that_is_given_up_is_moved) {
    const ContextVar<Counting> variable("never set");
    EXPECT_EQ(variable.get(Counting()).copies, 0);
}

}  // namespace
}  // namespace heddle::test
