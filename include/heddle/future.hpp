#pragma once

#include <heddle/task.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace heddle {

namespace detail {

/// Ends a future that nobody can end any more, unless it is done.
void break_promise(TaskControl& control) noexcept;

/// Moves the value in and ends the future. What is left of the value is gone before anybody wakes: it may
/// refer to things of theirs.
template <class T>
void set_future_value(TaskControl& control, std::optional<T>& value) {
    begin_set(control);
    try {
        store_value(control, std::move(*value));
    } catch (...) {  // decided: whoever waits must get something
        store_exception(control, Outcome::error, std::current_exception());
    }
    value.reset();
    finish_join(control);
}

}  // namespace detail

template <class T>
class Promise;

/// A result that somebody else will set, as asyncio.Future: for callback APIs. A cheap copyable handle.
///
/// Every member may be called from any thread. It is decided once: the first of set_result, set_exception and
/// cancel counts. An exception that no one ever retrieves is reported.
/// Happens-before: set_result before the awaiters go on.
/// Cost: a 64-byte control block; no lock.
/// Prefer: Promise when the setter might be dropped without setting anything.
template <class T = void>
class Future {
public:
    /// What it ends with.
    using value_type = T;

    Future() : control_(&detail::make_future()) {}
    explicit Future(detail::ControlRef control) noexcept : control_(std::move(control)) {}

    /// True once it is decided.
    [[nodiscard]] bool done() const noexcept { return control_->done(); }
    /// True if it was cancelled.
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

    /// Sets the result and wakes who waits for it. Throws InvalidStateError if it is done already, or if
    /// another thread is just ending it: done() may follow a moment later.
    template <class U = T>
        requires(!std::is_void_v<T> && !std::is_reference_v<T> && std::is_constructible_v<T, U &&>)
    void set_result(U&& value) const {
        // May throw: before anything is decided.
        std::optional<T> stored(std::in_place, std::forward<U>(value));
        detail::set_future_value(*control_, stored);
    }
    /// The same for a T that is a reference: what it refers to must outlive the future.
    template <class U = T>
        requires std::is_lvalue_reference_v<U>
    void set_result(std::type_identity_t<U> value) const {
        detail::begin_set(*control_);
        detail::store_value(*control_, std::addressof(value));
        detail::finish_join(*control_);
    }
    /// The same for void.
    void set_result() const
        requires std::is_void_v<T>
    {
        detail::begin_set(*control_);
        detail::store_value(*control_, detail::Void{});
        detail::finish_join(*control_);
    }
    /// Ends it with an error. Throws InvalidStateError if it is done already, std::invalid_argument for a
    /// null pointer.
    void set_exception(std::exception_ptr error) const {
        detail::set_future_error(*control_, std::move(error));
    }
    /// The same with an object that is thrown.
    template <class E>
        requires(!std::is_same_v<std::remove_cvref_t<E>, std::exception_ptr>)
    void set_exception(E error) const {
        set_exception(std::make_exception_ptr(std::move(error)));
    }
    /// Ends it as cancelled: awaiters get CancelledError. False if it is done already.
    bool cancel(const std::string& message = {}) const {
        const bool cancelled = detail::cancel_control(*control_, message.data(), message.size());
        control_->mark_retrieved();  // as asyncio: whoever cancels has taken note of an error
        return cancelled;
    }

    /// Calls `fn(future)` (or `fn()`) once when it is done: on a worker of the runtime on which it was made,
    /// or on the thread that ends it if it was made outside of one. Never inside this call, unless it is done
    /// already and belongs to no runtime. Callbacks run in the order they were added.
    /// Throws std::bad_alloc, and then never calls it; where memory is missing later, the thread that ends
    /// the future calls it.
    template <class Fn>
    CallbackHandle add_done_callback(Fn fn) const {
        return detail::CallbackAccess::add<Future>(*control_, std::move(fn));
    }
    /// Takes a callback back that has not been called; its function is destroyed. False if it has been
    /// called, is being called, was taken back before, or is not one of this future's. Any thread, also from
    /// a callback.
    bool remove_done_callback(const CallbackHandle& handle) const {
        return detail::CallbackAccess::remove(*control_, handle);
    }

    /// Blocks a plain thread until it is done. Throws std::runtime_error on a worker thread.
    void wait_blocking() const { detail::join_blocking(*control_, "Future.wait_blocking()"); }
    /// wait_blocking() and then the result: a copy, or moved out where T cannot be copied.
    T result_blocking() const {
        detail::join_blocking(*control_, "Future.result_blocking()");
        detail::require_value(*control_);
        return detail::TaskResult<T>::copy_or_take(*control_);
    }

    /// Waits until it is done and gives the result. If cancelled: the future is cancelled, for all who wait
    /// for it.
    detail::TaskAwaiter<T, false> operator co_await() const& noexcept {
        return detail::TaskAwaiter<T, false>(*control_);
    }
    /// The same; the result is moved out if this is the only handle.
    detail::TaskAwaiter<T, true> operator co_await() && noexcept {
        return detail::TaskAwaiter<T, true>(std::move(control_));
    }

    friend bool operator==(const Future& a, const Future& b) noexcept { return a.control_ == b.control_; }

private:
    friend struct detail::TaskAccess;
    friend class Promise<T>;
    detail::ControlRef control_;
};

/// The writing end of a Future for code that might forget it: destroyed before anything was set, it ends the
/// future with InvalidStateError("broken promise"), so that nobody waits for ever. Move-only.
///
/// With Future alone, whoever holds a handle may set it, and nobody is told that the last setter is gone.
template <class T = void>
class Promise {
public:
    Promise() = default;
    Promise(Promise&& other) noexcept = default;
    Promise& operator=(Promise&& other) noexcept {
        std::swap(future_, other.future_);  // `other` breaks what was ours when it ends
        return *this;
    }
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;
    ~Promise() {
        if (future_.control_) {
            detail::break_promise(*future_.control_);
        }
    }

    /// What readers wait for. All members of Future, also those that set or cancel it.
    [[nodiscard]] const Future<T>& future() const noexcept { return future_; }
    /// As Future.
    template <class... U>
    void set_result(U&&... value) const {
        future_.set_result(std::forward<U>(value)...);
    }
    /// As Future.
    template <class E>
    void set_exception(E&& error) const {
        future_.set_exception(std::forward<E>(error));
    }

private:
    Future<T> future_;
};

}  // namespace heddle
