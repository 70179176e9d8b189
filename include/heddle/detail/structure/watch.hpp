#pragma once

#include <heddle/detail/structure/scope.hpp>

#include <coroutine>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace heddle::detail {

/// Runs helper coroutines of one operation as children of the running task and joins them; any of them may
/// end the others with stop(). Awaited once; gives false if the task was asked to stop meanwhile (the helpers
/// have been cancelled and have ended all the same).
class Watch : Immovable {
public:
    void reserve(std::size_t n) { coros_.reserve(n); }
    void add(Coro<void> helper) { coros_.push_back(std::move(helper)); }
    /// From a helper: cancels the other helpers; unless the task was asked to stop, for then they have been
    /// cancelled, and a second request would only hit them while they clean up.
    void stop() noexcept {
        if (!scope_->was_cancelled()) {
            scope_->cancel_children();
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return coros_.empty(); }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
        children_ = std::make_unique<ForkChild[]>(coros_.size());
        scope_ = std::make_unique<TolerantScope>(std::span(children_.get(), coros_.size()));
        for (std::size_t i = 0; i < coros_.size(); ++i) {
            bind_child(*scope_, children_[i], coros_[i]);
        }
        return transfer(scope_->start(parent));
    }
    bool await_resume() { return scope_ == nullptr || !scope_->was_cancelled(); }
    /// After false: throws CancelledError with its message.
    [[noreturn]] void raise_cancelled() { throw_cancelled(scope_->parent_waiter()); }

private:
    std::vector<Coro<void>> coros_;
    std::unique_ptr<ForkChild[]> children_;  // NOLINT(modernize-avoid-c-arrays): ForkChild cannot move
    std::unique_ptr<TolerantScope> scope_;
};

}  // namespace heddle::detail
