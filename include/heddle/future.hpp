#pragma once

#include <heddle/task.hpp>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

namespace heddle {

/// A result that somebody else will set, as asyncio.Future: for callback APIs. A cheap copyable handle.
///
/// Every member may be called from any thread. It is decided once: the first of set_result, set_exception and
/// cancel counts. An exception that no one ever retrieves is reported.
/// Happens-before: set_result before the awaiters go on.
/// Cost: a 64-byte control block; no lock.
template <class T = void>
class Future {
public:
    using value_type = T;

    Future() : control_(&detail::make_future()) {}
    explicit Future(detail::ControlRef control) noexcept : control_(std::move(control)) {}

    [[nodiscard]] bool done() const noexcept { return control_->done(); }
    [[nodiscard]] bool cancelled() const noexcept {
        return control_->done() && control_->outcome == detail::Outcome::cancelled;
    }
    /// The result. Throws InvalidStateError while it is not set, the exception set, or CancelledError.
    decltype(auto) result() const {
        detail::require_value(*control_);
        return detail::TaskResult<T>::get(*control_);
    }
    /// The exception set, or null. Throws InvalidStateError while it is not done, CancelledError if
    /// cancelled.
    [[nodiscard]] std::exception_ptr exception() const { return detail::task_exception(*control_); }

    /// Throws InvalidStateError if it is done already.
    template <class U = T>
        requires(!std::is_void_v<T> && std::is_constructible_v<detail::Stored<T>, U &&>)
    void set_result(U&& value) const {
        detail::Stored<T> stored(std::forward<U>(value));  // may throw: before anything is decided
        detail::begin_set(*control_);
        detail::store_value(*control_, std::move(stored));
        detail::finish_join(*control_);
    }
    void set_result() const
        requires std::is_void_v<T>
    {
        detail::begin_set(*control_);
        detail::store_value(*control_, detail::Void{});
        detail::finish_join(*control_);
    }
    /// Throws InvalidStateError if it is done already, std::invalid_argument for a null pointer.
    void set_exception(std::exception_ptr error) const {
        detail::set_future_error(*control_, std::move(error));
    }
    template <class E>
        requires(!std::is_same_v<std::remove_cvref_t<E>, std::exception_ptr>)
    void set_exception(E error) const {
        set_exception(std::make_exception_ptr(std::move(error)));
    }
    /// Ends it as cancelled: awaiters get CancelledError. False if it is done already.
    bool cancel(const std::string& message = {}) const {
        return detail::cancel_control(*control_, message.data(), message.size());
    }

    /// Calls `fn(future)` (or `fn()`) once when it is done: on a worker of the runtime on which it was made,
    /// or on the thread that ends it if it was made outside of one. Never inside this call, unless it is done
    /// already and belongs to no runtime.
    template <class Fn>
    void add_done_callback(Fn fn) const {
        detail::add_done_callback(*control_, detail::make_done_callback<Future>(std::move(fn)));
    }

    /// Blocks a plain thread until it is done. Throws std::runtime_error on a worker thread.
    void wait_blocking() const { detail::join_blocking(*control_, "Future.wait_blocking()"); }
    T result_blocking() const {
        detail::join_blocking(*control_, "Future.result_blocking()");
        detail::require_value(*control_);
        return detail::TaskResult<T>::copy_or_take(*control_);
    }

    /// Waits until it is done and gives the result. If cancelled: the future is cancelled, for all who wait
    /// for it.
    detail::TaskAwaiter<T, false> operator co_await() const& noexcept {
        return detail::TaskAwaiter<T, false>(control_);
    }
    /// The same; the result is moved out if this is the only handle.
    detail::TaskAwaiter<T, true> operator co_await() && noexcept {
        return detail::TaskAwaiter<T, true>(std::move(control_));
    }

    friend bool operator==(const Future& a, const Future& b) noexcept { return a.control_ == b.control_; }

private:
    friend struct detail::TaskAccess;
    detail::ControlRef control_;
};

}  // namespace heddle
