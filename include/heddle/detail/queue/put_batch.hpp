#pragma once

#include <heddle/detail/queue/core.hpp>
#include <heddle/detail/queue/give_back.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::detail {

/// Puts many items, in as few batches as there is room for; while there is none it waits for one slot. No
/// more than batch_limit at once: what has begun and is not put yet costs gets that come to it, and holds up
/// the reclamation of memory. No more slots are held than are filled at once, so that two of these cannot
/// wait for each other.
class PutBatchWait : public WakeHook {
public:
    PutBatchWait(QueueCore& core, std::size_t n) noexcept
        : WakeHook{&PutBatchWait::woken}, core_(core), total_(n) {}
    PutBatchWait(const PutBatchWait&) = delete;
    PutBatchWait& operator=(const PutBatchWait&) = delete;
    PutBatchWait(PutBatchWait&&) = delete;
    PutBatchWait& operator=(PutBatchWait&&) = delete;

    /// True: it is over, all are in or something went wrong. Never waits.
    [[nodiscard]] bool put_what_fits() noexcept;
    std::coroutine_handle<> suspend(std::coroutine_handle<> frame);
    /// Waits as a plain thread.
    void put_all_blocking();
    /// Throws what went wrong.
    void rethrow();

protected:
    ~PutBatchWait() = default;
    [[nodiscard]] std::size_t done() const noexcept { return done_; }

private:
    static constexpr std::size_t batch_limit = 1024;

    /// Puts `n` more, with their slots taken; returns how many are in, fewer with an error.
    virtual std::size_t store(std::size_t first, std::size_t n, std::exception_ptr& error) noexcept = 0;
    void put(std::size_t n) noexcept;
    [[nodiscard]] bool over() const noexcept { return done_ == total_ || error_ != nullptr || cancelled_; }
    [[nodiscard]] bool go_on();
    void give_up();
    static std::coroutine_handle<> woken(WakeHook& hook) noexcept;

    QueueCore& core_;
    std::size_t total_;
    std::size_t done_ = 0;
    std::exception_ptr error_;
    bool cancelled_ = false;
    std::coroutine_handle<> frame_;
    Suspension suspension_;
    WaitPlace place_;
};

/// The same with values of a type: those that are in are removed from the vector.
template <class Block, class T>
class PutBatch final : public PutBatchWait {
public:
    PutBatch(Block& block, std::vector<T>& values) noexcept
        : PutBatchWait(block, values.size()), block_(block), values_(values) {}

    void finish() {
        remove();
        rethrow();
    }
    void put_blocking() {
        put_all_blocking();
        finish();
    }

private:
    std::size_t store(std::size_t first, std::size_t n, std::exception_ptr& error) noexcept override {
        return block_.put(values_.data() + first, n, error);
    }
    void remove() {
        if (done() == 0) {
            return;
        }
        if (done() == values_.size()) {
            values_.clear();
        } else if constexpr (std::is_move_assignable_v<T>) {
            values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(done()));
        } else if constexpr (std::is_nothrow_move_constructible_v<T>) {
            const std::size_t left = values_.size() - done();
            for (std::size_t i = 0; i < left; ++i) {
                give_back(values_[i], values_[done() + i]);
            }
            while (values_.size() > left) {
                values_.pop_back();
            }
        } else {
            values_ =
                std::vector<T>(std::make_move_iterator(values_.begin() + static_cast<std::ptrdiff_t>(done())),
                               std::make_move_iterator(values_.end()));
        }
    }
    Block& block_;
    std::vector<T>& values_;
};

}  // namespace heddle::detail
