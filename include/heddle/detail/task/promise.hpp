#pragma once

#include <heddle/detail/task/fork.hpp>
#include <heddle/detail/task/frame_pool.hpp>
#include <heddle/detail/task/worker_context.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace heddle::detail {

/// True inside a catch handler if what was caught is a CancelledError.
[[nodiscard]] bool caught_cancelled() noexcept;

/// How a coroutine ended, held in its promise until whoever awaits it takes it, and what runs then. One word
/// says both, so that the frame of a small coroutine has 48 bytes:
/// { address of the frame or of the ForkChild, or `task`: 61 | Outcome:2 | it is a ForkChild:1 }
/// A frame that the compiler has put into that of its caller is aligned to eight, no more.
template <class T>
class Completion {
public:
    Completion() noexcept {}
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;
    ~Completion() { drop(); }

    /// What runs next: the frame that awaits this one, what the scope has next, or the worker's loop, which
    /// ends the task. One of them is said once, before the coroutine starts.
    void then_resume(std::coroutine_handle<> caller) noexcept {
        word_ = reinterpret_cast<std::uintptr_t>(caller.address());
    }
    void then_join(ForkChild& child) noexcept { word_ = reinterpret_cast<std::uintptr_t>(&child) | of_child; }
    void then_end_task() noexcept { word_ = task; }
    /// It has been said: the coroutine has been given away, and may have run.
    [[nodiscard]] bool bound() const noexcept { return word_ != 0; }

    [[nodiscard]] bool joins() const noexcept { return (word_ & of_child) != 0; }
    [[nodiscard]] ForkChild& child() const noexcept { return *static_cast<ForkChild*>(address()); }
    /// joins() and a value, in one comparison.
    [[nodiscard]] bool joins_with_value() const noexcept { return (word_ & low_bits) == with_value; }
    /// The child, if so: without a mask.
    [[nodiscard]] ForkChild& child_with_value() const noexcept {
        return *reinterpret_cast<ForkChild*>(word_ - with_value);
    }
    /// Unless it joins. Null: the task ends.
    [[nodiscard]] std::coroutine_handle<> caller() const noexcept {
        return std::coroutine_handle<>::from_address((word_ & ~kind_mask) != task ? address() : nullptr);
    }

    template <class U>
    void set_value(U&& value) {
        if constexpr (!std::is_trivially_destructible_v<T>) {
            drop();  // a second co_return: the destructor of a local has thrown after the first
        }
        ::new (static_cast<void*>(std::addressof(value_))) T(std::forward<U>(value));
        ends_with(Outcome::value);
    }
    void set_error(std::exception_ptr error, bool cancelled) noexcept {
        drop();  // the same
        ::new (static_cast<void*>(std::addressof(error_))) std::exception_ptr(std::move(error));
        ends_with(cancelled ? Outcome::cancelled : Outcome::error);
    }
    [[nodiscard]] Outcome kind() const noexcept {
        return static_cast<Outcome>((word_ & kind_mask) >> kind_shift);
    }
    [[nodiscard]] T& value() noexcept { return value_; }
    [[nodiscard]] std::exception_ptr& error() noexcept { return error_; }
    /// The value, or throws the error.
    T take() {
        if (kind() != Outcome::value) [[unlikely]] {
            std::rethrow_exception(error_);
        }
        return std::move(value_);
    }

private:
    static constexpr std::uintptr_t of_child = 1;
    static constexpr unsigned kind_shift = 1;
    static constexpr std::uintptr_t kind_mask = std::uintptr_t{3} << kind_shift;
    static constexpr std::uintptr_t task = 8;  // no address
    static_assert(alignof(ForkChild) >= task && sizeof(void*) >= task);

    static constexpr std::uintptr_t bits(Outcome kind) noexcept {
        return static_cast<std::uintptr_t>(kind) << kind_shift;
    }
    static constexpr std::uintptr_t low_bits = of_child | kind_mask;
    static constexpr std::uintptr_t with_value = of_child | bits(Outcome::value);
    [[nodiscard]] void* address() const noexcept { return reinterpret_cast<void*>(word_ & ~low_bits); }
    void ends_with(Outcome kind) noexcept {
        // It does not see how promises are made, nor that the asm changes it.
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult,misc-const-correctness)
        std::uintptr_t word = word_ | bits(kind);
        // Hides from the compiler that one byte changes: the load of all eight, which follows at once, would
        // wait until a store of one has left the store buffer.
        asm("" : "+r"(word));
        word_ = word;
    }
    void drop() noexcept {
        if (kind() == Outcome::value) {
            std::destroy_at(&value_);
        } else if (kind() != Outcome::none) {
            std::destroy_at(&error_);
        }
        word_ &= ~kind_mask;
    }

    std::uintptr_t word_ = 0;
    union {
        T value_;
        std::exception_ptr error_;
    };
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

struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
        auto& completion = self.promise().completion;
        if (completion.joins_with_value()) {
            return transfer(fork_finished(completion.child_with_value()));
        }
        if (completion.joins()) [[unlikely]] {
            return transfer(fork_finished_slowly(completion.child(), true));
        }
        if (const auto caller = completion.caller(); caller != nullptr) [[likely]] {
            return transfer(caller);
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
