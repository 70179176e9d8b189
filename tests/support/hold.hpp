#pragma once

#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

// Tasks that take a Lock or a permit of a semaphore: the pieces from which most of their tests are made.

namespace heddle::test {

/// Takes it, writes `id` into `log` while it holds it, gives it back.
template <class Primitive>
Coro<void> note(Primitive& primitive, std::vector<int>& log, int id) {
    const auto held = co_await primitive.scoped();
    log.push_back(id);
}

/// Takes it, counts itself, keeps it until `go` is set.
template <class Primitive>
Coro<void> hold(Primitive& primitive, std::atomic<int>& grants, Event& go) {
    const auto held = co_await primitive.scoped();
    ++grants;
    co_await go.wait();
}

/// How a task ended that was cancelled while it was being granted something.
enum class LateCancel : char {
    none,     ///< the cancellation was not seen at all
    at_wait,  ///< the wait was cancelled and what had been granted was passed on
    after,    ///< the wait succeeded; the cancellation came at the next suspension, with the grant held
};

/// Takes it, then suspends once more while it holds it.
template <class Primitive>
Coro<LateCancel> take_and_yield(Primitive& primitive, std::atomic<int>& grants) {
    bool entered = false;
    try {
        const auto held = co_await primitive.scoped();
        entered = true;
        ++grants;
        co_await yield();
    } catch (const CancelledError&) {
        co_return entered ? LateCancel::after : LateCancel::at_wait;
    }
    co_return LateCancel::none;
}

/// Either the wait was cancelled or what came after it: with one worker, where the task cannot have run since
/// it was granted, it must be the wait.
inline void expect_late_cancel(const Task<LateCancel>& task, bool accepted, bool entered, bool one_worker) {
    // A request that comes after the last suspension shows in how the task ended or in its count.
    const bool at_the_end = task.cancelled() || (task.result() == LateCancel::none && task.cancelling() > 0);
    const LateCancel how = at_the_end ? LateCancel::after : task.result();
    EXPECT_EQ(entered, how != LateCancel::at_wait);
    EXPECT_EQ(accepted, how != LateCancel::none);
    if (one_worker) {
        EXPECT_EQ(how, LateCancel::at_wait);
    }
}

}  // namespace heddle::test
