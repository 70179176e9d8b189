#include "faults/each_point.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <utility>
#include <vector>

// Waiting for primitives while memory runs out: no permit, notification or seat is lost.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class FaultsPrimitives : public Faults {};
INSTANTIATE_TEST_SUITE_P(faults, FaultsPrimitives, over_faults(), fault_name);

constexpr int many = 20;  // more than a segment of the queue has cells

Coro<void> some_turns() {
    for (int i = 0; i < 3; ++i) {
        co_await yield();
    }
}

/// Holders and waiters; some of these give up.
template <class Primitive>
struct Contended : Scenario {
    explicit Contended(std::ptrdiff_t permits) : initial(permits) {}
    virtual Primitive& primitive() = 0;

    Coro<void> use() {
        auto held = co_await primitive().scoped();
        co_await yield();
    }
    Coro<void> give_up() {
        try {
            co_await wait_for(use(), 10us);
        } catch (const TimeoutError&) {
            co_return;
        }
    }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            auto held = co_await primitive().scoped();
            std::vector<Task<void>> cancelled;
            for (int i = 0; i < many; ++i) {
                static_cast<void>(group.create_task(use()));
                cancelled.push_back(group.create_task(use()));
                static_cast<void>(group.create_task(give_up()));
            }
            co_await some_turns();
            for (const Task<void>& task : cancelled) {
                task.cancel("enough");
            }
            co_await some_turns();
        };
        co_await task_group(std::move(body));
    }
    Coro<void> check() override {
        EXPECT_EQ(free(), initial);
        EXPECT_EQ(waiters(primitive()), 0U);
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < many; ++i) {
                static_cast<void>(group.create_task(use()));
            }
            co_await yield();
        };
        co_await task_group(std::move(body));
        EXPECT_EQ(free(), initial);
    }
    [[nodiscard]] virtual std::ptrdiff_t free() = 0;
    std::ptrdiff_t initial;
};

struct ContendedLock : Contended<Lock> {
    ContendedLock() : Contended(1) {}
    Lock lock;
    Lock& primitive() override { return lock; }
    std::ptrdiff_t free() override { return lock.locked() ? 0 : 1; }
};
TEST_P(FaultsPrimitives, Lock) { fail_each<ContendedLock>(); }

struct ContendedSemaphore : Contended<Semaphore> {
    ContendedSemaphore() : Contended(2) {}
    Semaphore semaphore{2};
    Semaphore& primitive() override { return semaphore; }
    std::ptrdiff_t free() override { return semaphore.value(); }
};
TEST_P(FaultsPrimitives, Semaphore) { fail_each<ContendedSemaphore>(); }

struct ContendedBounded : Contended<BoundedSemaphore> {
    ContendedBounded() : Contended(2) {}
    BoundedSemaphore semaphore{2};
    BoundedSemaphore& primitive() override { return semaphore; }
    std::ptrdiff_t free() override { return semaphore.value(); }
};
TEST_P(FaultsPrimitives, BoundedSemaphore) { fail_each<ContendedBounded>(); }

struct WaitedEvent : Scenario {
    Event event;
    Coro<void> wait() { static_cast<void>(co_await event.wait()); }
    Coro<void> act() override {
        event.clear();
        auto body = [this](TaskGroup& group) -> Coro<void> {
            std::vector<Task<void>> cancelled;
            for (int i = 0; i < many; ++i) {
                static_cast<void>(group.create_task(wait()));
                cancelled.push_back(group.create_task(wait()));
            }
            co_await some_turns();
            for (const Task<void>& task : cancelled) {
                task.cancel();
            }
            event.set();
        };
        co_await task_group(std::move(body));
    }
    Coro<void> check() override {
        EXPECT_EQ(waiters(event), 0U);
        co_await act();
        EXPECT_TRUE(event.is_set());
    }
};
TEST_P(FaultsPrimitives, Event) { fail_each<WaitedEvent>(); }

struct NotifiedCondition : Scenario {
    Condition condition;
    int ready = 0;
    Coro<void> take() {
        auto held = co_await condition.scoped();
        auto something = [this] { return ready > 0; };
        co_await condition.wait_for(something);
        --ready;
    }
    Coro<void> wait() {
        auto held = co_await condition.scoped();
        co_await condition.wait();
    }
    Coro<void> act() override {
        ready = 0;
        auto body = [this](TaskGroup& group) -> Coro<void> {
            std::vector<Task<void>> cancelled;
            for (int i = 0; i < many; ++i) {
                static_cast<void>(group.create_task(take()));
                cancelled.push_back(group.create_task(wait()));
            }
            co_await some_turns();
            for (const Task<void>& task : cancelled) {
                task.cancel();
            }
            for (int i = 0; i < many; ++i) {
                auto held = co_await condition.scoped();
                ++ready;
                condition.notify(i % 2 == 0 ? 2 : 1);
            }
            bool all_taken = false;
            while (!all_taken) {
                auto held = co_await condition.scoped();
                condition.notify_all();
                all_taken = ready == 0;
                held.release();
                co_await yield();
            }
        };
        co_await task_group(std::move(body));
    }
    Coro<void> check() override {
        EXPECT_FALSE(condition.locked());
        EXPECT_EQ(waiters(condition), 0U);
        co_await act();
        EXPECT_EQ(ready, 0);
    }
};
TEST_P(FaultsPrimitives, Condition) { fail_each<NotifiedCondition>(); }

struct CrossedBarrier : Scenario {
    Barrier barrier{3};
    Coro<void> cross() { static_cast<void>(co_await barrier.wait()); }
    Coro<void> act() override {
        // Each crosses once: of six that cross three times each, less than three may be left over.
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 6; ++i) {  // twice as many as there are seats: some are blocked
                static_cast<void>(group.create_task(cross()));
            }
            co_await yield();
        };
        for (int round = 0; round < 3; ++round) {
            co_await task_group(body);
        }
    }
    Coro<void> check() override {
        EXPECT_EQ(barrier.n_waiting(), 0);
        EXPECT_FALSE(barrier.broken());
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 3; ++i) {
                static_cast<void>(group.create_task(cross()));
            }
            co_await yield();
        };
        co_await task_group(std::move(body));
    }
};
TEST_P(FaultsPrimitives, Barrier) { fail_each<CrossedBarrier>(); }

struct ResetBarrier : CrossedBarrier {
    Coro<void> broken() {
        try {
            static_cast<void>(co_await barrier.wait());
        } catch (const BrokenBarrierError&) {
            co_return;
        }
    }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int round = 0; round < 3; ++round) {
                const Task<void> one = group.create_task(broken());
                const Task<void> two = group.create_task(broken());
                while (!one.done() || !two.done()) {
                    co_await yield();
                    barrier.reset();
                }
            }
        };
        co_await task_group(std::move(body));
    }
};
TEST_P(FaultsPrimitives, BarrierReset) { fail_each<ResetBarrier>(); }

struct AllLocks : Scenario {
    Lock a;
    Lock b;
    Lock c;
    Coro<void> some() {
        auto held = co_await lock_all(c, a);
        co_await yield();
    }
    Coro<void> all() {
        auto held = co_await lock_all(a, b, c);
        co_await yield();
    }
    /// A child of gather gets its control block when it first waits, and then it holds `a` already.
    Coro<void> in_children() { co_await gather(all(), all()); }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            auto held = co_await b.scoped();
            std::vector<Task<void>> cancelled;
            for (int i = 0; i < many; ++i) {
                static_cast<void>(group.create_task(some()));
                static_cast<void>(group.create_task(in_children()));
                cancelled.push_back(group.create_task(all()));
                static_cast<void>(group.create_task(all()));
            }
            co_await some_turns();
            for (const Task<void>& task : cancelled) {
                task.cancel();
            }
            co_await yield();
        };
        co_await task_group(std::move(body));
    }
    Coro<void> check() override {
        EXPECT_FALSE(a.locked());
        EXPECT_FALSE(b.locked());
        EXPECT_FALSE(c.locked());
        co_await act();
    }
};
TEST_P(FaultsPrimitives, LockAll) { fail_each<AllLocks>(); }

/// From plain threads.
struct BlockedThreads : Scenario {
    Lock lock;
    Semaphore semaphore{1};
    Event event;
    Coro<void> act() override { co_await yield(); }
    void on_thread(Runtime& runtime) override {
        std::exception_ptr error;
        lock.acquire_blocking();
        {
            std::vector<std::thread> threads;
            try {
                const auto use = [&] {
                    std::exception_ptr failed;
                    try {
                        lock.acquire_blocking();
                        lock.release();
                        semaphore.acquire_blocking();
                        semaphore.release();
                        event.wait_blocking();
                    } catch (...) {
                        failed = std::current_exception();
                    }
                    const Unfailing for_the_test;
                    EXPECT_TRUE(failed == nullptr || only_memory(failed));
                };
                for (int i = 0; i < 3; ++i) {
                    threads.emplace_back(use);
                }
                runtime.run(act());
            } catch (...) {
                error = std::current_exception();
            }
            lock.release();
            event.set();
            for (std::thread& thread : threads) {
                thread.join();
            }
        }
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    }
    Coro<void> check() override {
        EXPECT_FALSE(lock.locked());
        EXPECT_EQ(semaphore.value(), 1);
        co_await yield();
    }
};
TEST_P(FaultsPrimitives, BlockedThreads) { fail_each<BlockedThreads>(); }

}  // namespace
}  // namespace heddle::test
