#pragma once

#include <heddle/detail/task/promise.hpp>
#include <heddle/error.hpp>

#include <coroutine>
#include <utility>

namespace heddle {

namespace detail {
template <class T>
class CoroAwaiter;
struct CoroAccess;
[[noreturn]] void throw_coro_reused();
}  // namespace detail

/// What an `async def` gives: a coroutine that starts when it is awaited and runs in the awaiter's task.
///
/// Move-only, awaited once. T may be void, move-only, or a reference. Destroying one that was never awaited
/// frees its frame without running it. Not thread-safe: one owner at a time.
/// Cost: one word, passed in a register by clang; one frame from the worker's pool; awaiting it is two jumps,
/// no atomic operation. Beware: a coroutine keeps references to what its parameters refer to; a lambda's
/// captures live in the lambda, which must outlive the coroutine.
template <class T = void>
class HEDDLE_TRIVIAL_ABI
    [[nodiscard("a coroutine does nothing until it is co_awaited or made a task")]] Coro {
public:
    /// For the compiler.
    using promise_type = detail::Promise<T>;
    /// What co_await gives.
    using value_type = T;

    Coro() noexcept = default;
    // NOLINTNEXTLINE(google-explicit-constructor): what get_return_object() converts to
    Coro(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    Coro(Coro&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Coro& operator=(Coro&& other) noexcept {
        // What the old one destroys may look at this.
        const auto old = std::exchange(frame_, std::exchange(other.frame_, nullptr));
        if (old) {
            old.destroy();
        }
        return *this;
    }
    Coro(const Coro&) = delete;
    Coro& operator=(const Coro&) = delete;
    ~Coro() {
        if (frame_) {
            frame_.destroy();
        }
    }

    /// Runs the coroutine in the awaiting task and gives its result. If cancelled: the request is delivered
    /// at whatever the coroutine itself waits for. Throws what the coroutine throws; std::runtime_error if it
    /// was awaited before.
    detail::CoroAwaiter<T> operator co_await();

private:
    friend struct detail::CoroAccess;
    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
class [[nodiscard]] CoroAwaiter {
public:
    explicit CoroAwaiter(std::coroutine_handle<Promise<T>> callee) noexcept : callee_(callee) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        callee_.promise().completion.then_resume(caller);
        return transfer(callee_);
    }
    T await_resume() { return unwrap<T>(callee_.promise().completion.take()); }

private:
    std::coroutine_handle<Promise<T>> callee_;
};

/// How compiled parts of the library give a Coro to its headers: GCC and clang pass a Coro differently.
template <class T>
using CoroFrame = std::coroutine_handle<Promise<T>>;

/// The library's way into a Coro.
struct CoroAccess {
    template <class T>
    static std::coroutine_handle<Promise<T>> frame(const Coro<T>& coro) noexcept {
        return coro.frame_;
    }
    /// The frame, which must not have been started or given away.
    template <class T>
    static std::coroutine_handle<Promise<T>> startable(const Coro<T>& coro) {
        if (!coro.frame_ || coro.frame_.promise().completion.bound()) {
            throw_coro_reused();
        }
        return coro.frame_;
    }
    /// The frame, or null; the caller owns it from now on.
    template <class T>
    static std::coroutine_handle<Promise<T>> release(Coro<T>& coro) noexcept {
        return std::exchange(coro.frame_, nullptr);
    }
    /// The same as startable(); the caller owns it from now on.
    template <class T>
    static std::coroutine_handle<Promise<T>> take(Coro<T>& coro) {
        const auto frame = startable(coro);
        coro.frame_ = nullptr;
        return frame;
    }
};

}  // namespace detail

template <class T>
detail::CoroAwaiter<T> Coro<T>::operator co_await() {
    return detail::CoroAwaiter<T>(detail::CoroAccess::startable(*this));
}

}  // namespace heddle
