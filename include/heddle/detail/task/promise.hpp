#pragma once

#include <heddle/detail/task/fork.hpp>
#include <heddle/detail/task/frame_pool.hpp>
#include <heddle/detail/task/worker_context.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace heddle::detail {

/// True inside a catch handler if what was caught is a CancelledError.
[[nodiscard]] bool caught_cancelled() noexcept;

/// What a coroutine ended with, held in its promise until whoever awaits it takes it.
template <class T>
class Completion {
public:
    Completion() noexcept {}
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;
    ~Completion() {
        if (kind_ == Outcome::value) {
            std::destroy_at(&value_);
        } else if (kind_ != Outcome::none) {
            std::destroy_at(&error_);
        }
    }
    template <class U>
    void set_value(U&& value) {
        ::new (static_cast<void*>(std::addressof(value_))) T(std::forward<U>(value));
        kind_ = Outcome::value;
    }
    void set_error(std::exception_ptr error, bool cancelled) noexcept {
        ::new (static_cast<void*>(std::addressof(error_))) std::exception_ptr(std::move(error));
        kind_ = cancelled ? Outcome::cancelled : Outcome::error;
    }
    [[nodiscard]] Outcome kind() const noexcept { return kind_; }
    [[nodiscard]] T& value() noexcept { return value_; }
    [[nodiscard]] std::exception_ptr& error() noexcept { return error_; }
    /// The value, or throws the error.
    T take() {
        if (kind_ != Outcome::value) [[unlikely]] {
            std::rethrow_exception(error_);
        }
        return std::move(value_);
    }

private:
    union {
        T value_;
        std::exception_ptr error_;
    };
    Outcome kind_ = Outcome::none;
};

struct Void {};

/// How values are kept: references as pointers, void as nothing.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Void,
                                  std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, T>>;

template <class T>
// NOLINTNEXTLINE(cppcoreguidelines-rvalue-reference-param-not-moved): nothing to move in a reference or void
T unwrap(Stored<T>&& stored) {
    if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(*stored);
    } else if constexpr (!std::is_void_v<T>) {
        return std::move(stored);
    }
}

/// Moves what a root coroutine ended with into its control block, frees the frame and completes the task: run
/// by the worker's loop, not by the coroutine's own final suspension.
template <class Promise>
void move_result(TaskControl& control, std::coroutine_handle<Promise> handle) noexcept {
    auto& completion = handle.promise().completion;
    if (completion.kind() == Outcome::value) {
        try {
            store_value(control, std::move(completion.value()));
        } catch (...) {
            store_exception(control, Outcome::error, std::current_exception());
        }
    } else {
        store_exception(control, completion.kind(), std::move(completion.error()));
    }
    handle.destroy();
}

template <class Promise>
void finish_root(TaskControl& control, void* frame) noexcept {
    move_result(control, std::coroutine_handle<Promise>::from_address(frame));
    complete_control(control);
}

/// link = frame to continue | ForkChild* + 1 | 2 (root of a task)
struct FinalAwaiter {
    static constexpr std::uintptr_t fork_tag = 1;
    static constexpr std::uintptr_t root_tag = 2;
    static constexpr std::uintptr_t tags = 3;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
        Promise& promise = self.promise();
        const std::uintptr_t link = promise.link;
        if ((link & tags) == 0) [[likely]] {
            return transfer(std::coroutine_handle<>::from_address(reinterpret_cast<void*>(link)));
        }
        if ((link & fork_tag) != 0) {
            auto& child = *reinterpret_cast<ForkChild*>(link & ~tags);
            return transfer(fork_finished(child, promise.completion.kind() != Outcome::value));
        }
        WorkerContext& worker = *this_worker;
        worker.finish = &finish_root<Promise>;
        worker.finished_frame = self.address();
        return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
};

template <class T>
class PromiseBase {
public:
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void operator delete(void* p, std::size_t size) noexcept { frame_pool::deallocate(p, size); }

    std::suspend_always initial_suspend() noexcept { return {}; }
    FinalAwaiter final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept {
        completion.set_error(std::current_exception(), caught_cancelled());
    }

    std::uintptr_t link = 0;
    Completion<Stored<T>> completion;
};

template <class T>
class Promise : public PromiseBase<T> {
public:
    std::coroutine_handle<Promise> get_return_object() noexcept {
        return std::coroutine_handle<Promise>::from_promise(*this);
    }
    template <class U = T>
        requires std::is_constructible_v<Stored<T>, U&&> || std::is_reference_v<T>
    void return_value(U&& value) {
        if constexpr (std::is_reference_v<T>) {
            this->completion.set_value(std::addressof(value));
        } else {
            this->completion.set_value(std::forward<U>(value));
        }
    }
};

template <>
class Promise<void> : public PromiseBase<void> {
public:
    std::coroutine_handle<Promise> get_return_object() noexcept {
        return std::coroutine_handle<Promise>::from_promise(*this);
    }
    void return_void() noexcept { completion.set_value(Void{}); }
};

}  // namespace heddle::detail
