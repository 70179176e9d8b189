#pragma once

#include <heddle/coro.hpp>
#include <heddle/detail/task/join.hpp>

#include <coroutine>
#include <string>
#include <utility>

// A task that somebody keeps account of: the root coroutine of a TaskGroup's child. Its frame holds the node
// by which the observer knows it, and its end is told to the observer after the task is done.

namespace heddle::detail {

/// Position in an observer's list of children; under the observer's lock.
struct ChildNode {
    ChildNode* previous = this;
    ChildNode* next = this;
    TaskControl* control = nullptr;
};

class ChildObserver {
public:
    /// The result is stored, the frame still exists: forget the node.
    virtual void child_leaves(ChildNode& node) noexcept = 0;
    /// The task is done. The observer may be gone when this returns.
    virtual void child_ended(TaskControl& control) noexcept = 0;

protected:
    ~ChildObserver() = default;
};

/// In the first step of a child: throws if it was cancelled before.
void throw_if_cancelled_at_start();

template <class T>
class ObservedPromise;

template <class T>
struct ObservedChild {
    using promise_type = ObservedPromise<T>;
    std::coroutine_handle<promise_type> frame;
};

template <class Promise>
void finish_observed(TaskControl& control, void* frame) noexcept {
    auto handle = std::coroutine_handle<Promise>::from_address(frame);
    ChildObserver& observer = *handle.promise().observer;
    observer.child_leaves(handle.promise().node);
    move_result(control, handle);
    complete_control(control);
    observer.child_ended(control);
}

template <class T>
class ObservedPromise : public Promise<T> {
public:
    struct Start {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> frame) const noexcept { static_cast<void>(frame); }
        void await_resume() const { throw_if_cancelled_at_start(); }
    };
    struct End {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        HEDDLE_SUSPEND void await_suspend(std::coroutine_handle<ObservedPromise> self) noexcept {
            WorkerContext& worker = *this_worker;
            worker.finish = &finish_observed<ObservedPromise>;
            worker.finished_frame = self.address();
        }
        void await_resume() const noexcept {}
    };

    ObservedChild<T> get_return_object() noexcept {
        return {std::coroutine_handle<ObservedPromise>::from_promise(*this)};
    }
    Start initial_suspend() noexcept { return {}; }
    End final_suspend() noexcept { return {}; }

    ChildNode node;
    ChildObserver* observer = nullptr;
};

template <class T>
ObservedChild<T> observed_child(Coro<T> coro) {
    using Result [[maybe_unused]] = T;
    co_return co_await std::move(coro);
}

}  // namespace heddle::detail
