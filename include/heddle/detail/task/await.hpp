#pragma once

#include <heddle/coro.hpp>

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

// "Any awaitable may stand for the Coro": what an awaitable is, what it gives, and how it becomes a Coro.

namespace heddle::detail {

template <class A>
concept Awaiter = requires(A& a, std::coroutine_handle<> h) {
    a.await_ready();
    a.await_suspend(h);
    a.await_resume();
};
template <class A>
concept HasMemberAwait = requires(A&& a) { std::forward<A>(a).operator co_await(); };
template <class A>
concept HasFreeAwait = requires(A&& a) { operator co_await(std::forward<A>(a)); };

template <class A>
concept Awaitable = Awaiter<std::remove_reference_t<A>> || HasMemberAwait<A> || HasFreeAwait<A>;

template <class A>
struct AwaitResult;
template <HasMemberAwait A>
struct AwaitResult<A> {
    using type = decltype(std::declval<A>().operator co_await().await_resume());
};
template <class A>
    requires(!HasMemberAwait<A> && HasFreeAwait<A>)
struct AwaitResult<A> {
    using type = decltype(operator co_await(std::declval<A>()).await_resume());
};
template <class A>
    requires(!HasMemberAwait<A> && !HasFreeAwait<A> && Awaiter<std::remove_reference_t<A>>)
struct AwaitResult<A> {
    using type = decltype(std::declval<A>().await_resume());
};
/// What `co_await std::declval<A>()` gives.
template <Awaitable A>
using await_result_t = typename AwaitResult<A>::type;

template <class T>
inline constexpr bool is_coro = false;
template <class T>
inline constexpr bool is_coro<Coro<T>> = true;

template <class A>
Coro<await_result_t<A>> wrap_awaitable(A awaitable) {
    using Result [[maybe_unused]] = await_result_t<A>;
    co_return co_await std::move(awaitable);
}

template <class T>
Coro<T> as_coro(Coro<T> coro) noexcept {
    return coro;
}
/// The awaitable is moved into the frame of a small coroutine.
template <Awaitable A>
    requires(!is_coro<std::remove_cvref_t<A>>)
auto as_coro(A&& awaitable) {
    return wrap_awaitable<std::remove_cvref_t<A>>(std::forward<A>(awaitable));
}

}  // namespace heddle::detail
