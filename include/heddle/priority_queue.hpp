#pragma once

#include <heddle/detail/queue/basic_queue.hpp>
#include <heddle/detail/queue/give_back.hpp>
#include <heddle/detail/queue/pile.hpp>

#include <oneapi/tbb/concurrent_priority_queue.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle {

namespace detail {

/// oneTBB's concurrent_priority_queue, smallest first. A comparison that throws must not unwind through it,
/// where the operations of other threads are being done by this one: the error is kept for the caller.
template <class T, class Compare>
class HeapContainer : Immovable {
    // Moves happen inside oneTBB, where nothing may throw: elements that could are kept behind a pointer.
    static constexpr bool in_place =
        std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;
    struct Holder {
        std::conditional_t<in_place, std::optional<T>, std::unique_ptr<T>> value;
    };
    static Holder hold(T&& value) {
        if constexpr (in_place) {
            return {std::optional<T>(std::move(value))};
        } else {
            return {std::make_unique<T>(std::move(value))};
        }
    }
    /// oneTBB puts the largest on top.
    struct Order {
        Compare compare;
        bool operator()(const Holder& a, const Holder& b) const noexcept {
            try {
                return compare(*b.value, *a.value);
            } catch (...) {
                error() = std::current_exception();
                return false;
            }
        }
    };

public:
    HeapContainer() = default;
    explicit HeapContainer(Compare compare) : heap_(Order{std::move(compare)}) {}

    void push(T&& value) {
        error() = nullptr;
        // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it loses sight of what oneTBB keeps
        Holder held = hold(std::move(value));
        try {
            heap_.push(std::move(held));
        } catch (...) {  // out of memory: the value is the caller's again
            if (held.value) {
                give_back(value, *held.value);
            }
            throw;
        }
    }
    /// Throws what a comparison of the last push threw.
    void rethrow_error() {
        if (error() != nullptr) {
            std::rethrow_exception(std::exchange(error(), nullptr));
        }
    }
    template <class Take>
    bool pop(Take&& take) {
        Holder out;
        const bool found = heap_.try_pop(out);
        error() = nullptr;  // the value that was got is as good as any
        if (found) {
            take(*out.value);
        }
        return found;
    }

private:
    static std::exception_ptr& error() noexcept {
        static thread_local std::exception_ptr pending;
        return pending;
    }
    tbb::concurrent_priority_queue<Holder, Order> heap_;
};

}  // namespace detail

/// asyncio.PriorityQueue: the smallest item is got first; equal ones in any order.
///
/// PriorityQueue(maxsize = 0, compare). put and get are O(log n). A comparison that throws: put() throws its
/// error, but the item is in the queue and may come out of order.
template <class T, class Compare = std::less<>>
class PriorityQueue : public detail::BasicQueue<T, detail::Pile<T, detail::HeapContainer<T, Compare>>> {
    using detail::BasicQueue<T, detail::Pile<T, detail::HeapContainer<T, Compare>>>::BasicQueue;
};

}  // namespace heddle
