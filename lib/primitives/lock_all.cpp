#include <heddle/lock_all.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <limits>
#include <stdexcept>

namespace heddle::detail {

LockAllWait::LockAllWait(std::span<Lock*> locks) : WakeHook{&LockAllWait::woken}, locks_(locks) {
    std::ranges::sort(locks_, std::less<>());
    if (std::ranges::adjacent_find(locks_) != locks_.end()) {
        throw std::invalid_argument("lock_all: a lock is named twice");
    }
}

bool LockAllWait::try_take_rest() noexcept {
    while (held_ < locks_.size() && locks_[held_]->permits_.try_take()) {
        ++held_;
    }
    return held_ == locks_.size();
}

/// Stops at the first lock that is not free: this task is then counted among its waiters. True: there is
/// nothing to wait for.
bool LockAllWait::take_rest() noexcept {
    while (!try_take_rest()) {
        Permits& permits = locks_[held_]->permits_;
        try {
            permits.prepare();
        } catch (...) {
            error_ = std::current_exception();
            return true;
        }
        if (!permits.take()) {
            return false;
        }
        ++held_;
    }
    return true;
}

std::coroutine_handle<> LockAllWait::suspend(std::coroutine_handle<> frame) {
    frame_ = frame;
    try {
        suspension_.begin(*this);
    } catch (...) {
        // Outside of a task, or no memory: what has been taken is given back by finish().
        error_ = std::current_exception();
        return frame_;
    }
    return take_rest() || !sleep() ? frame_ : std::noop_coroutine();
}

/// Counted as a waiter of locks_[held_]. True: asleep, *this may be gone.
bool LockAllWait::sleep() {
    for (;;) {
        const WaitToken token = suspension_.again();
        Permits& permits = locks_[held_]->permits_;
        if (permits.enqueue(token, place_)) {
            if (suspension_.commit()) {
                return true;
            }
            if (suspension_.interrupted()) {
                cancelled_ = true;
                held_ += permits.abort(place_, suspension_.waiter()) ? 0U : 1U;
                return false;
            }
        }
        ++held_;
        if (take_rest()) {
            return false;
        }
    }
}

std::coroutine_handle<> LockAllWait::woken(WakeHook& hook) noexcept {
    auto& self = static_cast<LockAllWait&>(hook);
    if (self.suspension_.interrupted()) {
        self.cancelled_ = true;
        self.held_ +=
            self.locks_[self.held_]->permits_.abort(self.place_, self.suspension_.waiter()) ? 0U : 1U;
        return self.frame_;
    }
    ++self.held_;
    return self.take_rest() || !self.sleep() ? self.frame_ : std::noop_coroutine();
}

void LockAllWait::finish() {
    if (cancelled_ || error_ != nullptr) {
        while (held_ > 0) {
            locks_[--held_]->release();
        }
        if (error_ != nullptr) {
            std::rethrow_exception(error_);
        }
        throw_cancelled(suspension_.waiter());
    }
}

}  // namespace heddle::detail
