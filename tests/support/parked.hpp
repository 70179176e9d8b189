#pragma once

#include <heddle/condition.hpp>
#include <heddle/coro.hpp>
#include <heddle/detail/task/join.hpp>
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/task.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

// Waiting until something is parked, where an asyncio test would say sleep(0).
//
// A task that is_parked() has a place in a queue, so the order in which tasks are seen parked is the order in
// which they are served. until_waiters() only knows that n waiters are counted: their order is not settled
// yet.

namespace heddle::test {

/// Waits until `reached()`, letting other tasks run in between. Name a predicate with captures first:
/// GCC 12 destroys a closure twice that is written inside a co_await expression.
template <class Pred>
Coro<void> until(Pred reached) {
    static_assert(std::is_trivially_destructible_v<Pred>, "capture by reference");
    bool ok = reached();
    while (!ok) {
        co_await yield();
        ok = reached();
    }
}
/// The same on a plain thread.
template <class Pred>
void until_blocking(Pred reached) {
    while (!reached()) {
        std::this_thread::yield();
    }
}

/// Whether each of `tasks` is suspended in some wait. Throws if one has ended, which it never will be then.
template <class... Ts>
bool all_parked(const Task<Ts>&... tasks) {
    if ((tasks.done() || ...)) {
        throw std::logic_error("a task that should park has ended");
    }
    return (detail::is_parked(tasks) && ...);
}
/// Waits until each of `tasks` is suspended in some wait.
template <class... Ts>
Coro<void> until_parked(Task<Ts>... tasks) {
    bool parked = all_parked(tasks...);
    while (!parked) {
        co_await yield();
        parked = all_parked(tasks...);
    }
}
template <class... Ts>
void until_parked_blocking(const Task<Ts>&... tasks) {
    until_blocking([&] { return all_parked(tasks...); });
}

/// Waits until each of `tasks` has ended. To be cancelled is an end like any other; an error is thrown on.
template <class... Ts>
Coro<void> settle(Task<Ts>... tasks) {
    const std::array<Task<void>, sizeof...(Ts)> all{Task<void>(tasks)...};
    for (const Task<void>& task : all) {
        try {
            co_await task;
        } catch (const CancelledError&) {
            continue;
        }
    }
}
/// The same for any number of them.
template <class T>
Coro<void> settle_all(const std::vector<Task<T>>& tasks) {
    for (const Task<T>& task : tasks) {
        co_await settle(task);
    }
}

/// How many wait for a primitive now.
template <class Primitive>
std::size_t waiters(const Primitive& primitive) {
    return detail::Inspect::waiters(primitive);
}
inline std::size_t waiters(const Event& event) { return detail::Inspect::parked(event); }
inline std::size_t waiters(const Condition& condition) { return detail::Inspect::parked(condition); }

/// Waits until exactly `n` wait for `primitive`.
template <class Primitive>
Coro<void> until_waiters(const Primitive& primitive, std::size_t n) {
    std::size_t now = waiters(primitive);
    while (now != n) {
        co_await yield();
        now = waiters(primitive);
    }
}
template <class Primitive>
void until_waiters_blocking(const Primitive& primitive, std::size_t n) {
    until_blocking([&] { return waiters(primitive) == n; });
}

/// A plain thread of which one can see that it sleeps inside a _blocking call. Joined by its destructor.
class BlockingThread {
public:
    template <class Fn>
    explicit BlockingThread(Fn fn)
        : thread_([this, fn = std::move(fn)]() mutable {
              waiter_.store(&detail::blocking_waiter("test"));
              fn();
              waiter_.store(nullptr);
              ended_.store(true);
          }) {}
    BlockingThread(const BlockingThread&) = delete;
    BlockingThread& operator=(const BlockingThread&) = delete;
    BlockingThread(BlockingThread&&) = delete;
    BlockingThread& operator=(BlockingThread&&) = delete;
    ~BlockingThread() { join(); }

    [[nodiscard]] bool parked() const {
        const detail::Waiter* waiter = waiter_.load();
        return waiter != nullptr &&
               detail::word::phase(waiter->word.load(detail::acquire)) == detail::word::suspended;
    }
    [[nodiscard]] bool ended() const { return ended_.load(); }
    void join() {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

private:
    std::atomic<const detail::Waiter*> waiter_{nullptr};
    std::atomic<bool> ended_{false};
    std::thread thread_;  // last: starts when the rest is there
};

}  // namespace heddle::test
