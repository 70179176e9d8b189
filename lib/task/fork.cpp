#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/fork.hpp>
#include <heddle/detail/task/schedule.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

namespace heddle::detail {

namespace {

TaskControl* made(std::uintptr_t control) noexcept {
    return reinterpret_cast<TaskControl*>(control & ~ForkChild::bits);
}

TaskControl* known_control(Running running) noexcept {
    if (!running.is_child()) {
        return running.control();
    }
    TaskControl* control = made(running.child()->control.load(acquire));                  // acquire [child]
    return control != nullptr ? control : running.child()->scope->nearest.load(acquire);  // acquire [child]
}

/// The block of `running`, or of an ancestor between which and it nobody has a context of its own. The scopes
/// on the way remember it, which stays right: who owns them does not run while they live. So looking from
/// each of many descendants is O(1), but for the scopes that are new.
TaskControl* nearest_control(Running running) noexcept {
    TaskControl* found = known_control(running);
    for (Running r = running; found == nullptr; found = known_control(r)) {
        r = r.child()->scope->owner();
    }
    for (Running r = running; known_control(r) == nullptr; r = r.child()->scope->owner()) {
        r.child()->scope->nearest.store(found, release);  // release [child]
    }
    return found;
}

/// The child's block, or `fresh`, which becomes it.
TaskControl& give_control(ForkChild& child, TaskControl& fresh, std::uintptr_t seen) noexcept {
    child.scope->child_has_control();
    bool told = false;
    for (;;) {
        if ((seen & ForkChild::cancel_bit) != 0 && !told) {
            told = true;
            static_cast<void>(fresh.request_cancel());  // it runs, or has not started: recorded
        }
        // acq_rel [child]
        if (child.control.compare_exchange_weak(seen, reinterpret_cast<std::uintptr_t>(&fresh) | seen,
                                                acq_rel, acquire)) {
            return fresh;
        }
        if (made(seen) != nullptr) {
            abandon_control(fresh, TaskControl::runtime_ref);
            return *made(seen);
        }
    }
}

TaskControl& control_of_child(ForkChild& child, bool started) {
    const std::uintptr_t seen = child.control.load(acquire);  // acquire [child]
    if (made(seen) != nullptr) {
        return *made(seen);
    }
    // The scopes around this child may have to wait for it, each with a block of its own.
    slab_require_memory();
    extras_require_memory();
    TaskControl& fresh = make_control(TaskKind::fork_child, this_worker->scheduler, TaskControl::runtime_ref);
    if (started) {
        fresh.set_own_flag(TaskControl::started);
    }
    if (auto context = inherited_context(child.scope->owner()); context != nullptr) {
        try {
            extras_of(fresh).context = std::move(context);
        } catch (...) {
            abandon_control(fresh, TaskControl::runtime_ref);
            throw;
        }
    }
    return give_control(child, fresh, seen);
}

/// The same where it is too late to refuse: the child has run already.
TaskControl& control_of_always(Running running) noexcept {
    if (!running.is_child()) {
        return *running.control();
    }
    ForkChild& child = *running.child();
    const std::uintptr_t seen = child.control.load(acquire);  // acquire [child]
    if (made(seen) != nullptr) {
        return *made(seen);
    }
    TaskControl& fresh = init_control(slab_allocate_always(), TaskKind::fork_child, this_worker->scheduler,
                                      TaskControl::runtime_ref);
    fresh.set_own_flag(TaskControl::started);
    if (auto context = inherited_context(child.scope->owner()); context != nullptr) {
        extras_of_always(fresh).context = std::move(context);
    }
    return give_control(child, fresh, seen);
}

void detach(ForkChild& child, TaskControl& parent) noexcept {
    child.scope->parent_block.store(&parent, relaxed);         // relaxed: the same for each child
    child.control.fetch_or(ForkChild::detached_bit, relaxed);  // relaxed: for whoever runs it from now on
}

/// The same for a child that runs in line, and asks for its waiter: it mostly waits then.
void leave_line(ForkChild& child, TaskControl& parent) noexcept {
    detach(child, parent);
    ++child.scope->away;
}

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

HEDDLE_COLD Waiter& waiter_of_child() {
    if (this_worker == nullptr) {
        throw std::runtime_error("no running event loop");
    }
    const Running running = this_worker->current;
    ForkChild& child = *running.child();
    TaskControl& control = control_of(running);
    if (!child.detached()) {
        leave_line(child, control_of(child.scope->owner()));
    }
    return control;
}

}  // namespace

std::shared_ptr<const ContextNode> inherited_context(Running running) noexcept {
    TaskExtras* extras = nearest_control(running)->extras.load(acquire);  // acquire [extras]
    return extras != nullptr ? extras->context : nullptr;
}

bool may_hand_down_context() noexcept {
    if (this_worker == nullptr) [[unlikely]] {
        return true;
    }
    const TaskExtras* extras =
        nearest_control(this_worker->current)->extras.load(acquire);  // acquire [extras]
    return extras != nullptr && extras->context != nullptr;
}

TaskControl& control_of(Running running) {
    return running.is_child() ? control_of_child(*running.child(), true) : *running.control();
}

Waiter* waiter_at_hand() noexcept {
    const WorkerContext* worker = this_worker;
    return worker != nullptr && !worker->current.is_child() ? worker->current.control() : nullptr;
}

Waiter& current_waiter() {
    if (Waiter* waiter = waiter_at_hand(); waiter != nullptr) [[likely]] {
        return *waiter;
    }
    return waiter_of_child();
}

Waiter& current_waiter_always() noexcept {
    const Running running = this_worker->current;
    TaskControl& control = control_of_always(running);
    if (running.is_child() && !running.child()->detached()) {
        leave_line(*running.child(), control_of_always(running.child()->scope->owner()));
    }
    return control;
}

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
    outer_ = worker.scope;
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
        return start_as_tasks(worker);
    }
    worker.forks.reserve(children.size() - 1);  // nothing has begun yet
    return start_in_line(worker);
}

inline std::coroutine_handle<> ForkScope::start_in_line(WorkerContext& worker) noexcept {
    worker.scope = this;
    ForkChild* const first = children.data();
    on_deque = static_cast<std::uint32_t>(children.size() - 1);
    ForkChild* next = first + on_deque;
    const bool was_empty = worker.forks.push_reserved(on_deque, [&next] { return next--; });
    worker.current = Running(first);
    // With children in the deque before, nobody has gone to sleep since: who looks into it last, stays awake.
    if (was_empty) [[unlikely]] {
        tell_of_forks(worker);
    }
    return first->code();
}

std::coroutine_handle<> ForkScope::start_as_tasks(WorkerContext& worker) {
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
    static_cast<void>(worker);
    return park();
}

/// Popped from the deque: false if it has been stolen, or cancelled before its first step.
inline bool ForkScope::starts(const ForkChild* child) noexcept {
    // relaxed: set by this thread, or soon enough
    return child != nullptr && (child->control.load(relaxed) == 0 || child->starts_anyway());
}

inline std::coroutine_handle<> ForkScope::run_in_line(WorkerContext& worker, ForkChild& child) noexcept {
    --on_deque;
    worker.current = Running(&child);
    return child.code();
}

std::coroutine_handle<> ForkScope::next_in_line(WorkerContext& worker) noexcept {
    if (on_deque > 0) {
        ForkChild* const child = worker.forks.pop();
        return starts(child) ? run_in_line(worker, *child) : not_in_line(worker, child);
    }
    worker.scope = outer_;
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
    thief.current = Running(&child);
    return child.code();
}

std::coroutine_handle<> fork_skip(ForkChild& child) noexcept {
    child.control.fetch_or(ForkChild::never_ran_bit, relaxed);  // relaxed: read after the join
    return fork_finished_slowly(child, true);
}

}  // namespace heddle::detail
