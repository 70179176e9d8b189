#pragma once

// Errors of heddle, named as in asyncio. A wrong call throws at the call.

#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace heddle {

/// The current task was asked to stop. Not derived from std::exception: `catch (std::exception&)` does not
/// swallow it, as `except Exception` does not in Python.
class CancelledError final {
public:
    CancelledError() = default;
    /// With a reason, as Task::cancel(message) gives it.
    explicit CancelledError(std::string message) : message_(std::move(message)) {}
    /// What was given to cancel(); empty if nothing was.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
    std::string message_;
};

/// A deadline passed: timeout(), wait_for(), as_completed().
class TimeoutError : public std::runtime_error {
public:
    TimeoutError() : std::runtime_error("timed out") {}
    using std::runtime_error::runtime_error;
};

/// The operation does not fit the state of the task or future.
class InvalidStateError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The barrier was aborted or reset.
class BrokenBarrierError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// get_nowait() found no item.
class QueueEmpty : public std::runtime_error {
public:
    QueueEmpty() : std::runtime_error("queue is empty") {}
};

/// put_nowait() found no free slot.
class QueueFull : public std::runtime_error {
public:
    QueueFull() : std::runtime_error("queue is full") {}
};

/// The queue was shut down.
class QueueShutDown : public std::runtime_error {
public:
    QueueShutDown() : std::runtime_error("queue is shut down") {}
};

/// Several errors at once: what a TaskGroup raises when children failed.
class ExceptionGroup : public std::runtime_error {
public:
    /// `exceptions` are the errors that it stands for.
    ExceptionGroup(const std::string& message, std::vector<std::exception_ptr> exceptions);
    /// The text, without the count of sub-exceptions that what() adds.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// The errors; one may be a group itself.
    [[nodiscard]] std::span<const std::exception_ptr> exceptions() const noexcept { return exceptions_; }

private:
    std::string message_;
    std::vector<std::exception_ptr> exceptions_;
};

}  // namespace heddle
