#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <coroutine>
#include <exception>
#include <memory>
#include <stdexcept>

// Wrong uses of a Lock, a semaphore or an Event: they are told, and corrupt nothing.

namespace heddle::test {
namespace {

class ParallelMisuse : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelMisuse);

/// A coroutine that is nobody's task: runs where it is called.
struct Detached {
    struct promise_type {  // NOLINT(readability-identifier-naming): prescribed
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

template <class Wait>
Detached await_without_a_task(Wait wait, bool& refused) {
    int nothing = 0;
    try {
        co_await wait();
    } catch (const std::runtime_error&) {
        ++nothing;
    }
    refused = nothing == 1;
}

TEST_P(ParallelMisuse, PAR_32_awaiting_outside_of_any_task_is_an_error) {
    Lock lock;
    Event event;
    Semaphore semaphore(0);
    lock.acquire_blocking();
    bool refused = false;
    auto wait_lock = [&] { return lock.acquire(); };
    auto wait_event = [&] { return event.wait(); };
    auto wait_semaphore = [&] { return semaphore.acquire(); };
    await_without_a_task(wait_lock, refused);
    EXPECT_TRUE(refused);
    refused = false;
    await_without_a_task(wait_event, refused);
    EXPECT_TRUE(refused);
    refused = false;
    await_without_a_task(wait_semaphore, refused);
    EXPECT_TRUE(refused);
    EXPECT_EQ(waiters(lock) + waiters(event) + waiters(semaphore), 0U);
    lock.release();
}

#ifndef NDEBUG
/// Leaves a coroutine parked on a primitive that dies first.
template <class Primitive, class Wait>
void destroy_under_a_waiter(Wait wait) {
    auto waiter = [&](Primitive& primitive) -> Coro<void> { co_await wait(primitive); };
    auto main = [&]() -> Coro<void> {
        auto primitive = std::make_unique<Primitive>();
        Task<void> task;
        if constexpr (requires { primitive->try_acquire(); }) {
            EXPECT_TRUE(primitive->try_acquire());
        }
        task = create_task(waiter(*primitive));
        co_await until_parked(task);
        primitive.reset();
    };
    run(main(), {.workers = 1});
}

TEST(ParallelMisuseDeathTest, PAR_44_destroying_what_somebody_waits_for_aborts) {
    auto acquire = [](auto& primitive) { return primitive.acquire(); };
    auto wait = [](Event& event) { return event.wait(); };
    EXPECT_DEATH(destroy_under_a_waiter<Lock>(acquire), "Lock destroyed while a task waits for it");
    EXPECT_DEATH(destroy_under_a_waiter<Semaphore>(acquire), "Semaphore destroyed while a task waits for it");
    EXPECT_DEATH(destroy_under_a_waiter<BoundedSemaphore>(acquire),
                 "BoundedSemaphore destroyed while a task waits for it");
    EXPECT_DEATH(destroy_under_a_waiter<Event>(wait), "Event destroyed while a task waits for it");
}
#endif

}  // namespace
}  // namespace heddle::test
