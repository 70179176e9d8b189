#pragma once

#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/task.hpp>

#include <concepts>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

// What something ended with, as a line of text that a test can compare.

namespace heddle::test {

/// The error that tests throw.
class Boom : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// "value" for null, "CancelledError" (": " and its text, if any), "TimeoutError", "group[...]" with what is
/// in it, else what().
inline std::string describe(const std::exception_ptr& error) {
    if (error == nullptr) {
        return "value";
    }
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError& cancelled) {
        return cancelled.message().empty() ? "CancelledError" : "CancelledError: " + cancelled.message();
    } catch (const TimeoutError&) {
        return "TimeoutError";
    } catch (const ExceptionGroup& group) {
        std::string text;
        for (const std::exception_ptr& inner : group.exceptions()) {
            text += (text.empty() ? "" : ", ") + describe(inner);
        }
        return "group[" + text + "]";
    } catch (const std::exception& other) {
        return other.what();
    } catch (...) {
        return "something else";
    }
}

/// Awaits in the caller's task and tells how it ended.
template <class A>
Coro<std::string> ending(A awaitable) {
    std::exception_ptr error;
    try {
        static_cast<void>(co_await std::move(awaitable));
    } catch (...) {
        error = std::current_exception();
    }
    co_return describe(error);
}

/// Calls `fn` and tells how that ended.
template <std::invocable Fn>
std::string ending_of(Fn&& fn) {
    std::exception_ptr error;
    try {
        static_cast<void>(std::forward<Fn>(fn)());
    } catch (...) {
        error = std::current_exception();
    }
    return describe(error);
}
/// What a task that is done ended with.
template <class T>
std::string ending_of(const Task<T>& task) {
    return ending_of([&] { static_cast<void>(task.result()); });
}

}  // namespace heddle::test
