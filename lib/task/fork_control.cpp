#include "fork_control.hpp"

#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/fork.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

namespace heddle::detail {

namespace {

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

/// The same for a child that runs in line, and asks for its waiter: it mostly waits then.
void leave_line(ForkChild& child, TaskControl& parent) noexcept {
    detach(child, parent);
    ++child.scope->away;
}

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

}  // namespace heddle::detail
