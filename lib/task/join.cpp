#include "callbacks.hpp"
#include <heddle/detail/task/join.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/error.hpp>
#include <heddle/task.hpp>

#include <new>
#include <stdexcept>
#include <utility>

namespace heddle::detail {

namespace {

[[noreturn]] HEDDLE_COLD void throw_awaits_itself() {
    throw std::runtime_error("Task cannot await on itself");
}
[[noreturn]] HEDDLE_COLD void throw_no_loop() { throw std::runtime_error("no running event loop"); }

/// What `made` inherits of whoever creates it.
HEDDLE_NOINLINE void hand_down_context(TaskControl& made) {
    auto context = this_worker != nullptr ? inherited_context(this_worker->current) : thread_context();
    if (context != nullptr) {
        extras_of(made).context = std::move(context);
    }
}

}  // namespace

HEDDLE_FLATTEN std::coroutine_handle<> JoinWait::suspend(std::coroutine_handle<> frame) {
    if (HEDDLE_FORCE_SUSPEND && target_->done()) {
        post_running_task(frame);
        return std::noop_coroutine();
    }
    frame_ = frame;
    const WaitToken token = suspension_.begin(*this);
    if (token.who == target_) {
        throw_awaits_itself();
    }
    return wait(token);  // throws before anything has happened
}

std::coroutine_handle<> JoinWait::wait(WaitToken token) {
    for (;;) {
        if (!join_enqueue(*target_, token, place_)) {
            return frame_;
        }
        if (suspension_.commit()) {
            return std::noop_coroutine();  // *this may be gone
        }
        if (!keep_waiting()) {
            return frame_;
        }
        token = suspension_.again();
    }
}

/// A wake-up that was no end of the target: false when this wait is over.
bool JoinWait::goes_on() {
    join_leave(*target_, place_, suspension_.waiter());
    if (on_cancel_ == OnCancel::forward || (on_cancel_ == OnCancel::if_scope && scope_->was_cancelled())) {
        std::string message = take_cancel_message(suspension_.waiter());
        // Accepted: the target decides how this ends. Refused: it has ended but for saying so, which it does
        // next; then the request is this task's own again.
        left_ = !cancel_control(*target_, message.data(), message.size());
        if (left_) {
            keep_cancel_message(suspension_.waiter(), std::move(message));
        }
        return true;
    }
    if (on_cancel_ == OnCancel::if_scope) {
        target_
            ->mark_retrieved();  // gather has its error; a later one of this task is not reported, as asyncio
    }
    left_ = true;
    return false;
}

HEDDLE_FLATTEN std::coroutine_handle<> JoinWait::woken(WakeHook& hook) noexcept {
    auto& self = static_cast<JoinWait&>(hook);
    try {
        return self.keep_waiting() ? self.wait(self.suspension_.again()) : self.frame_;
    } catch (const std::bad_alloc&) {  // no place to go on waiting in
        self.out_of_memory_ = true;
        return self.frame_;
    }
}

void YieldAwaiter::post_yielding(Waiter& me) noexcept { post_behind(static_cast<TaskControl&>(me)); }

Scheduler& running_scheduler() {
    Scheduler* scheduler = current_scheduler();
    if (scheduler == nullptr) {
        throw_no_loop();
    }
    return *scheduler;
}

HEDDLE_FLATTEN TaskControl& prepare_root(Scheduler& scheduler, std::coroutine_handle<> frame,
                                         std::string* name, TaskKind kind) {
    TaskControl* made = nullptr;
    try {
        made = &make_control(kind, &scheduler, TaskControl::handle_ref + TaskControl::runtime_ref);
        if (name != nullptr && !name->empty()) {
            set_task_name(*made, std::move(*name));
        }
        if (may_hand_down_context()) {
            hand_down_context(*made);
        }
        task_born(scheduler);
    } catch (...) {
        if (made != nullptr) {
            abandon_control(*made, TaskControl::handle_ref + TaskControl::runtime_ref);
        }
        frame.destroy();
        throw;
    }
    made->resume = frame.address();
    made->frame = frame.address();
    return *made;
}

HEDDLE_FLATTEN TaskControl& spawn_root(Scheduler& scheduler, std::coroutine_handle<> frame, std::string* name,
                                       TaskKind kind) {
    TaskControl& control = prepare_root(scheduler, frame, name, kind);
    post_control(control);
    return control;
}

std::exception_ptr task_exception(TaskControl& control) {
    if (!control.done()) {
        throw InvalidStateError("Exception is not set.");
    }
    if (control.outcome == Outcome::cancelled) {
        require_value(control);
    }
    if (control.outcome != Outcome::error) {
        return nullptr;
    }
    control.mark_retrieved();
    return stored_exception(control);
}

namespace {

Atomic<std::uint64_t> unnamed_tasks{0};

}  // namespace

std::string task_name(TaskControl& control) {
    TaskExtras& extras = extras_of(control);
    const TinyLockHold hold(extras.name_lock);
    if (extras.name.empty()) {
        extras.name =
            "Task-" + std::to_string(unnamed_tasks.fetch_add(1, relaxed) + 1);  // relaxed: only unique
    }
    return extras.name;
}

void set_task_name(TaskControl& control, std::string name) {
    TaskExtras& extras = extras_of(control);
    const TinyLockHold hold(extras.name_lock);
    extras.name = std::move(name);
}

void join_blocking(TaskControl& control, const char* what) {
    Suspension suspension;
    const WaitToken token = suspension.begin_blocking(what);
    JoinPlace place;
    if (join_enqueue(control, token, place)) {
        suspension.block();
    }
}

}  // namespace heddle::detail

namespace heddle {

Task<void> current_task() {
    if (detail::this_worker == nullptr) {
        return {};
    }
    detail::TaskControl& control = detail::control_of(detail::this_worker->current);
    control.add_ref();
    return Task<void>(detail::ControlRef(&control));
}

std::vector<Task<void>> all_tasks() {
    struct Search {
        detail::Scheduler* scheduler;
        std::vector<Task<void>> found;
    } search{&detail::running_scheduler(), {}};
    detail::slab_for_each(
        [](detail::TaskControl& control, void* context) {
            auto& s = *static_cast<Search*>(context);
            if (detail::ControlRef ref = detail::ref_if_alive(control);
                ref && ref->scheduler == s.scheduler && ref->kind != detail::TaskKind::internal &&
                ref->kind != detail::TaskKind::future && !ref->done()) {
                s.found.emplace_back(std::move(ref));
            }
        },
        &search);
    return std::move(search.found);
}

}  // namespace heddle
