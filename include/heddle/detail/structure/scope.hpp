#pragma once

#include <heddle/detail/task/await.hpp>
#include <heddle/detail/task/fork.hpp>

#include <variant>

namespace heddle::detail {

/// A scope whose first failure cancels the siblings; all are awaited either way.
struct FailFastScope : ForkScope {
    explicit FailFastScope(std::span<ForkChild> all) noexcept
        : ForkScope(all, &FailFastScope::child_failed) {}
    ForkChild* first_failed;  // once first_to_fail() has said so: written by that child, before it joins

private:
    static void child_failed(ForkScope& scope, ForkChild& child) noexcept {
        if (scope.first_to_fail()) {
            static_cast<FailFastScope&>(scope).first_failed = &child;
            if (!scope.was_cancelled()) {  // else they have been cancelled: once is enough
                scope.cancel_children();
            }
        }
    }
};

/// A scope whose children may fail as they like.
struct TolerantScope : ForkScope {
    explicit TolerantScope(std::span<ForkChild> all) noexcept
        : ForkScope(all, [](ForkScope&, ForkChild&) noexcept {}) {}
};

/// How the coroutine of a child ended, or is to go on when it ends.
template <class T>
[[nodiscard]] Completion<Stored<T>>& completion_of(const ForkChild& child) noexcept {
    return CoroFrame<T>::from_address(child.frame).promise().completion;
}

/// Makes the child, which has been given its frame, one of `scope`. Throws std::runtime_error if there was
/// none left to give, or its coroutine has been awaited before.
template <class T>
void bind_child(ForkScope& scope, ForkChild& child) {
    if (child.frame == nullptr || completion_of<T>(child).bound()) [[unlikely]] {
        throw_coro_reused();
    }
    child.scope = &scope;
    completion_of<T>(child).then_join(child);
}

/// The frame of a child that has one goes.
inline void destroy_frame(ForkChild& child) noexcept { child.code().destroy(); }

/// What a void result becomes where a value is needed.
template <class T>
using OrMonostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// Of a child that has ended with a value.
template <class T>
OrMonostate<T> take_completion(const ForkChild& child) {
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        return unwrap<T>(std::move(completion_of<T>(child).value()));
    }
}

template <class T>
[[nodiscard]] std::exception_ptr completion_error(const ForkChild& child) {
    if (child.never_ran()) {
        return std::make_exception_ptr(CancelledError());
    }
    auto& completion = completion_of<T>(child);
    return completion.kind() == Outcome::value ? nullptr : completion.error();
}

}  // namespace heddle::detail
