#pragma once

#include <heddle/coro.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/wait/suspension.hpp>

#include <coroutine>
#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

// Waiting for the end of a task, and what Task<T> does to its control block.

namespace heddle {
template <class T>
class Future;
template <class T>
class Task;
}  // namespace heddle

namespace heddle::detail {

/// Waits until `target` is done. When the waiting task is asked to stop, the request is passed on to the
/// target and the wait goes on; only if the target is done already (or the wait is shielded) does the waiter
/// itself get CancelledError.
class JoinWait : public WakeHook {
public:
    enum class OnCancel : std::uint8_t {
        forward,   ///< the target is cancelled, and the wait goes on
        leave,     ///< the target is left alone
        if_scope,  ///< forward if the scope is cancelled as a whole, leave if only a sibling failed
    };

    JoinWait(TaskControl& target, OnCancel on_cancel) noexcept
        : WakeHook{&JoinWait::woken}, target_(&target), on_cancel_(on_cancel) {}
    JoinWait(TaskControl& target, const ForkScope* scope) noexcept
        : WakeHook{&JoinWait::woken}, target_(&target), scope_(scope), on_cancel_(OnCancel::if_scope) {}

    [[nodiscard]] bool await_ready() const noexcept { return target_->done() && !HEDDLE_FORCE_SUSPEND; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return suspend(frame);
    }
    /// Throws CancelledError if the wait was left, std::bad_alloc if there was no memory to go on waiting.
    void finish() {
        if (out_of_memory_) [[unlikely]] {
            throw std::bad_alloc();
        }
        if (left_) [[unlikely]] {
            throw_cancelled(suspension_.waiter());
        }
    }

protected:
    [[nodiscard]] TaskControl& target() const noexcept { return *target_; }

private:
    std::coroutine_handle<> suspend(std::coroutine_handle<> frame);
    std::coroutine_handle<> wait(WaitToken token);
    /// After a wake-up: false when this wait is over.
    bool keep_waiting() { return suspension_.interrupted() && goes_on(); }
    HEDDLE_NOINLINE bool goes_on();
    static std::coroutine_handle<> woken(WakeHook& hook) noexcept;

    TaskControl* target_;
    const ForkScope* scope_ = nullptr;
    std::coroutine_handle<> frame_;
    Suspension suspension_;
    JoinPlace place_;
    OnCancel on_cancel_;
    bool left_ = false;
    bool out_of_memory_ = false;
};

/// How the result of a task is handed out.
template <class T>
struct TaskResult {
    static const T& get(TaskControl& control) noexcept { return stored_value<T>(control); }
    static T take(TaskControl& control) {
        T& value = stored_value<T>(control);
        if constexpr (std::is_copy_constructible_v<T>) {
            if (!control.only_handle()) {
                return value;
            }
        }
        return std::move(value);
    }
    static T copy_or_take(TaskControl& control) {
        T& value = stored_value<T>(control);
        if constexpr (std::is_copy_constructible_v<T>) {
            return value;
        } else {
            return std::move(value);
        }
    }
};
template <class T>
struct TaskResult<T&> {
    static T& get(TaskControl& control) noexcept { return *stored_value<T*>(control); }
    static T& take(TaskControl& control) noexcept { return get(control); }
    static T& copy_or_take(TaskControl& control) noexcept { return get(control); }
};
template <>
struct TaskResult<void> {
    static void get(TaskControl& control) noexcept { static_cast<void>(control); }
    static void take(TaskControl& control) noexcept { static_cast<void>(control); }
    static void copy_or_take(TaskControl& control) noexcept { static_cast<void>(control); }
};

/// Owns a reference while it waits: the handle may be reassigned meanwhile. A task that is done already is
/// only borrowed from its handle.
template <class T, bool TakeResult>
class TaskAwaiter : public JoinWait {
public:
    explicit TaskAwaiter(TaskControl& borrowed) noexcept : JoinWait(borrowed, OnCancel::forward) {}
    explicit TaskAwaiter(ControlRef owned) noexcept
        : JoinWait(*owned, OnCancel::forward), owned_(std::move(owned)) {}

    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        if (!owned_) {
            target().add_ref();
            owned_ = ControlRef(&target());
        }
        return JoinWait::await_suspend(frame);
    }
    decltype(auto) await_resume() {
        finish();
        require_value(target());
        if constexpr (TakeResult) {
            return TaskResult<T>::take(target());
        } else {
            return TaskResult<T>::get(target());
        }
    }

private:
    ControlRef owned_;
};

/// To the back of the ready queue.
class [[nodiscard("does nothing until it is co_awaited")]] YieldAwaiter {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND void await_suspend(std::coroutine_handle<> frame) {
        me_ = &current_waiter();
        set_resume_point(*me_, frame);
        post_yielding(*me_);
    }
    void await_resume() {
        if (take_interrupt(*me_)) [[unlikely]] {
            throw_cancelled(*me_);
        }
    }

private:
    static void post_yielding(Waiter& me) noexcept;
    Waiter* me_ = nullptr;
};

/// The running worker's scheduler. Throws std::runtime_error("no running event loop") elsewhere.
[[nodiscard]] Scheduler& running_scheduler();

/// Makes `frame` (at its first suspension, told to end a task) a task that is not yet ready to run; the
/// caller gets one handle reference. `name` (null: none) is moved from. The frame is destroyed if this
/// throws.
[[nodiscard]] TaskControl& prepare_root(Scheduler& scheduler, std::coroutine_handle<> frame,
                                        std::string* name, TaskKind kind = TaskKind::task);
/// prepare_root and post it.
[[nodiscard]] TaskControl& spawn_root(Scheduler& scheduler, std::coroutine_handle<> frame, std::string* name,
                                      TaskKind kind = TaskKind::task);

[[nodiscard]] std::exception_ptr task_exception(TaskControl& control);
[[nodiscard]] std::string task_name(TaskControl& control);
void set_task_name(TaskControl& control, std::string name);
void join_blocking(TaskControl& control, const char* what);
void add_done_callback(TaskControl& control, DoneCallback* callback);

/// A control block that nobody runs; one handle reference.
[[nodiscard]] TaskControl& make_future();
/// Decides that the caller sets the outcome: store it, then finish_join. Throws InvalidStateError if it is
/// done.
void begin_set(TaskControl& control);
void set_future_error(TaskControl& control, std::exception_ptr error);

template <class Handle, class Fn>
DoneCallback* make_done_callback(Fn fn) {
    struct Callback final : DoneCallback {
        explicit Callback(Fn f) : function(std::move(f)) {}
        void run(TaskControl& done) override {
            if constexpr (std::is_invocable_v<Fn&, Handle>) {
                done.add_ref();
                function(Handle(ControlRef(&done)));
            } else {
                function();
            }
        }
        Fn function;
    };
    return new Callback(std::move(fn));
}

/// The library's way into a Task.
struct TaskAccess {
    template <class T>
    static TaskControl& control(const Task<T>& task) noexcept {
        return *task.control_;
    }
    template <class T>
    static TaskControl& control(const Future<T>& future) noexcept {
        return *future.control_;
    }
    template <class T>
    static const ControlRef& ref(const Task<T>& task) noexcept {
        return task.control_;
    }
    template <class T>
    static Task<T> spawn(Scheduler& scheduler, Coro<T>& coro, std::string* name = nullptr) {
        auto frame = CoroAccess::take(coro);
        frame.promise().completion.then_end_task();
        return Task<T>(ControlRef(&spawn_root(scheduler, frame, name)));
    }
};

/// Test hook: the task is suspended in some wait (not running, not in a ready queue).
template <class T>
[[nodiscard]] bool is_parked(const Task<T>& task) noexcept {
    // acquire [suspend]: what the task did before it parked is visible to the test
    return word::phase(TaskAccess::control(task).word.load(acquire)) == word::suspended;
}

}  // namespace heddle::detail
