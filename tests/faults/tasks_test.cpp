#include "faults/each_point.hpp"
#include "support/parked.hpp"
#include <heddle/arena.hpp>
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

// Tasks and what is built on them while memory runs out.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class FaultsTasks : public Faults {};
INSTANTIATE_TEST_SUITE_P(faults, FaultsTasks, over_faults(), fault_name);

Coro<int> give(int value) {
    co_await yield();
    co_return value;
}
Coro<std::string> say(const char* text) {
    co_await yield();
    co_return std::string(text) + " and more than fits into a short string";
}
Coro<void> forever() {
    Event never;
    static_cast<void>(co_await never.wait());
}
Coro<int> fail_soon() {
    co_await yield();
    throw std::bad_alloc();
    co_return 0;
}

struct CreatedTasks : Scenario {
    Coro<void> act() override {
        const Task<int> one = create_task(give(1));
        const Task<std::string> two =
            create_task(say("two"), {.name = "a name longer than a short string is"});
        const Task<void> three = create_task(forever());
        const int n = co_await one;
        EXPECT_EQ(n, 1);
        const std::string text = co_await two;
        EXPECT_EQ(text.size(), 42U);
        three.cancel("a message longer than a short string is");
        bool cancelled = false;
        try {
            co_await three;
        } catch (const CancelledError&) {
            cancelled = true;
        }
        EXPECT_TRUE(cancelled);
    }
};
TEST_P(FaultsTasks, CreateTask) { fail_each<CreatedTasks>(); }

struct ManyReady : Scenario {  // more than a ring or the first lane holds
    std::vector<Task<int>> tasks;
    Coro<void> act() override {
        {
            const Unfailing book_keeping;
            tasks.reserve(700);
        }
        for (int i = 0; i < 700; ++i) {
            tasks.push_back(create_task(give(i)));
        }
        for (const Task<int>& task : tasks) {
            const int n = co_await task;
            EXPECT_GE(n, 0);
        }
    }
    /// Those that were created have ended.
    Coro<void> check() override {
        int i = 0;
        for (const Task<int>& task : tasks) {
            const int n = co_await task;
            EXPECT_EQ(n, i++);
        }
        tasks.clear();
    }
};
// Only the last of its many allocations are different from each other.
TEST_P(FaultsTasks, ManyReady) {
    const auto [workers, how] = GetParam();
    const std::uint64_t n = once<ManyReady>(0, how, workers);
    for (std::uint64_t i = 1; i <= n; i += 13) {
        once<ManyReady>(i, how, workers);
    }
}

struct Group : Scenario {
    Coro<void> act() override {
        auto body = [](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 5; ++i) {
                static_cast<void>(group.create_task(give(i)));
                static_cast<void>(group.create_task(forever()));
            }
            co_await yield();
            static_cast<void>(group.create_task(fail_soon()));
            static_cast<void>(group.create_task(fail_soon()));
            co_await forever();
        };
        std::exception_ptr error;
        try {
            co_await task_group(std::move(body));
        } catch (...) {
            error = std::current_exception();
        }
        const Unfailing for_the_test;
        EXPECT_TRUE(error != nullptr && only_memory(error));
    }
};
TEST_P(FaultsTasks, TaskGroup) { fail_each<Group>(); }

struct CancelledGroup : Scenario {
    Coro<void> inner() {
        auto body = [](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 5; ++i) {
                static_cast<void>(group.create_task(forever()));
            }
            co_await yield();
        };
        co_await task_group(std::move(body));
    }
    Coro<void> act() override {
        const Task<void> task = create_task(inner());
        co_await yield();
        co_await yield();
        task.cancel("this text is longer than a short string");
        try {
            co_await task;
        } catch (const CancelledError&) {
            co_return;
        }
    }
};
TEST_P(FaultsTasks, CancelledGroup) { fail_each<CancelledGroup>(); }

/// Children that suspend, some of them in scopes within scopes.
struct Gathered : Scenario {
    Lock lock;
    std::atomic<int> inside{0};
    ContextVar<int> variable{"variable"};
    Coro<int> leaf(int value) {
        auto held = co_await lock.scoped();
        co_await yield();
        co_return value + (variable.get() - variable.get());
    }
    Coro<int> branch(int depth) {
        ++inside;
        const std::shared_ptr<void> leaves(this, [](void* self) { --static_cast<Gathered*>(self)->inside; });
        if (depth == 0) {
            const int one = co_await leaf(1);
            co_return one;
        }
        auto [a, b, c] = co_await gather(branch(depth - 1), branch(depth - 1), leaf(1));
        co_return a + b + c;
    }
    Coro<void> act() override {
        const auto token = variable.set(1);
        static_cast<void>(token);
        const int sum = co_await branch(3);
        EXPECT_EQ(sum, 15);
        std::vector<Coro<int>> all;
        for (int i = 0; i < 5; ++i) {
            all.push_back(give(i));
        }
        const std::vector<int> results = co_await gather(std::move(all));
        EXPECT_EQ(results.size(), 5U);
        auto odd = [](int n) { return n % 2 == 1; };
        auto made = [](int n) { return give(n); };
        auto unknown =
            gather(std::views::iota(0, 20) | std::views::filter(odd) | std::views::transform(made));
        const std::vector<int> of_range = co_await unknown;
        EXPECT_EQ(of_range.size(), 10U);
        std::vector<Task<int>> tasks;
        for (int i = 0; i < 3; ++i) {
            tasks.push_back(create_task(give(i)));
        }
        const std::vector<int> of_tasks = co_await gather(std::move(tasks));
        EXPECT_EQ(of_tasks.size(), 3U);
        const auto pair = co_await gather(create_task(give(1)), create_task(give(2)));
        EXPECT_EQ(std::get<0>(pair) + std::get<1>(pair), 3);
        auto kept = co_await gather(return_exceptions, give(1), leaf(2));
        if (std::get<0>(kept)) {
            EXPECT_EQ(std::get<0>(kept).value(), 1);
        }
    }
    Coro<void> check() override {
        EXPECT_EQ(inside.load(), 0);
        EXPECT_FALSE(lock.locked());
        co_await act();
    }
};
TEST_P(FaultsTasks, Gather) { fail_each<Gathered>(); }

struct WaitedFor : Scenario {
    Coro<int> give_late(int value) {
        for (int i = 0; i < 5; ++i) {
            co_await yield();
        }
        co_return value;
    }
    Coro<void> act() override {
        std::vector<Task<int>> late;
        for (int i = 0; i < 3; ++i) {
            late.push_back(create_task(give_late(i)));
        }
        const Waited<int> ended = co_await wait(late);
        EXPECT_TRUE(ended.pending.empty()) << "wait() has returned too early";
        const Task<int> one = create_task(give(1));
        const Task<int> two = create_task(give(2));
        const Task<int> three = create_task(give(3));
        std::vector<Task<int>> tasks;
        tasks.push_back(one);
        tasks.push_back(two);
        tasks.push_back(three);
        auto first = co_await wait(tasks, {.return_when = FIRST_COMPLETED});
        EXPECT_FALSE(first.done.empty());
        WaitOptions brief;
        brief.timeout = 1s;
        auto all = co_await wait(tasks, brief);
        EXPECT_EQ(all.done.size(), 3U);
    }
};
TEST_P(FaultsTasks, Wait) { fail_each<WaitedFor>(); }

struct AsTheyComplete : Scenario {
    Coro<void> act() override {
        std::vector<Coro<int>> coros;
        for (int i = 0; i < 5; ++i) {
            coros.push_back(give(i));
        }
        auto completed = as_completed(std::move(coros), 10s);
        int n = 0;
        Task<int> task = co_await completed.next();
        while (task) {
            EXPECT_TRUE(task.done());
            ++n;
            task = co_await completed.next();
        }
        EXPECT_EQ(n, 5);
    }
};
TEST_P(FaultsTasks, AsCompleted) { fail_each<AsTheyComplete>(); }

struct Limited : Scenario {
    Coro<void> late() {
        bool timed_out = false;
        try {
            co_await wait_for(forever(), 100us);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
    }
    Coro<void> moved() {
        auto body = [](Timeout& scope) -> Coro<void> {
            scope.reschedule(20s);
            co_await sleep(100us);
            scope.reschedule(std::nullopt);
            scope.reschedule(0s);
            co_await forever();
        };
        try {
            co_await timeout(10s, std::move(body));
        } catch (const TimeoutError&) {
            co_return;
        }
    }
    Coro<void> act() override {
        const int n = co_await wait_for(give(7), 10s);
        EXPECT_EQ(n, 7);
        co_await late();
        co_await moved();
        const Task<int> task = create_task(give(8));
        const int shielded = co_await shield(task);
        EXPECT_EQ(shielded, 8);
    }
};
TEST_P(FaultsTasks, TimeoutsAndShield) { fail_each<Limited>(); }

struct Raced : Scenario {
    Coro<int> slow() {
        co_await forever();
        co_return 0;
    }
    Coro<void> act() override {
        auto won = co_await race(give(1), slow());
        EXPECT_EQ(won.index(), 0U);
        const Task<int> loser = create_task(slow());
        const Task<int> winner = create_task(give(2));
        std::vector<Task<int>> both;
        both.push_back(loser);
        both.push_back(winner);
        auto result = co_await race(std::move(both));
        EXPECT_EQ(result.value, 2);
    }
};
TEST_P(FaultsTasks, Race) { fail_each<Raced>(); }

/// Callbacks are called and waiters wake, whatever fails meanwhile.
struct Futures : Scenario {
    std::atomic<int> registered{0};
    std::atomic<int> called{0};
    Coro<std::string> wait_for_it(Future<std::string> future) {
        const std::string text = co_await future;
        co_return text;
    }
    Coro<void> act() override {
        Future<std::string> future;
        const std::shared_ptr<void> ends(nullptr, [&](void*) { future.cancel(); });
        const Task<std::string> one = create_task(wait_for_it(future));
        const Task<std::string> two = create_task(wait_for_it(future));
        for (int i = 0; i < 3; ++i) {
            future.add_done_callback([this] { ++called; });
            ++registered;
        }
        co_await yield();
        std::string text("longer than a short string can be at all");
        future.set_result(std::move(text));
        const std::string a = co_await one;
        const std::string b = co_await two;
        EXPECT_EQ(a, b);
        Promise<int> dropped;
        const Future<int> broken = dropped.future();
        {
            const Promise<int> gone = std::move(dropped);
        }
        bool is_broken = false;
        try {
            static_cast<void>(co_await broken);
        } catch (const InvalidStateError&) {
            is_broken = true;
        }
        EXPECT_TRUE(is_broken);
    }
    Coro<void> check() override {
        auto all_called = [this] { return called.load() == registered.load(); };
        co_await until(all_called);
    }
};
TEST_P(FaultsTasks, Future) { fail_each<Futures>(); }

struct Generated : Scenario {
    static AsyncGenerator<int> numbers(int n) {
        for (int i = 0; i < n; ++i) {
            co_await yield();
            co_yield i;
        }
    }
    Coro<void> act() override {
        auto generator = numbers(4);
        int sum = 0;
        auto x = co_await generator.next();
        while (x) {
            sum += *x;
            x = co_await generator.next();
        }
        EXPECT_EQ(sum, 6);
    }
};
TEST_P(FaultsTasks, Generator) { fail_each<Generated>(); }

struct Variables : Scenario {
    ContextVar<std::string> name{"name"};
    Coro<std::string> child() {
        name.set("child, a long name that is not short");
        co_await yield();
        co_return name.get();
    }
    Coro<void> act() override {
        name.set("parent, a long name that is not short");
        const Task<std::string> task = create_task(child());
        const std::string theirs = co_await task;
        EXPECT_EQ(theirs[0], 'c');
        EXPECT_EQ(name.get()[0], 'p');
    }
};
TEST_P(FaultsTasks, ContextVar) { fail_each<Variables>(); }

struct Threads : Scenario {
    Coro<void> act() override {
        auto work = [](int n) { return std::string(static_cast<std::size_t>(n), 'x'); };
        auto job = to_thread(std::move(work), 100);
        const std::string text = co_await std::move(job);
        EXPECT_EQ(text.size(), 100U);
        auto failing = [] { throw std::bad_alloc(); };
        auto bad_job = to_thread(std::move(failing));
        bool failed = false;
        try {
            co_await std::move(bad_job);
        } catch (const std::bad_alloc&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
    }
};
TEST_P(FaultsTasks, ToThread) { fail_each<Threads>(); }

struct Slept : Scenario {
    Coro<void> nap() { co_await sleep(50us); }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 5; ++i) {
                static_cast<void>(group.create_task(nap()));
            }
            co_await sleep(0s);
        };
        co_await task_group(std::move(body));
    }
};
TEST_P(FaultsTasks, Sleep) { fail_each<Slept>(); }

struct Stopped : Scenario {
    Coro<void> act() override {
        const std::stop_source source;
        const Task<void> task = create_task(with_stop_token(source.get_token(), forever()));
        co_await yield();
        source.request_stop();
        try {
            co_await task;
        } catch (const CancelledError&) {
            co_return;
        }
    }
};
TEST_P(FaultsTasks, StopToken) { fail_each<Stopped>(); }

// Last, because whatever looks at all control blocks is slow afterwards.

/// As if all control blocks were in use: every slab is a new one.
std::vector<detail::TaskControl*> hoard;

struct GatheredWithoutBlocks : Gathered {
    GatheredWithoutBlocks() {
        const std::int64_t blocks = live_blocks();
        while (live_blocks() == blocks) {  // until a slab had to be made
            hoard.push_back(detail::slab_allocate());
        }
        for (int i = 0; i < 1022; ++i) {  // the rest of it
            hoard.push_back(detail::slab_allocate());
        }
    }
};
TEST_P(FaultsTasks, GatherWithoutBlocks) {
    hoard.reserve(std::size_t{1} << 20U);
    fail_each<GatheredWithoutBlocks>();
    for (detail::TaskControl* block : hoard) {
        detail::slab_free(block);
    }
    hoard = {};
}

}  // namespace
}  // namespace heddle::test
