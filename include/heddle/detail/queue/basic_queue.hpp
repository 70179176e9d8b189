#pragma once

#include <heddle/detail/queue/block.hpp>
#include <heddle/detail/queue/put_batch.hpp>
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/error.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::detail {

/// What the queues have in common; Container decides the order.
///
/// Any number of producers and consumers, tasks and plain threads, at the same time. T needs to be movable.
/// Order: waiting putters and getters are served in arrival order. A getter that has been granted an item but
/// does not run yet has reserved it: get_nowait() then finds the queue empty. So it may, with an item in the
/// queue, while a put that came before that item's is still on its way; and put_nowait(), while a get is.
/// Happens-before: put before the get of that item; task_done before the join it ends.
/// Destruction: by whoever knows that nobody waits or will call, also when the put that handed over the last
/// item has not yet returned on its own thread.
/// Limits: fewer than 2^29 items at a time; join() counts what is not done modulo 2^29; a maxsize of 2^29 or
/// more is none.
/// Cost: one block per queue; put and get without waiting allocate nothing per item beyond the container's.
template <class T, class Container>
class [[nodiscard]] BasicQueue : Immovable {
    using Block = QueueBlock<T, Container>;

public:
    /// What the items are.
    using value_type = T;

    class [[nodiscard("does nothing until it is co_awaited")]] PutAwaiter {
    public:
        PutAwaiter(Block& block, T&& value) : block_(block), value_(std::move(value)) {}
        bool await_ready() {
            done_ = block_.try_put(value_);
            return done_ && !HEDDLE_FORCE_SUSPEND;
        }
        HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
            return done_ ? post_done(frame)
                         : wait_.emplace(block_.slots, QueueCore::one).await_suspend(frame);
        }
        void await_resume() {
            if (!done_) [[unlikely]] {
                wait_->await_resume();
                block_.put(value_);
            }
        }

    private:
        Block& block_;
        bool done_ = false;
        T value_;
        std::optional<PermitAwaiter> wait_;
    };
    class [[nodiscard("does nothing until it is co_awaited")]] GetAwaiter {
    public:
        explicit GetAwaiter(Block& block) noexcept : block_(block) {}
        bool await_ready() { return block_.try_get(value_) && !HEDDLE_FORCE_SUSPEND; }
        HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
            return value_ ? post_done(frame)
                          : wait_.emplace(block_.items, QueueCore::one).await_suspend(frame);
        }
        T await_resume() {
            if (!value_) [[unlikely]] {
                wait_->await_resume();
                block_.get(value_);
            }
            return std::move(*value_);
        }

    private:
        Block& block_;
        std::optional<T> value_;
        std::optional<PermitAwaiter> wait_;
    };

    class [[nodiscard("does nothing until it is co_awaited")]] GetManyAwaiter : public PermitAwaiter {
    public:
        GetManyAwaiter(Block& block, std::size_t most)
            : PermitAwaiter(block.items, QueueCore::one), block_(block), most_(most) {}
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
        if (!block_.try_put(value)) {
            block_.throw_no_slot();
        }
    }
    /// Throws QueueEmpty, or QueueShutDown, instead of waiting.
    T get_nowait() {
        std::optional<T> value;
        if (!block_.try_get(value)) {
            throw QueueEmpty();
        }
        return std::move(*value);
    }
    /// False if it would have to wait; `value` is then left as it was. Throws QueueShutDown.
    // NOLINTNEXTLINE(cppcoreguidelines-rvalue-reference-param-not-moved): only if it is put
    [[nodiscard]] bool try_put(T&& value) { return block_.try_put(value); }
    /// The same with a copy of `value`.
    [[nodiscard]] bool try_put(const T& value)
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return try_put(std::move(copy));
    }
    /// Empty if it would have to wait. Throws QueueShutDown.
    [[nodiscard]] std::optional<T> try_get() {
        std::optional<T> value;
        static_cast<void>(block_.try_get(value));
        return value;
    }

    /// put() for plain threads. Throws std::runtime_error on a worker thread.
    void put_blocking(T value) {
        block_.wait_for_slot("Queue.put_blocking()");
        block_.put(value);
    }
    /// get() for plain threads. Throws std::runtime_error on a worker thread.
    T get_blocking() {
        PermitAwaiter(block_.items, QueueCore::one).wait_blocking("Queue.get_blocking()");
        std::optional<T> value;
        block_.get(value);
        return std::move(*value);
    }

    /// Puts all `values` in their order, each batch that finds room (at most 1024) with one reservation, and
    /// leaves `values` empty. While the queue is full it waits; other producers may put between two batches.
    /// If it fails (cancelled, QueueShutDown, out of memory): those already put stay in the queue, the others
    /// stay in `values`.
    PutMany<std::vector<T>&> put_many(std::vector<T>& values) { return {block_, values}; }
    /// The same; if it fails, those not yet put are destroyed.
    PutMany<std::vector<T>> put_many(std::vector<T>&& values) { return {block_, std::move(values)}; }
    /// Waits for an item and takes up to `max` that are there, with one reservation: never an empty vector.
    /// One at a time if moving a T may throw. If cancelled: no item is taken. Throws QueueShutDown as get()
    /// does, std::invalid_argument if `max` is 0.
    GetManyAwaiter get_many(std::size_t max) { return GetManyAwaiter(block_, at_least_one(max)); }
    /// get_many() that returns an empty vector instead of waiting. Throws QueueShutDown.
    [[nodiscard]] std::vector<T> try_get_many(std::size_t max) { return block_.try_get(at_least_one(max)); }
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
        PermitAwaiter(block_.items, QueueCore::one).wait_blocking("Queue.get_many_blocking()");
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
    TicketAwaiter<JoinWord> join() noexcept { return TicketAwaiter<JoinWord>(block_.unfinished); }
    /// join() for plain threads. Throws std::runtime_error on a worker thread.
    void join_blocking() {
        TicketAwaiter<JoinWord>(block_.unfinished).wait_blocking("Queue.join_blocking()");
    }

    /// Refuses further puts, waiting ones too, with QueueShutDown; gets go on until the queue is empty and
    /// then throw it. `immediate`: drops all items, each counted as done, and gets throw at once; who looks
    /// into the queue at that moment may be the one to destroy them. A second call may only add `immediate`.
    /// O(waiters), and items if immediate.
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
        return waiting(QueueWord::count(block_.items.count()));
    }
    [[nodiscard]] std::size_t waiting_putters() const noexcept {
        return waiting(QueueWord::count(block_.slots.count()));
    }
    /// What was to be waited for is there already: builds that suspend always.
    static std::coroutine_handle<> post_done(std::coroutine_handle<> frame) {
        post_running_task(frame);
        return std::noop_coroutine();
    }
    static std::size_t at_least_one(std::size_t max) {
        if (max == 0) {
            throw std::invalid_argument("get_many(): max must be at least 1");
        }
        return max;
    }
    static std::size_t waiting(std::int64_t n) noexcept { return n < 0 ? static_cast<std::size_t>(-n) : 0; }
};

}  // namespace heddle::detail
