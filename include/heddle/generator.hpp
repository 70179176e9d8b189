#pragma once

#include <heddle/coro.hpp>

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle {

namespace detail {

template <class T>
class GeneratorPromise;

/// Hands control back to whoever waits for the next value.
struct YieldToConsumer {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return transfer(self.promise().consumer);
    }
    void await_resume() const noexcept {}
};

template <class T>
class GeneratorPromise {
public:
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void operator delete(void* p, std::size_t size) noexcept { frame_pool::deallocate(p, size); }

    std::coroutine_handle<GeneratorPromise> get_return_object() noexcept {
        return std::coroutine_handle<GeneratorPromise>::from_promise(*this);
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    YieldToConsumer final_suspend() noexcept {
        finished = true;
        return {};
    }
    template <class U = T>
        requires std::is_constructible_v<Stored<T>, U&&> || std::is_reference_v<T>
    YieldToConsumer yield_value(U&& value) {
        if constexpr (std::is_reference_v<T>) {
            current.emplace(std::addressof(value));
        } else {
            current.emplace(std::forward<U>(value));
        }
        return {};
    }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { error = std::current_exception(); }

    std::coroutine_handle<> consumer;
    std::optional<Stored<T>> current;
    std::exception_ptr error;
    bool finished = false;
    Atomic<bool> running{false};  // somebody waits for the next value
};

[[noreturn]] void throw_generator_running();

template <class T>
class [[nodiscard("does nothing until it is co_awaited")]] NextAwaiter {
public:
    using Value = std::optional<
        std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>>;

    explicit NextAwaiter(std::coroutine_handle<GeneratorPromise<T>> frame) noexcept : frame_(frame) {}
    [[nodiscard]] bool await_ready() const {
        if (!frame_) {
            return true;
        }
        auto& running = frame_.promise().running;
        if (running.load(relaxed)) {  // relaxed: finds a mistake, orders nothing
            throw_generator_running();
        }
        if (frame_.promise().finished) {
            return true;
        }
        running.store(true, relaxed);  // relaxed: as above
        return false;
    }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> consumer) noexcept {
        frame_.promise().consumer = consumer;
        return transfer(frame_);
    }
    Value await_resume() {
        if (!frame_) {
            return std::nullopt;
        }
        auto& promise = frame_.promise();
        promise.running.store(false, relaxed);  // relaxed: as above
        if (promise.error != nullptr) {
            std::rethrow_exception(std::exchange(promise.error, nullptr));
        }
        if (promise.finished) {
            return std::nullopt;
        }
        Value value(unwrap<T>(std::move(*promise.current)));
        promise.current.reset();
        return value;
    }

private:
    std::coroutine_handle<GeneratorPromise<T>> frame_;
};

}  // namespace detail

/// `async def` with `yield`: a coroutine that gives values one by one and may wait in between. It runs in the
/// task that asks for the next value. Move-only; used by one task at a time: std::runtime_error from a next()
/// while another waits. Destroying it before its end destroys its frame at the last co_yield.
///
///     while (true) { auto x = co_await gen.next(); if (!x) break; use(*x); }
template <class T>
class [[nodiscard]] AsyncGenerator {
public:
    /// For the compiler.
    using promise_type = detail::GeneratorPromise<T>;

    AsyncGenerator() noexcept = default;
    // NOLINTNEXTLINE(google-explicit-constructor): what get_return_object() converts to
    AsyncGenerator(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    AsyncGenerator(AsyncGenerator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    AsyncGenerator& operator=(AsyncGenerator&& other) noexcept {
        if (this != &other) {
            reset();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    AsyncGenerator(const AsyncGenerator&) = delete;
    AsyncGenerator& operator=(const AsyncGenerator&) = delete;
    ~AsyncGenerator() { reset(); }

    /// The next value, or empty at the end; throws what the generator throws, after which it is at its end.
    /// If cancelled: the request is delivered at whatever the generator waits for.
    detail::NextAwaiter<T> next() noexcept { return detail::NextAwaiter<T>(frame_); }

private:
    void reset() noexcept {
        if (frame_) {
            std::exchange(frame_, nullptr).destroy();
        }
    }
    std::coroutine_handle<promise_type> frame_;
};

}  // namespace heddle
