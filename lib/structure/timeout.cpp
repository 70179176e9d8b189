#include <heddle/detail/structure/timeout_scope.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/error.hpp>

#include <stdexcept>

// [scope] every change of a scope timer's state is an RMW: the timer that fires and the task that leaves
// settle there which of them came first.

namespace heddle::detail {

namespace {

/// Requests recorded so far, without one that has not been delivered: that one is foreign to a new scope.
int delivered_requests(const TaskControl& task) noexcept {
    const std::uint64_t w = task.word.load(acquire);  // acquire [grant]
    return static_cast<int>(word::count(w)) - ((w & word::pending) != 0 ? 1 : 0);
}

}  // namespace

TimeoutScope::TimeoutScope(std::int64_t when)
    : task_(control_of(this_worker->current)), when_(when), requests_before_(delivered_requests(task_)) {
    open(make_timer(when));
}

TimeoutScope::~TimeoutScope() {
    if (!left_) {
        close_timer();
    }
}

/// A timer that nobody looks at yet; on no wheel if it is due already. Throws std::bad_alloc.
ScopeTimer* TimeoutScope::make_timer(std::int64_t when) {
    static_cast<void>(extras_of(task_));  // open() needs them
    const bool due = when != never && when <= now_ns();
    return arm_scope_timer(task_, due ? never : when);
}

void TimeoutScope::open(ScopeTimer* timer) noexcept {
    TaskExtras& extras = extras_of(task_);
    timer_ = timer;
    timer_->outer = extras.scopes;
    extras.scopes = timer_;
    if (when_ != never && timer_->wheel == nullptr) {
        // Expired before it began: the first suspension is interrupted, also a mere yield.
        timer_->scope.store(ScopeTimer::expiring, release);  // release [scope]
        task_.word.fetch_or(word::check, acq_rel);           // acq_rel [grant]
    }
}

std::uint32_t TimeoutScope::close_timer() noexcept {
    TaskExtras& extras = extras_of(task_);
    ScopeTimer** link = &extras.scopes;
    while (*link != timer_) {
        link = &(*link)->outer;
    }
    *link = timer_->outer;
    const std::uint32_t state = timer_->scope.exchange(ScopeTimer::exited, acq_rel);  // acq_rel [scope]
    disarm_scope_timer(timer_);
    timer_ = nullptr;
    return state;
}

bool TimeoutScope::expired() const noexcept {
    return left_ ? expired_ : timer_->scope.load(acquire) != ScopeTimer::entered;  // acquire [scope]
}

void TimeoutScope::reschedule(std::int64_t when) {
    if (left_) {
        throw std::runtime_error(expired_ ? "Cannot change state of expired Timeout"
                                          : "Cannot change state of finished Timeout");
    }
    ScopeTimer* fresh = make_timer(when);
    std::uint32_t expected = ScopeTimer::entered;
    // acq_rel [scope]: from here on the old timer does nothing
    if (!timer_->scope.compare_exchange_strong(expected, ScopeTimer::exited, acq_rel, acquire)) {
        fresh->scope.exchange(ScopeTimer::exited, acq_rel);  // acq_rel [scope]
        disarm_scope_timer(fresh);
        throw std::runtime_error("Cannot change state of expiring Timeout");
    }
    close_timer();
    when_ = when;
    open(fresh);
}

void TimeoutScope::leave(const std::exception_ptr& error, bool cancelled) {
    const std::uint32_t state = close_timer();
    left_ = true;
    expired_ = state != ScopeTimer::entered;
    const int requests = state == ScopeTimer::delivered ? uncancel_control(task_) : cancel_count(task_);
    if (cancelled && expired_ && requests <= requests_before_) {
        throw TimeoutError();
    }
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
}

}  // namespace heddle::detail
