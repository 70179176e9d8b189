#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace heddle::test {
namespace {

class EventApi : public OverWorkers {};
HEDDLE_OVER_WORKERS(EventApi);

static_assert(!std::is_copy_constructible_v<Event> && !std::is_copy_assignable_v<Event>);
static_assert(!std::is_move_constructible_v<Event> && !std::is_move_assignable_v<Event>);
static_assert(noexcept(std::declval<Event&>().set()) && noexcept(std::declval<Event&>().clear()));
static_assert(noexcept(std::declval<const Event&>().is_set()));

TEST_P(EventApi, WaitGivesTrue) {
    Event event;
    auto wait = [&]() -> Coro<bool> { co_return co_await event.wait(); };
    run([&]() -> Coro<void> {
        const Task<bool> task = create_task(wait());
        co_await until_parked(task);
        event.set();
        const bool parked = co_await task;
        const bool at_once = co_await event.wait();
        EXPECT_TRUE(parked && at_once);
        EXPECT_TRUE(event.is_set());
    });
}

TEST_P(EventApi, WaitBlockingOnPlainThreads) {
    Event event;
    std::atomic<int> woken{0};
    auto wait = [&] {
        event.wait_blocking();
        ++woken;
    };
    {
        BlockingThread a(wait);
        BlockingThread b(wait);
        until_blocking([&] { return a.parked() && b.parked(); });
        EXPECT_EQ(waiters(event), 2U);
        EXPECT_EQ(woken, 0);
        event.set();
    }
    EXPECT_EQ(woken, 2);
    event.wait_blocking();  // set: returns at once
    event.clear();
    EXPECT_FALSE(event.is_set());
}

TEST_P(EventApi, ThreadsAndTasksWaitTogether) {
    Event event;
    Runtime runtime(options());
    auto wait = [&]() -> Coro<bool> { co_return co_await event.wait(); };
    const Task<bool> task = runtime.spawn(wait());
    BlockingThread thread([&] { event.wait_blocking(); });
    until_parked_blocking(task);
    until_blocking([&] { return thread.parked(); });
    event.set();
    event.clear();
    task.wait_blocking();
    thread.join();
    EXPECT_TRUE(task.result());
    EXPECT_FALSE(event.is_set());
}

TEST_P(EventApi, WaitBlockingOnAWorkerThrowsAndChangesNothing) {
    Event event;
    run([&]() -> Coro<void> {
        int refused = 0;
        for (int i = 0; i < 2; ++i) {
            try {
                event.wait_blocking();
            } catch (const std::runtime_error&) {
                ++refused;
            }
            EXPECT_EQ(waiters(event), 0U);
            event.set();
            co_await event.wait();
        }
        EXPECT_EQ(refused, 2) << "also when it would not have blocked";
    });
}

TEST_P(EventApi, AnEventInTheWaitersFrame) {
    // The waiter owns the event and destroys it when it wakes.
    auto wait = [](std::atomic<Event*>& published) -> Coro<int> {
        Event mine;
        published = &mine;
        co_await mine.wait();
        co_return 1;
    };
    run([&]() -> Coro<void> {
        std::atomic<Event*> published{nullptr};
        const Task<int> task = create_task(wait(published));
        auto is_there = [&] { return published != nullptr; };
        co_await until(is_there);
        published.load()->set();
        const int result = co_await task;
        EXPECT_EQ(result, 1);
    });
}

TEST_P(EventApi, ASmallMember) {
    struct Node {
        Event ready;
        int value = 0;
    };
    std::array<Node, 100> nodes;
    run([&]() -> Coro<void> {
        for (Node& node : nodes) {
            node.ready.set();
            co_await node.ready.wait();
            ++node.value;
        }
    });
    EXPECT_EQ(nodes.back().value, 1);
    EXPECT_EQ(sizeof(Event), 16U);
}

}  // namespace
}  // namespace heddle::test
