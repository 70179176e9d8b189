#pragma once

#include <heddle/coro.hpp>
#include <heddle/lock.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace heddle {

/// A coroutine function each call of which runs with a lock held: what with_lock() gives.
template <class Fn>
class LockedFunction {
public:
    /// As with_lock().
    LockedFunction(Lock& lock, Fn fn) : lock_(&lock), fn_(std::move(fn)) {}

    /// Takes the lock, runs the function with these arguments, releases the lock when it has ended in
    /// whatever way. If cancelled while it waits for the lock: the function is not called.
    template <class... Args>
    auto operator()(Args... args) const -> std::invoke_result_t<const Fn&, Args...> {
        return call(*lock_, fn_, std::move(args)...);
    }

private:
    // A static function: its frame owns the callable and the arguments, whatever becomes of *this.
    template <class... Args>
    static auto call(Lock& lock, Fn fn, Args... args) -> std::invoke_result_t<const Fn&, Args...> {
        auto held = co_await lock.scoped();
        co_return co_await std::invoke(std::as_const(fn), std::move(args)...);
    }

    Lock* lock_;
    Fn fn_;
};

/// The decorator pattern: `auto safe = with_lock(lock, fn);` and `co_await safe(x);` runs `fn(x)` with `lock`
/// held. The lock must outlive the calls. `fn` is copied into each call.
template <class Fn>
LockedFunction<std::decay_t<Fn>> with_lock(Lock& lock, Fn&& fn) {
    return {lock, std::forward<Fn>(fn)};
}

}  // namespace heddle
