#include "fork_control.hpp"
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/fork.hpp>
#include <heddle/detail/task/schedule.hpp>

#include <memory>
#include <utility>

namespace heddle::detail {

namespace {

/// A child's control block does not carry its result; it only has to say that it is over.
void complete_child(const ForkChild& child, bool failed) noexcept {
    if (TaskControl* control = made(child.control.load(acquire)); control != nullptr) {  // acquire [child]
        if (failed) {
            store_exception(*control, Outcome::cancelled, nullptr);
        } else {
            control->outcome = Outcome::value;
        }
        complete_control(*control);
    }
}

/// The last access to the scope, unless the parent has to be woken.
void join_detached(ForkChild& child) noexcept {
    TaskControl* parent =
        child.scope->parent_block.load(relaxed);  // relaxed: set by this thread, or an earlier one
    // acq_rel [join]; *child.scope may be gone
    const std::uint64_t old = child.scope->join.fetch_sub(1, acq_rel);
    const std::uint64_t seq = old >> ForkScope::count_bits;
    if ((old & ForkScope::count_mask) == 1 && seq != 0 && parent->claim(seq)) {
        schedule(*parent);
    }
}

/// Somebody may have to be woken for them.
HEDDLE_ASIDE void tell_of_forks(WorkerContext& worker) noexcept { forks_pushed(worker); }

}  // namespace

void ForkScope::drop_controls() noexcept {
    for (const ForkChild& child : children) {
        TaskControl* control = made(child.control.load(relaxed));  // relaxed: all joined
        if (control != nullptr) {
            control->drop_ref(TaskControl::runtime_ref);
        }
    }
}

bool ForkScope::finish_slowly() noexcept {
    if (has_happened(has_controls)) {
        drop_controls();
    }
    return !has_happened(is_cancelled | has_failure);
}

std::coroutine_handle<> ForkScope::start(std::coroutine_handle<> frame) {
    WorkerContext& worker = *this_worker;
    parent_ = frame.address();
    owner_ = worker.current;
    // Without children: one less than none is more than any room.
    if (!worker.forks.has_room(children.size() - 1) || ready_work_waits(worker)) [[unlikely]] {
        return start_slowly(worker);
    }
    return start_in_line(worker);
}

std::coroutine_handle<> ForkScope::start_slowly(WorkerContext& worker) {
    if (children.empty()) {
        return parent();
    }
    if (ready_work_waits(worker)) {
        return start_as_tasks();
    }
    worker.forks.reserve(children.size() - 1);  // nothing has begun yet
    return start_in_line(worker);
}

inline std::coroutine_handle<> ForkScope::start_in_line(WorkerContext& worker) noexcept {
    ForkChild* const first = children.data();
    on_deque = static_cast<std::uint32_t>(children.size() - 1);
    ForkChild* next = first + on_deque;
    const bool was_empty = worker.forks.push_reserved(on_deque, [&next] { return next--; });
    worker.current = Running::in_line(first);
    // With children in the deque before, nobody has gone to sleep since: who looks into it last, stays awake.
    if (was_empty) [[unlikely]] {
        tell_of_forks(worker);
    }
    return first->code();
}

std::coroutine_handle<> ForkScope::start_as_tasks() {
    auto* parent = static_cast<TaskControl*>(&current_waiter());
    try {
        for (ForkChild& child : children) {
            detach(child, *parent);
            TaskControl& control = control_of_child(child, false);
            control.frame = &child;
        }
        away = static_cast<std::uint32_t>(children.size());
    } catch (...) {
        // all_tasks() may have given handles of those that have been made.
        for (const ForkChild& child : children) {
            complete_child(child, true);
        }
        drop_controls();
        throw;
    }
    for (const ForkChild& child : children) {
        post_behind(*made(child.control.load(relaxed)));  // relaxed: made above
    }
    return park();
}

/// Popped from the deque: false if it has been stolen, or cancelled before its first step.
inline bool ForkScope::starts(const ForkChild* child) noexcept {
    // relaxed: set by this thread, or soon enough
    return child != nullptr && (child->control.load(relaxed) == 0 || child->starts_anyway());
}

inline std::coroutine_handle<> ForkScope::run_in_line(WorkerContext& worker, ForkChild& child) noexcept {
    --on_deque;
    worker.current = Running::in_line(&child);
    return child.code();
}

std::coroutine_handle<> ForkScope::next_in_line(WorkerContext& worker) noexcept {
    if (on_deque > 0) {
        ForkChild* const child = worker.forks.pop();
        return starts(child) ? run_in_line(worker, *child) : not_in_line(worker, child);
    }
    worker.current = owner_;
    if (away != 0 || ready_work_waits(worker)) [[unlikely]] {
        return go_on_later();
    }
    return parent();
}

/// The next one does not start: whichever follows.
std::coroutine_handle<> ForkScope::not_in_line(WorkerContext& worker, ForkChild* child) noexcept {
    for (;;) {
        if (child == nullptr) {
            away += std::exchange(on_deque, 0);  // stolen, and with it all that were pushed before
        } else {
            --on_deque;
            child->control.fetch_or(ForkChild::never_ran_bit, relaxed);  // relaxed: read after the join
        }
        if (on_deque == 0) {
            return next_in_line(worker);
        }
        child = worker.forks.pop();
        if (starts(child)) {
            return run_in_line(worker, *child);
        }
    }
}

std::coroutine_handle<> ForkScope::go_on_later() noexcept {
    if (away != 0) {
        return park();
    }
    Waiter& me = current_waiter_always();
    set_resume_point(me, parent());
    post_behind(static_cast<TaskControl&>(me));
    return std::noop_coroutine();
}

/// The owner has no more children to run in line: waits for the detached ones.
std::coroutine_handle<> ForkScope::park() noexcept {
    on_wake = &ForkScope::on_wake_parent;
    const WaitToken token = std::construct_at(&suspension_)->begin_always(*this);
    return wait_for_rest(token.seq, static_cast<std::uint32_t>(children.size()) - away);
}

std::coroutine_handle<> ForkScope::wait_for_rest(std::uint64_t seq, std::uint32_t ended) noexcept {
    for (;;) {
        std::uint64_t j = join.load(acquire);  // acquire [join]
        std::uint64_t left = 0;
        do {
            left = (j & count_mask) - ended;
        } while (!join.compare_exchange_weak(j, left == 0 ? 0 : (seq << count_bits) | left, acq_rel,
                                             acquire));  // acq_rel [join]
        ended = 0;
        if (left == 0) {
            return parent();
        }
        if (suspension_.commit()) {
            return std::noop_coroutine();  // *this may be gone
        }
        if (!still_waiting()) {
            return parent();
        }
        seq = suspension_.again().seq;
    }
}

/// The parent runs again: false when all children have ended.
bool ForkScope::still_waiting() noexcept {
    if (suspension_.interrupted()) {
        happened_.fetch_or(is_cancelled,
                           release);  // release [happened]: a child that is then cancelled knows why
        cancel_children();
    }
    std::uint64_t j = join.load(acquire);  // acquire [join]
    do {
        if ((j & count_mask) == 0) {
            return false;
        }
    } while (!join.compare_exchange_weak(j, j & count_mask, acq_rel,
                                         acquire));  // acq_rel [join]: takes our seq out
    return true;
}

std::coroutine_handle<> ForkScope::on_wake_parent(WakeHook& hook) noexcept {
    auto& scope = static_cast<ForkScope&>(hook);
    return scope.still_waiting() ? scope.wait_for_rest(scope.suspension_.again().seq, 0) : scope.parent();
}

void ForkScope::cancel_children() noexcept {
    for (ForkChild& child : children) {
        // acq_rel [child]: either we see the control block, or its maker sees the bit
        if (TaskControl* control = made(child.control.fetch_or(ForkChild::cancel_bit, acq_rel));
            control != nullptr) {
            cancel_control(*control, nullptr, 0);
        }
    }
}

std::coroutine_handle<> fork_finished_slowly(ForkChild& child, bool failed) noexcept {
    ForkScope& scope = *child.scope;
    if (failed) [[unlikely]] {
        scope.on_error(scope, child);
    }
    complete_child(child, failed);
    if (!child.detached()) {
        return scope.next_in_line(*this_worker);
    }
    join_detached(child);
    return std::noop_coroutine();
}

bool fork_adoptable() noexcept { return slab_has_memory() && extras_have_memory(); }

std::coroutine_handle<> fork_adopt(WorkerContext& thief, ForkChild& child) noexcept {
    detach(child, control_of_always(child.scope->owner()));
    // relaxed: a cancel that comes later finds the child running
    if ((child.control.load(relaxed) & ForkChild::cancel_bit) != 0 && !child.starts_anyway()) {
        return fork_skip(child);
    }
    thief.current = Running::stolen(&child);
    return child.code();
}

std::coroutine_handle<> fork_skip(ForkChild& child) noexcept {
    child.control.fetch_or(ForkChild::never_ran_bit, relaxed);  // relaxed: read after the join
    return fork_finished_slowly(child, true);
}

}  // namespace heddle::detail
