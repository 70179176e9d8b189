#pragma once

#include <heddle/lock.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace heddle {

namespace detail {

/// Takes several locks one after the other, in the order of their addresses.
class LockAllWait : public WakeHook {
public:
    /// `locks` is sorted here. Throws std::invalid_argument if one is named twice.
    explicit LockAllWait(std::span<Lock*> locks);

    /// True: all are held. Never waits.
    [[nodiscard]] bool try_take_rest() noexcept;
    std::coroutine_handle<> suspend(std::coroutine_handle<> frame);
    void finish();

private:
    [[nodiscard]] bool take_rest() noexcept;
    [[nodiscard]] bool sleep();
    static std::coroutine_handle<> woken(WakeHook& hook) noexcept;

    std::span<Lock*> locks_;
    std::size_t held_ = 0;
    std::coroutine_handle<> frame_;
    Suspension suspension_;
    WaitPlace place_;
    bool cancelled_ = false;
    std::exception_ptr error_;  // of a wait that could not begin
};

}  // namespace detail

/// Holds several locks until the end of its scope: what `co_await lock_all(…)` gives. Movable.
template <std::size_t N>
class [[nodiscard("releases at once unless it is kept in a variable")]] LockAllGuard {
public:
    LockAllGuard() noexcept = default;
    explicit LockAllGuard(const std::array<Lock*, N>& held) noexcept : locks_(held), owns_(true) {}
    LockAllGuard(LockAllGuard&& other) noexcept
        : locks_(other.locks_), owns_(std::exchange(other.owns_, false)) {}
    // NOLINTNEXTLINE(performance-noexcept-move-constructor): release() throws if somebody else has released
    LockAllGuard& operator=(LockAllGuard&& other) {
        if (this != &other) {
            release();
            locks_ = other.locks_;
            owns_ = std::exchange(other.owns_, false);
        }
        return *this;
    }
    LockAllGuard(const LockAllGuard&) = delete;
    LockAllGuard& operator=(const LockAllGuard&) = delete;
    ~LockAllGuard() { release(); }

    /// Releases all now, the last taken first; a second call does nothing.
    void release() {
        if (std::exchange(owns_, false)) {
            for (std::size_t i = N; i-- > 0;) {
                locks_[i]->release();
            }
        }
    }
    /// False after release(), or once moved from.
    [[nodiscard]] bool owns() const noexcept { return owns_; }
    /// owns().
    explicit operator bool() const noexcept { return owns_; }

private:
    std::array<Lock*, N> locks_{};
    bool owns_ = false;
};

namespace detail {

template <std::size_t N>
class [[nodiscard("does nothing until it is co_awaited")]] LockAllAwaiter {
public:
    explicit LockAllAwaiter(const std::array<Lock*, N>& locks) : locks_(locks), wait_(locks_) {}
    LockAllAwaiter(const LockAllAwaiter&) = delete;
    LockAllAwaiter& operator=(const LockAllAwaiter&) = delete;
    LockAllAwaiter(LockAllAwaiter&&) = delete;
    LockAllAwaiter& operator=(LockAllAwaiter&&) = delete;
    ~LockAllAwaiter() = default;

    bool await_ready() noexcept { return wait_.try_take_rest(); }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return wait_.suspend(frame);
    }
    LockAllGuard<N> await_resume() {
        wait_.finish();
        return LockAllGuard<N>(locks_);
    }

private:
    std::array<Lock*, N> locks_;
    LockAllWait wait_;
};

/// What lock_all() returns: may be passed on before it is awaited.
template <std::size_t N>
class [[nodiscard("does nothing until it is co_awaited")]] LockAll {
public:
    explicit LockAll(const std::array<Lock*, N>& locks) noexcept : locks_(locks) {}
    LockAllAwaiter<N> operator co_await() const { return LockAllAwaiter<N>(locks_); }

private:
    std::array<Lock*, N> locks_;
};

}  // namespace detail

/// Takes all the locks and gives one guard over them. They are taken in one global order, whatever order the
/// caller names them in, so that tasks which use lock_all cannot deadlock each other. If cancelled: those
/// taken so far are released. Throws std::invalid_argument if a lock is named twice.
template <class... Locks>
    requires(sizeof...(Locks) > 0 && (std::is_same_v<Locks, Lock> && ...))
detail::LockAll<sizeof...(Locks)> lock_all(Locks&... locks) noexcept {
    return detail::LockAll<sizeof...(Locks)>({&locks...});
}

}  // namespace heddle
