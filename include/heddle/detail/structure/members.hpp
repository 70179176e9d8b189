#pragma once

#include <heddle/detail/structure/many_children.hpp>
#include <heddle/task.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <ranges>
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

/// The code of a child of `scope` that stands for a task; it passes a cancellation on even if it comes before
/// its first step, so the child is to be marked starts_anyway. Throws std::runtime_error without a task.
template <class T>
Coro<T> member_coro(Task<T> task, const ForkScope& scope) {
    if (!task) {
        throw_coro_reused();
    }
    return await_member(std::move(task), scope);
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

/// The elements: tasks as a vector, all others as children.
template <std::ranges::input_range R>
auto as_members(R&& range) {
    using Value = std::ranges::range_value_t<R>;
    using Member = decltype(as_member(std::declval<Value>()));
    using T = typename Member::value_type;
    std::conditional_t<is_task<Member>, std::vector<Task<T>>, ManyChildren<T>> all;
    if constexpr (std::ranges::sized_range<R>) {
        all.reserve(static_cast<std::size_t>(std::ranges::size(range)));
    }
    for (auto&& one : range) {
        if constexpr (std::is_lvalue_reference_v<R> || std::ranges::view<std::remove_cvref_t<R>>) {
            all.push_back(as_member(Value(std::forward<decltype(one)>(one))));
        } else {
            all.push_back(as_member(Value(std::move(one))));
        }
    }
    return all;
}

template <class T>
std::vector<Task<T>> as_members(std::vector<Task<T>>&& tasks) noexcept {
    return std::move(tasks);
}

/// A collection of tasks, all of one type.
template <class R>
concept RangeOfTasks = std::ranges::input_range<R> && is_task<std::ranges::range_value_t<R>>;

/// Copies of the handles; a task that comes several times counts once, where it came first. O(n log n).
template <RangeOfTasks R>
auto distinct_tasks(R&& range) {
    std::vector<std::ranges::range_value_t<R>> tasks;
    if constexpr (std::ranges::sized_range<R>) {
        tasks.reserve(std::ranges::size(range));
    }
    for (auto&& task : range) {
        tasks.push_back(task);
    }
    std::vector<std::size_t> order(tasks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    auto block = [&](std::size_t i) { return TaskAccess::ref(tasks[i]).get(); };
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        return block(a) != block(b) ? std::less<>()(block(a), block(b)) : a < b;
    });
    auto same = [&](std::size_t a, std::size_t b) { return block(a) == block(b); };
    order.erase(std::unique(order.begin(), order.end(), same), order.end());
    if (order.size() != tasks.size()) {
        std::ranges::sort(order);
        for (std::size_t i = 0; i < order.size(); ++i) {
            std::swap(tasks[i], tasks[order[i]]);
        }
        tasks.resize(order.size());
    }
    return tasks;
}

}  // namespace heddle::detail
