#include <heddle/detail/structure/group.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/error.hpp>

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace heddle::detail {

namespace {

void link_before(ChildNode& head, ChildNode& node) noexcept {
    node.previous = head.previous;
    node.next = &head;
    head.previous->next = &node;
    head.previous = &node;
}

void unlink(ChildNode& node) noexcept {
    node.previous->next = node.next;
    node.next->previous = node.previous;
    node.previous = node.next = &node;
}

}  // namespace

void throw_if_cancelled_at_start() {
    Waiter& me = *this_worker->current.control();
    if (me.take_requests() == Woken::cancelled) {
        throw_cancelled(me);
    }
}

// The parent's block is made at once: waiting for the children must not fail later.
GroupState::GroupState() : parent_(static_cast<TaskControl*>(&current_waiter())) {}

GroupState::~GroupState() {
    while (first_failed_ != nullptr) {
        const ControlRef failed(first_failed_);
        first_failed_ = static_cast<TaskControl*>(failed->frame);
    }
}

/// An error leaves the second of the two words that hold the outcome unused.
void GroupState::keep_failed(TaskControl& control) noexcept {
    static_assert(sizeof(std::exception_ptr) <= sizeof(void*));
    control.add_ref();
    control.frame = nullptr;
    if (first_failed_ == nullptr) {
        first_failed_ = &control;
    } else {
        last_failed_->frame = &control;
    }
    last_failed_ = &control;
}

TaskControl& GroupState::start(std::coroutine_handle<> frame, ChildNode& node, std::string* name) {
    const char* refused = nullptr;
    lock_.lock();
    if (body_over_ && count_ == 0) {
        refused = "TaskGroup is finished";
    } else if (aborting_) {
        refused = "TaskGroup is shutting down";
    } else {
        ++count_;
    }
    lock_.unlock();
    if (refused != nullptr) {
        frame.destroy();
        throw std::runtime_error(refused);
    }
    TaskControl* control = nullptr;
    try {
        control = &prepare_root(*parent_->scheduler, frame, name);
    } catch (...) {
        count_out();
        throw;
    }
    control->set_own_flag(TaskControl::observed);
    node.control = control;
    lock_.lock();
    link_before(running_, node);
    // Aborted meanwhile: the child is cancelled before its first step.
    const bool late = aborting_;
    lock_.unlock();
    if (late) {
        cancel_control(*control, nullptr, 0);
    }
    control->add_ref();
    const ControlRef keep(control);  // the child may end and its handle may be dropped while we post it
    post_control(*control);
    return *control;
}

void GroupState::child_leaves(ChildNode& node) noexcept {
    const TinyLockHold hold(lock_);
    unlink(node);
}

void GroupState::child_ended(TaskControl& control) noexcept {
    if (control.outcome == Outcome::error) {
        control.mark_retrieved();
        CancelStep step = CancelStep::refused;
        bool first = false;
        {
            const TinyLockHold hold(lock_);
            keep_failed(control);
            if (!aborting_) {
                first = true;
                aborting_ = true;
                parent_cancel_requested_ = true;
                step = parent_->request_cancel();
            }
        }
        if (first) {
            abort();  // the siblings first, as asyncio; the parent cannot run before it is scheduled
            if (step == CancelStep::claimed) {
                schedule(*parent_);
            }
        }
    }
    count_out();  // *this may be gone
}

void GroupState::count_out() noexcept {
    WaitToken waiting;
    {
        const TinyLockHold hold(lock_);
        if (--count_ == 0) {
            waiting = waiting_;
        }
    }  // *this may be gone
    if (waiting.who != nullptr && waiting.who->claim(waiting.seq)) {
        schedule(*waiting.who);
    }
}

/// Cancels all children, a few at a time, so that the lock is held shortly however many there are.
void GroupState::abort() noexcept {
    constexpr std::size_t batch_size = 32;
    std::array<Waiter*, batch_size> claimed;
    bool more = true;
    while (more) {
        std::size_t n = 0;
        {
            const TinyLockHold hold(lock_);
            aborting_ = true;
            for (std::size_t i = 0; i < batch_size && running_.next != &running_; ++i) {
                ChildNode& node = *running_.next;
                unlink(node);
                link_before(aborted_, node);
                if (node.control->request_cancel() == CancelStep::claimed) {
                    claimed[n++] = node.control;
                }
            }
            more = running_.next != &running_;
        }
        schedule_batch(claimed.data(), n);
    }
}

void GroupState::body_ended(std::exception_ptr error, bool cancelled) {
    bool abort_now = false;
    {
        const TinyLockHold hold(lock_);
        body_over_ = true;
        if (cancelled) {
            cancelled_ = error;
        }
        abort_now = error != nullptr && !aborting_;
    }
    if (!cancelled) {
        body_error_ = std::move(error);
    }
    if (abort_now) {
        abort();
    }
}

bool GroupState::ChildrenAwaiter::suspend(std::coroutine_handle<> frame) {
    const WaitToken token = suspension_.begin(frame);
    {
        const TinyLockHold hold(group_.lock_);
        if (group_.count_ == 0) {
            suspension_.not_needed();
            return false;
        }
        group_.waiting_ = token;
    }
    return suspension_.commit();
}

bool GroupState::ChildrenAwaiter::finish() {
    if (!suspension_.interrupted()) {
        return false;
    }
    bool abort_now = false;
    {
        const TinyLockHold hold(group_.lock_);
        group_.waiting_ = {};
        abort_now = !group_.aborting_;
    }
    std::string message = take_cancel_message(suspension_.waiter());
    if (abort_now) {
        group_.cancelled_ =
            message.empty() ? std::make_exception_ptr(CancelledError()) : cancelled_error(std::move(message));
        group_.abort();
    }
    return true;
}

// Unchecked: no child is left, nobody else looks at what the lock guards.
void GroupState::raise() HEDDLE_UNCHECKED_LOCKING {
    if (parent_cancel_requested_ && uncancel_control(*parent_) == 0) {
        cancelled_ = nullptr;  // the only request was the group's own
    }
    if (cancelled_ != nullptr && first_failed_ == nullptr) {
        std::rethrow_exception(cancelled_);
    }
    if (first_failed_ != nullptr || body_error_ != nullptr) {
        if (cancel_count(*parent_) > 0) {
            // Somebody else wants the parent to stop: it must see that at its next suspension.
            uncancel_control(*parent_);
            cancel_control(*parent_, nullptr, 0);
        }
        std::vector<std::exception_ptr> errors;
        for (TaskControl* failed = first_failed_; failed != nullptr;
             failed = static_cast<TaskControl*>(failed->frame)) {
            errors.push_back(stored_exception(*failed));
        }
        if (body_error_ != nullptr) {
            errors.push_back(body_error_);
        }
        throw ExceptionGroup("unhandled errors in a TaskGroup", std::move(errors));
    }
}

}  // namespace heddle::detail
