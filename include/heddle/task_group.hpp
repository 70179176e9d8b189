#pragma once

#include <heddle/detail/structure/group.hpp>
#include <heddle/task.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace heddle {

/// The children of a task_group() scope.
///
/// create_task may be called from any thread, as long as the scope is open: by the body, by children, by
/// children of children.
class TaskGroup {
public:
    explicit TaskGroup(detail::GroupState& state) noexcept : state_(state) {}
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    TaskGroup(TaskGroup&&) = delete;
    TaskGroup& operator=(TaskGroup&&) = delete;
    ~TaskGroup() = default;

    /// Starts a child; its handle is not needed to wait for it. Throws std::runtime_error when the group is
    /// shutting down or finished; the coroutine is then destroyed.
    template <class T>
    Task<T> create_task(Coro<T> coro) {
        return state_.spawn(std::move(coro));
    }
    /// The same, with a name.
    template <class T>
    Task<T> create_task(Coro<T> coro, TaskOptions options) {
        return state_.spawn(std::move(coro), &options.name);
    }
    /// The same for anything that can be awaited.
    template <detail::Awaitable A>
        requires(!detail::is_coro<std::remove_cvref_t<A>>)
    auto create_task(A&& awaitable) {
        return create_task(detail::as_coro(std::forward<A>(awaitable)));
    }
    /// The same, with a name.
    template <detail::Awaitable A>
        requires(!detail::is_coro<std::remove_cvref_t<A>>)
    auto create_task(A&& awaitable, TaskOptions options) {
        return create_task(detail::as_coro(std::forward<A>(awaitable)), std::move(options));
    }

private:
    detail::GroupState& state_;
};

namespace detail {
template <class Body, class... Args>
using BodyResult = await_result_t<std::invoke_result_t<Body&, Args...>>;
}

/// `async with TaskGroup() as tg`: runs `body(tg)` in the current task and then waits for all children; gives
/// the body's result.
///
/// If a child fails, the others and the body are cancelled, all are awaited, and an ExceptionGroup with the
/// errors is thrown; a cancelled child is no failure. If the current task is cancelled, the children are
/// cancelled and awaited, then CancelledError is thrown. The closure is kept alive until the scope ends, so a
/// capturing coroutine lambda is safe here; do not store such a coroutine for later.
/// Cost: O(1) per child.
template <class Body>
auto task_group(Body body) -> Coro<detail::BodyResult<Body, TaskGroup&>> {
    using T = detail::BodyResult<Body, TaskGroup&>;
    detail::GroupState state;
    TaskGroup group(state);
    std::optional<detail::Stored<T>> result;
    std::exception_ptr error;
    bool cancelled = false;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await body(group);
            result.emplace();
        } else if constexpr (std::is_reference_v<T>) {
            T value = co_await body(group);
            result.emplace(std::addressof(value));
        } else {
            result.emplace(co_await body(group));
        }
    } catch (...) {
        error = std::current_exception();
        cancelled = detail::caught_cancelled();
    }
    state.body_ended(std::move(error), cancelled);
    for (bool again = true; again;) {
        again = co_await state.wait_children();
    }
    state.raise();
    co_return detail::unwrap<T>(std::move(*result));
}

}  // namespace heddle
