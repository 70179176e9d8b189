#include "faults/each_point.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

// Queues while memory runs out: exactly those items come out whose put has returned.

namespace heddle::test {
namespace {

class FaultsQueues : public Faults {};
INSTANTIATE_TEST_SUITE_P(faults, FaultsQueues, over_faults(), fault_name);

constexpr int items = 90;  // more than a segment of the FIFO has cells

/// What has been put and what has been got, noted down without fail.
class Ledger {
public:
    void put(int item) { note(put_, item); }
    void got(int item) { note(got_, item); }
    /// Each item put has been got, once.
    [[nodiscard]] bool balanced() {
        std::ranges::sort(put_);
        std::ranges::sort(got_);
        return put_ == got_;
    }
    void clear() {
        put_.clear();
        got_.clear();
    }

private:
    void note(std::vector<int>& list, int item) {
        const Unfailing book_keeping;
        const std::lock_guard hold(lock_);
        if (list.capacity() == 0) {
            list.reserve(1000);
        }
        list.push_back(item);
    }
    std::mutex lock_;
    std::vector<int> put_;
    std::vector<int> got_;
};

template <class Q, std::ptrdiff_t Size>
struct Passed : Scenario {
    Q queue{Size};
    Ledger ledger;

    Coro<void> put(int first, int n) {
        for (int i = first; i < first + n; ++i) {
            co_await queue.put(i);
            ledger.put(i);
        }
    }
    Coro<void> get(int n) {
        for (int i = 0; i < n; ++i) {
            const int item = co_await queue.get();
            ledger.got(item);
        }
    }
    /// Both sides wait for the other in turn.
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 3; ++i) {
                static_cast<void>(group.create_task(get(items / 3)));
            }
            co_await yield();
            for (int i = 0; i < 3; ++i) {
                static_cast<void>(group.create_task(put(i * items, items / 3)));
            }
            co_await yield();
        };
        co_await task_group(std::move(body));
    }
    /// What a failed put left behind is nothing; what a failed get left behind is everything.
    Coro<void> check() override {
        EXPECT_EQ(detail::Inspect::getters(queue), 0U);
        EXPECT_EQ(detail::Inspect::putters(queue), 0U);
        std::optional<int> left = queue.try_get();
        while (left) {
            ledger.got(*left);
            left = queue.try_get();
        }
        EXPECT_TRUE(ledger.balanced());
        EXPECT_EQ(queue.qsize(), 0);
        ledger.clear();
        co_await act();
        EXPECT_TRUE(ledger.balanced());
        EXPECT_TRUE(queue.empty());
        EXPECT_FALSE(queue.full());
    }
};

using Bounded = Passed<Queue<int>, 5>;
using Unbounded = Passed<Queue<int>, 0>;
using BoundedLifo = Passed<LifoQueue<int>, 5>;
using UnboundedLifo = Passed<LifoQueue<int>, 0>;
using BoundedPriority = Passed<PriorityQueue<int>, 5>;
TEST_P(FaultsQueues, Bounded) { fail_each<Bounded>(); }
TEST_P(FaultsQueues, Unbounded) { fail_each<Unbounded>(); }
TEST_P(FaultsQueues, BoundedLifo) { fail_each<BoundedLifo>(); }
TEST_P(FaultsQueues, UnboundedLifo) { fail_each<UnboundedLifo>(); }
TEST_P(FaultsQueues, BoundedPriority) { fail_each<BoundedPriority>(); }

template <std::ptrdiff_t Size>
struct InBatches : Passed<Queue<int>, Size> {
    using Base = Passed<Queue<int>, Size>;
    Coro<void> put_batch(int first, int n) {
        std::vector<int> values;
        for (int i = 0; i < n; ++i) {
            values.push_back(first + i);
        }
        std::exception_ptr error;
        try {
            co_await this->queue.put_many(values);
        } catch (...) {
            error = std::current_exception();
        }
        for (int i = first; i < first + n - static_cast<int>(values.size()); ++i) {
            this->ledger.put(i);
        }
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    }
    Coro<void> get_batches(int n) {
        for (int i = 0; i < n;) {
            const std::vector<int> some = co_await this->queue.get_many(static_cast<std::size_t>(n - i));
            for (const int item : some) {
                this->ledger.got(item);
            }
            i += static_cast<int>(some.size());
        }
    }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            static_cast<void>(group.create_task(get_batches(items / 2)));
            static_cast<void>(group.create_task(get_batches(items / 2)));
            co_await yield();
            static_cast<void>(group.create_task(put_both()));
            co_await yield();
        };
        co_await task_group(std::move(body));
    }
    /// A child of gather gets its control block when it first waits, and then it has put some already.
    Coro<void> put_both() { co_await gather(put_batch(0, items / 2), put_batch(items, items / 2)); }
};
using BoundedBatches = InBatches<7>;
using UnboundedBatches = InBatches<0>;
TEST_P(FaultsQueues, BoundedBatches) { fail_each<BoundedBatches>(); }
TEST_P(FaultsQueues, UnboundedBatches) { fail_each<UnboundedBatches>(); }

/// From plain threads, in batches and one by one.
struct FromThreads : Passed<Queue<int>, 5> {
    void on_thread(Runtime& runtime) override {
        std::exception_ptr error;
        std::exception_ptr failed;
        std::thread getter;
        try {
            getter = std::thread([&] {
                try {
                    for (int i = 0; i < items; ++i) {
                        ledger.got(queue.get_blocking());
                    }
                } catch (const QueueShutDown&) {  // a put has failed
                    return;
                } catch (...) {
                    failed = std::current_exception();
                    queue.shutdown();  // so that no put waits for ever
                }
            });
            for (int i = 0; i < items / 2; ++i) {
                queue.put_blocking(i);
                ledger.put(i);
            }
            std::vector<int> rest;
            for (int i = items / 2; i < items; ++i) {
                rest.push_back(i);
            }
            std::exception_ptr late;
            try {
                queue.put_many_blocking(rest);
            } catch (...) {
                late = std::current_exception();
            }
            const Unfailing book_keeping;
            for (int i = items / 2; i < items - static_cast<int>(rest.size()); ++i) {
                ledger.put(i);
            }
            if (late != nullptr) {
                std::rethrow_exception(late);
            }
        } catch (const QueueShutDown&) {
            error = std::make_exception_ptr(std::bad_alloc());
        } catch (...) {
            error = std::current_exception();
        }
        if (error != nullptr) {
            queue.shutdown();
        }
        if (getter.joinable()) {
            getter.join();
        }
        const Unfailing for_the_test;
        EXPECT_TRUE(failed == nullptr || only_memory(failed));
        static_cast<void>(runtime);
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    }
    Coro<void> check() override {
        co_await yield();
        try {
            for (;;) {
                ledger.got(queue.get_nowait());
            }
        } catch (const QueueShutDown&) {
            EXPECT_TRUE(ledger.balanced());
        } catch (const QueueEmpty&) {
            EXPECT_TRUE(ledger.balanced());
        }
    }
};
TEST_P(FaultsQueues, FromThreads) { fail_each<FromThreads>(); }

/// What a queue has no memory for stays with the caller, also if it can only be moved by construction.
struct KeptByCaller : Scenario {
    struct Item {
        const int rank;
        std::unique_ptr<int> what;
        bool operator<(const Item& other) const { return rank < other.rank; }
    };
    template <class Q>
    static Coro<void> fill(Q& queue) {
        constexpr int n = 20;
        std::vector<Item> values;
        for (int i = 0; i < n; ++i) {
            values.push_back(Item{i, std::make_unique<int>(i)});
        }
        std::exception_ptr error;
        try {
            co_await queue.put_many(values);
        } catch (...) {
            error = std::current_exception();
        }
        const Unfailing for_the_test;
        EXPECT_EQ(values.size() + static_cast<std::size_t>(queue.qsize()), static_cast<std::size_t>(n));
        int rank = n - static_cast<int>(values.size());
        for (const Item& item : values) {
            EXPECT_EQ(item.rank, rank++);
            EXPECT_TRUE(item.what != nullptr) << item.rank;
        }
        if (error != nullptr) {
            std::rethrow_exception(error);
        }
    }
    Coro<void> act() override {
        PriorityQueue<Item> by_rank;
        co_await fill(by_rank);
        Queue<Item> in_order;
        co_await fill(in_order);
    }
};
TEST_P(FaultsQueues, KeptByCaller) { fail_each<KeptByCaller>(); }

/// Shut down while both sides wait.
struct ShutDown : Scenario {
    Queue<int> queue{2};
    Queue<int> empty;
    Coro<void> put() {
        try {
            co_await queue.put(1);
        } catch (const QueueShutDown&) {
            co_return;
        }
    }
    Coro<void> get() {
        try {
            static_cast<void>(co_await empty.get());
        } catch (const QueueShutDown&) {
            co_return;
        }
    }
    Coro<void> join() { co_await queue.join(); }
    Coro<void> see_it_close() { co_await empty.closed(); }
    Coro<void> act() override {
        auto body = [this](TaskGroup& group) -> Coro<void> {
            for (int i = 0; i < 20; ++i) {
                static_cast<void>(group.create_task(put()));
                static_cast<void>(group.create_task(get()));
            }
            static_cast<void>(group.create_task(join()));
            static_cast<void>(group.create_task(see_it_close()));
            co_await yield();
            queue.shutdown(true);
            empty.shutdown();
        };
        co_await task_group(std::move(body));
    }
    Coro<void> check() override {
        EXPECT_EQ(detail::Inspect::getters(empty), 0U);
        queue.shutdown(true);
        bool refused = false;
        try {
            static_cast<void>(co_await queue.get());
        } catch (const QueueShutDown&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
        co_await queue.join();
    }
};
TEST_P(FaultsQueues, ShutDown) { fail_each<ShutDown>(); }

}  // namespace
}  // namespace heddle::test
