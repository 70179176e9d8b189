#pragma once

#include <heddle/detail/structure/members.hpp>
#include <heddle/detail/sync/clock.hpp>
#include <heddle/detail/task/join.hpp>
#include <heddle/detail/task/timer.hpp>

#include <cstdint>
#include <exception>

namespace heddle::detail {

/// A deadline on what the running task does between construction and leave().
///
/// The timer only marks the scope; the task itself turns the mark into a cancel request of its own when it
/// next suspends (take_due_scopes), so that a late timer can never hit it outside the scope.
class TimeoutScope : Immovable {
public:
    explicit TimeoutScope(std::int64_t when);
    ~TimeoutScope();

    [[nodiscard]] std::int64_t when() const noexcept { return when_; }
    [[nodiscard]] bool expired() const noexcept;
    void reschedule(std::int64_t when);
    /// Ends the scope: throws TimeoutError if its own deadline is why the body ended cancelled, else `error`
    /// if there is one.
    void leave(const std::exception_ptr& error, bool cancelled);

private:
    [[nodiscard]] ScopeTimer* make_timer(std::int64_t when);
    void open(ScopeTimer* timer) noexcept;
    /// Takes the timer off; gives the state the scope had reached.
    std::uint32_t close_timer() noexcept;

    TaskControl& task_;
    std::int64_t when_;
    ScopeTimer* timer_ = nullptr;
    int requests_before_;
    bool expired_ = false;
    bool left_ = false;
};

/// Waits for the end of a task, whatever it is: gives nothing, throws only if the waiter is cancelled, which
/// leaves the task alone.
class JoinQuietly : public JoinWait {
public:
    explicit JoinQuietly(ControlRef control) noexcept
        : JoinWait(*control, OnCancel::leave), control_(std::move(control)) {}
    void await_resume() { finish(); }

private:
    ControlRef control_;
};

}  // namespace heddle::detail
