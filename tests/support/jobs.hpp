#pragma once

#include "support/ending.hpp"
#include "support/fixture.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/task.hpp>

#include <atomic>
#include <exception>
#include <string>
#include <vector>

namespace heddle::test {

using Ints = std::vector<Task<int>>;

/// The tasks as a vector. (GCC 12 has no braced lists inside a co_await expression.)
template <class... Tasks>
Ints ints(const Tasks&... tasks) {
    return {tasks...};
}

/// Base of suites about what waits for several jobs: jobs that end at once, later, badly, or never.
class WithJobs : public OverWorkers {
protected:
    Event never;

    static Coro<int> give(int value) {
        co_await yield();
        co_return value;
    }
    static Coro<int> give_after(Event& event, int value) {
        co_await event.wait();
        co_return value;
    }
    static Coro<int> fail(std::string text) {
        co_await yield();
        throw Boom(text);
    }
    static Coro<int> fail_after(Event& event, std::string text) {
        co_await event.wait();
        throw Boom(text);
    }
    Coro<int> sleeper() {
        co_await never.wait();
        co_return 0;
    }
    /// Takes some turns to clean up when it is cancelled, and counts that it has.
    Coro<int> sleeper(std::atomic<int>& cleaned_up) {
        std::exception_ptr error;
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            error = std::current_exception();
        }
        for (int i = 0; i < 5; ++i) {
            co_await yield();
        }
        ++cleaned_up;
        std::rethrow_exception(error);
    }
};

}  // namespace heddle::test
