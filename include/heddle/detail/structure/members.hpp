#pragma once

#include <heddle/detail/structure/scope.hpp>
#include <heddle/task.hpp>

#include <utility>
#include <vector>

// What may be given to gather and its kin: coroutines become children, tasks are waited for by a small child
// that does not cancel them unless the whole is cancelled.

namespace heddle::detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

/// Waits for a task on behalf of a scope: passes a cancellation on only if it came from outside the scope.
template <class T>
class MemberAwaiter : public JoinWait {
public:
    MemberAwaiter(ControlRef control, const ForkScope& scope) noexcept
        : JoinWait(*control, &scope), control_(std::move(control)) {}
    T await_resume() {
        finish();
        require_value(*control_);
        return TaskResult<T>::take(*control_);
    }

private:
    ControlRef control_;
};

template <class T>
Coro<T> await_member(Task<T> task, const ForkScope& scope) {
    ControlRef control = TaskAccess::ref(task);
    task = Task<T>();
    co_return co_await MemberAwaiter<T>(std::move(control), scope);
}

template <class T>
Task<T> as_member(Task<T> task) noexcept {
    return task;
}
template <class A>
    requires(!is_task<std::remove_cvref_t<A>>)
auto as_member(A&& awaitable) {
    return as_coro(std::forward<A>(awaitable));
}

template <class A>
auto as_members(std::vector<A> all) {
    if constexpr (is_task<A> || is_coro<A>) {
        return all;
    } else {
        std::vector<decltype(as_member(std::declval<A>()))> members;
        members.reserve(all.size());
        for (A& one : all) {
            members.push_back(as_member(std::move(one)));
        }
        return members;
    }
}

template <class T>
Coro<T> member_coro(Coro<T> coro, const ForkScope& scope) noexcept {
    static_cast<void>(scope);
    return coro;
}
template <class T>
Coro<T> member_coro(Task<T> task, const ForkScope& scope) {
    return await_member(std::move(task), scope);
}

}  // namespace heddle::detail
