#pragma once

#include <heddle/detail/queue/core.hpp>
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/error.hpp>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle::detail {

/// The part of a queue that is reclaimed by epochs: a waker may still be in here when the queue has gone.
template <class T, class Container>
class QueueBlock final : public QueueCore {
public:
    template <class... Args>
    explicit QueueBlock(std::ptrdiff_t maxsize, Args&&... args)
        : QueueCore(maxsize), container_(std::forward<Args>(args)...) {
        reclaim = [](Retired* self) noexcept { delete static_cast<QueueBlock*>(self); };
    }

    /// With a slot taken.
    void put(T&& value) {
        const EpochPin pin;
        begin_put();
        try {
            container_.push(std::move(value));
        } catch (...) {
            undo_put();
            throw;
        }
        publish();
        if constexpr (requires { container_.rethrow_error(); }) {
            container_.rethrow_error();  // the value is in: only its place may be wrong
        }
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
                give_slot_back();  // that item is lost to its own exception, and nothing else
                throw;
            }
        }
        if (!found) {
            give_item_back();
            throw QueueShutDown();
        }
        give_slot_back();
        return std::move(*value);
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
    /// Throws QueueShutDown.
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
        if (!block_.items.try_take(QueueCore::item)) {
            block_.throw_no_item();
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
    [[nodiscard]] bool try_put(const T& value)
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return try_put(std::move(copy));
    }
    /// Empty if it would have to wait. Throws QueueShutDown.
    [[nodiscard]] std::optional<T> try_get() {
        if (!block_.items.try_take(QueueCore::item)) {
            if (block_.closed()) {
                try {
                    block_.throw_no_item();
                } catch (const QueueEmpty&) {  // a put is still on its way
                    return std::nullopt;
                }
            }
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

    /// Items in the queue that nobody has reserved: a snapshot.
    [[nodiscard]] std::ptrdiff_t qsize() const noexcept { return block_.size(); }
    [[nodiscard]] bool empty() const noexcept { return block_.size() == 0; }
    /// True if put() would wait now: a snapshot. Never for an unbounded queue.
    [[nodiscard]] bool full() const noexcept { return block_.full(); }
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
    static std::size_t waiting(std::int64_t n) noexcept { return n < 0 ? static_cast<std::size_t>(-n) : 0; }
};

}  // namespace heddle::detail
