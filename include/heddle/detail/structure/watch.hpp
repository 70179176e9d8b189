#pragma once

#include <heddle/detail/structure/many_children.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <utility>

namespace heddle::detail {

/// A scope whose children end the others when they fail; to be cancelled is no failure.
class WatchScope : public ForkScope {
public:
    explicit WatchScope(std::span<ForkChild> all) noexcept : ForkScope(all, &WatchScope::helper_ended) {}
    /// Throws what the first helper that failed ended with.
    void rethrow_failure() const {
        if (first_failed_ != nullptr) {
            std::rethrow_exception(completion_of<void>(*first_failed_).error());
        }
    }

private:
    static void helper_ended(ForkScope& scope, ForkChild& child) noexcept {
        if (!child.never_ran() && completion_of<void>(child).kind() == Outcome::error &&
            scope.first_to_fail()) {
            static_cast<WatchScope&>(scope).first_failed_ = &child;
            if (!scope.was_cancelled()) {
                scope.cancel_children();
            }
        }
    }

    const ForkChild* first_failed_ = nullptr;  // written before that child joins
};

/// Runs helper coroutines of one operation as children of the running task and joins them; any of them may
/// end the others with stop(). Awaited once; gives false if the task was asked to stop meanwhile (the helpers
/// have been cancelled and have ended all the same).
class Watch : Immovable {
public:
    void reserve(std::size_t helpers) { children_.reserve(helpers); }
    void add(Coro<void> helper) { children_.push_back(std::move(helper)); }
    /// One that starts even if it was cancelled before, to pass that on to a Task. After reserve() for all.
    void add_for_task(Coro<void> helper) {
        // relaxed: not shared yet
        children_.push_back(std::move(helper)).control.store(ForkChild::starts_anyway_bit, relaxed);
    }
    /// From a helper: cancels the other helpers; unless the task was asked to stop, for then they have been
    /// cancelled, and a second request would only hit them while they clean up.
    void stop() noexcept {
        if (!scope_->was_cancelled()) {
            scope_->cancel_children();
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return children_.empty(); }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
        scope_ = std::make_unique<WatchScope>(children_.all());
        children_.bind(*scope_);
        return transfer(scope_->start(parent));
    }
    bool await_resume() { return scope_ == nullptr || scope_->finish() || !scope_->was_cancelled(); }
    /// Throws what a helper failed with, if one did (out of memory).
    void rethrow_failure() const {
        if (scope_ != nullptr) {
            scope_->rethrow_failure();
        }
    }
    /// After false: throws CancelledError with its message.
    [[noreturn]] void raise_cancelled() { throw_cancelled(scope_->parent_waiter()); }

private:
    ManyChildren<void> children_;
    std::unique_ptr<WatchScope> scope_;
};

}  // namespace heddle::detail
