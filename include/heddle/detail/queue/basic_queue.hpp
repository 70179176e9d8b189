#pragma once

#include <heddle/detail/queue/core.hpp>
#include <heddle/detail/queue/put_batch.hpp>
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/error.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::detail {

/// The part of a queue that is reclaimed by epochs: a waker may still be in here when the queue has gone.
template <class T, class Container>
class QueueBlock final : public QueueCore {
public:
    template <class... Args>
    explicit QueueBlock(std::ptrdiff_t maxsize, Args&&... args)
        : QueueCore(maxsize, [](Retired* self) noexcept { delete static_cast<QueueBlock*>(self); }),
          container_(std::forward<Args>(args)...) {}

    /// With a slot taken.
    void put(T&& value) {
        const EpochPin pin;
        begin_put(1);
        try {
            container_.push(std::move(value));
        } catch (...) {
            end_put(1, 0);
            give_slots_back(1);
            throw;
        }
        end_put(1, 1);
        if constexpr (requires { container_.rethrow_error(); }) {
            container_.rethrow_error();  // the value is in: only its place may be wrong
        }
    }
    /// With `n` slots taken: moves in the `n` values at `from`, published together. How many are in; fewer
    /// than n: `error` says why.
    std::size_t put(T* from, std::size_t n, std::exception_ptr& error) noexcept {
        const EpochPin pin;
        std::size_t done = 0;
        try {
            begin_put(n);
        } catch (...) {
            error = std::current_exception();
            return 0;
        }
        try {
            while (done < n) {
                container_.push(std::move(from[done]));
                ++done;
                if constexpr (requires { container_.rethrow_error(); }) {
                    container_.rethrow_error();
                }
            }
        } catch (...) {
            error = std::current_exception();
        }
        end_put(n, done);
        return done;
    }
    /// With an item's permit taken.
    T get() {
        const EpochPin pin;
        std::optional<T> value;
        bool found = false;
        if ((items.count() & immediate_bit) == 0) {
            try {
                found = container_.pop([&](T& stored) { value.emplace(std::move(stored)); });
            } catch (...) {
                give_slots_back(1);  // that item is lost to its own exception, and nothing else
                throw;
            }
        }
        if (!found) {
            give_items_back(1);
            throw QueueShutDown();
        }
        give_slots_back(1);
        return std::move(*value);
    }
    /// With an item's permit taken: up to `most` items that can be had without waiting.
    std::vector<T> get(std::size_t most) {
        const EpochPin pin;
        std::size_t permits = 1;
        std::vector<T> got;
        if constexpr (!std::is_nothrow_move_constructible_v<T>) {
            most = 1;  // an item that cannot be moved must not take others with it
        }
        const std::size_t more = std::min(most - 1, static_cast<std::size_t>(size()));
        if (more > 0) {
            permits += static_cast<std::size_t>(
                items.try_take_up_to(static_cast<std::int64_t>(more), QueueCore::item));
        }
        try {
            got.reserve(permits);
        } catch (...) {
            give_items_back(permits);
            throw;
        }
        if constexpr (std::is_nothrow_move_constructible_v<T>) {
            while (got.size() < permits && (items.count() & immediate_bit) == 0 &&
                   container_.pop([&](T& stored) { got.push_back(std::move(stored)); })) {
            }
            if (got.size() < permits) {
                give_items_back(permits - got.size());
            }
            if (got.empty()) {
                throw QueueShutDown();
            }
            give_slots_back(got.size());
        } else {
            got.push_back(get());
        }
        return got;
    }
    /// Destroys what is left: user destructors run here and not when the block is reclaimed.
    void clear() {
        const EpochPin pin;
        while (container_.pop([](T&) {})) {
        }
    }

private:
    void drain() override {
        while (container_.pop([](T&) {})) {
            dropped();
        }
    }
    Container container_;
};

/// What the queues have in common; Container decides the order.
///
/// Any number of producers and consumers, tasks and plain threads, at the same time. T needs to be movable.
/// Order: waiting putters and getters are served in arrival order. A getter that has been granted an item but
/// does not run yet has reserved it: get_nowait() then finds the queue empty.
/// Happens-before: put before the get of that item; task_done before the join it ends.
/// Destruction: by whoever knows that nobody waits or will call, also when the put that handed over the last
/// item has not yet returned on its own thread.
/// Cost: one block per queue; put and get without waiting allocate nothing per item beyond the container's.
template <class T, class Container>
class [[nodiscard]] BasicQueue : Immovable {
    using Block = QueueBlock<T, Container>;

public:
    /// What the items are.
    using value_type = T;

    class [[nodiscard("does nothing until it is co_awaited")]] PutAwaiter : public SlotAwaiter {
    public:
        PutAwaiter(Block& block, T&& value) : SlotAwaiter(block), value_(std::move(value)) {}
        void await_resume() {
            finish();
            static_cast<Block&>(core_).put(std::move(value_));
        }

    private:
        T value_;
    };
    class [[nodiscard("does nothing until it is co_awaited")]] GetAwaiter : public PermitAwaiter {
    public:
        explicit GetAwaiter(Block& block) noexcept
            : PermitAwaiter(block.items, QueueCore::item), block_(block) {}
        T await_resume() {
            PermitAwaiter::await_resume();
            return block_.get();
        }

    private:
        Block& block_;
    };

    class [[nodiscard("does nothing until it is co_awaited")]] GetManyAwaiter : public PermitAwaiter {
    public:
        GetManyAwaiter(Block& block, std::size_t most)
            : PermitAwaiter(block.items, QueueCore::item), block_(block), most_(most) {}
        std::vector<T> await_resume() {
            PermitAwaiter::await_resume();
            return block_.get(most_);
        }

    private:
        Block& block_;
        std::size_t most_;
    };
    class [[nodiscard("does nothing until it is co_awaited")]] PutManyAwaiter : Immovable {
    public:
        PutManyAwaiter(Block& block, std::vector<T>& values) : batch_(block, values) {}
        bool await_ready() noexcept { return batch_.put_what_fits(); }
        HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
            return batch_.suspend(frame);
        }
        void await_resume() { batch_.finish(); }

    private:
        PutBatch<Block, T> batch_;
    };
    /// What put_many() returns: may be passed on before it is awaited.
    template <class Values>
    class [[nodiscard("does nothing until it is co_awaited")]] PutMany {
    public:
        PutMany(Block& block, Values&& values) : block_(block), values_(std::forward<Values>(values)) {}
        PutManyAwaiter operator co_await() { return PutManyAwaiter(block_, values_); }

    private:
        Block& block_;
        Values values_;
    };

    /// maxsize <= 0: unbounded.
    template <class... Args>
    explicit BasicQueue(std::ptrdiff_t maxsize = 0, Args&&... args)
        : block_(*new Block(maxsize, std::forward<Args>(args)...)) {}
    ~BasicQueue() {
        HEDDLE_ASSERT(block_.items.count() >= 0 &&
                      block_.slots.count() >= 0);  // destroyed while somebody waits
        block_.clear();
        const EpochPin pin;
        epoch_retire(&block_);
    }

    /// Waits while the queue is full, then puts `value`. If cancelled: it is not put, no slot is taken.
    /// Throws QueueShutDown, or std::bad_alloc, and nothing has happened then: so do all that put or wait.
    PutAwaiter put(T value) { return PutAwaiter(block_, std::move(value)); }
    /// Waits for an item and takes it. If cancelled: no item is taken. Throws QueueShutDown when the queue is
    /// shut down and empty.
    GetAwaiter get() noexcept { return GetAwaiter(block_); }

    /// Throws QueueFull, or QueueShutDown, instead of waiting.
    void put_nowait(T value) {
        if (block_.bounded() && !block_.slots.try_take()) {
            block_.throw_no_slot();
        }
        block_.put(std::move(value));
    }
    /// Throws QueueEmpty, or QueueShutDown, instead of waiting.
    T get_nowait() {
        if (!block_.try_take_item()) {
            throw QueueEmpty();
        }
        return block_.get();
    }
    /// False if it would have to wait; `value` is then left as it was. Throws QueueShutDown.
    [[nodiscard]] bool try_put(T&& value) {
        if (block_.bounded() && !block_.slots.try_take()) {
            if (block_.closed()) {
                throw QueueShutDown();
            }
            return false;
        }
        block_.put(std::move(value));
        return true;
    }
    /// The same with a copy of `value`.
    [[nodiscard]] bool try_put(const T& value)
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return try_put(std::move(copy));
    }
    /// Empty if it would have to wait. Throws QueueShutDown.
    [[nodiscard]] std::optional<T> try_get() {
        if (!block_.try_take_item()) {
            return std::nullopt;
        }
        return block_.get();
    }

    /// put() for plain threads. Throws std::runtime_error on a worker thread.
    void put_blocking(T value) {
        SlotAwaiter slot(block_);
        slot.wait_blocking("Queue.put_blocking()");
        block_.put(std::move(value));
    }
    /// get() for plain threads. Throws std::runtime_error on a worker thread.
    T get_blocking() {
        PermitAwaiter(block_.items, QueueCore::item).wait_blocking("Queue.get_blocking()");
        return block_.get();
    }

    /// Puts all `values` in their order, each batch that finds room with one reservation, and leaves `values`
    /// empty. While the queue is full it waits; other producers may put between two batches. If cancelled,
    /// or QueueShutDown is thrown: those already put stay in the queue, the others stay in `values`.
    PutMany<std::vector<T>&> put_many(std::vector<T>& values) { return {block_, values}; }
    /// The same; if it fails, those not yet put are destroyed.
    PutMany<std::vector<T>> put_many(std::vector<T>&& values) { return {block_, std::move(values)}; }
    /// Waits for an item and takes up to `max` that are there, with one reservation: never an empty vector.
    /// One at a time if moving a T may throw. If cancelled: no item is taken. Throws QueueShutDown as get()
    /// does, std::invalid_argument if `max` is 0.
    GetManyAwaiter get_many(std::size_t max) { return GetManyAwaiter(block_, at_least_one(max)); }
    /// get_many() that returns an empty vector instead of waiting. Throws QueueShutDown.
    [[nodiscard]] std::vector<T> try_get_many(std::size_t max) {
        const std::size_t most = at_least_one(max);
        if (!block_.try_take_item()) {
            return {};
        }
        return block_.get(most);
    }
    /// put_many() for plain threads. Throws std::runtime_error on a worker thread.
    void put_many_blocking(std::vector<T>& values) { PutBatch<Block, T>(block_, values).put_blocking(); }
    /// The same; if it fails, those not yet put are destroyed.
    void put_many_blocking(std::vector<T>&& values) {
        std::vector<T> mine = std::move(values);
        put_many_blocking(mine);
    }
    /// get_many() for plain threads. Throws std::runtime_error on a worker thread.
    std::vector<T> get_many_blocking(std::size_t max) {
        const std::size_t most = at_least_one(max);
        PermitAwaiter(block_.items, QueueCore::item).wait_blocking("Queue.get_many_blocking()");
        return block_.get(most);
    }

    /// Items in the queue that nobody has reserved: a snapshot.
    [[nodiscard]] std::ptrdiff_t qsize() const noexcept { return block_.size(); }
    /// True if qsize() is 0: a snapshot.
    [[nodiscard]] bool empty() const noexcept { return block_.size() == 0; }
    /// True if put() would wait now: a snapshot. Never for an unbounded queue.
    [[nodiscard]] bool full() const noexcept { return block_.full(); }
    /// The bound given at the start; 0 or less: none.
    [[nodiscard]] std::ptrdiff_t maxsize() const noexcept { return block_.limit; }

    /// Says that an item got earlier has been dealt with. Throws std::invalid_argument when called more often
    /// than items were put.
    void task_done() {
        const EpochPin pin;
        block_.task_done();
    }
    /// Waits until every item put has been followed by a task_done(). If cancelled: nothing changes.
    TicketAwaiter<LatchWord> join() noexcept { return TicketAwaiter<LatchWord>(block_.open); }
    /// join() for plain threads. Throws std::runtime_error on a worker thread.
    void join_blocking() { TicketAwaiter<LatchWord>(block_.open).wait_blocking("Queue.join_blocking()"); }

    /// Refuses further puts, waiting ones too, with QueueShutDown; gets go on until the queue is empty and
    /// then throw it. `immediate`: drops all items, each counted as done, and gets throw at once. A second
    /// call may only add `immediate`. O(waiters).
    void shutdown(bool immediate = false) {
        const EpochPin pin;
        block_.shutdown(immediate);
    }
    /// Waits until shutdown() has been called. If cancelled: nothing changes.
    TicketAwaiter<EventWord> closed() noexcept { return TicketAwaiter<EventWord>(block_.closed_event); }

protected:
    Block& block_;

private:
    friend struct Inspect;
    [[nodiscard]] std::size_t waiting_getters() const noexcept {
        return waiting(block_.items.count() >> 16U);
    }
    [[nodiscard]] std::size_t waiting_putters() const noexcept { return waiting(block_.slots.count()); }
    static std::size_t at_least_one(std::size_t max) {
        if (max == 0) {
            throw std::invalid_argument("get_many(): max must be at least 1");
        }
        return max;
    }
    static std::size_t waiting(std::int64_t n) noexcept { return n < 0 ? static_cast<std::size_t>(-n) : 0; }
};

}  // namespace heddle::detail
