#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/sync/tiny_lock.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/detail/task/timer.hpp>
#include <heddle/detail/task/worker_context.hpp>
#include <heddle/detail/wait/suspension.hpp>
#include <heddle/error.hpp>

#include <stdexcept>
#include <string>

// Seam 1: what waiting needs of tasks. current_waiter() and its kin are in fork_control.cpp.

namespace heddle::detail {

constinit thread_local WorkerContext* this_worker = nullptr;

void set_resume_point(Waiter& who, std::coroutine_handle<> frame) noexcept {
    static_cast<TaskControl&>(who).resume = frame.address();
}

void set_resume_hook(Waiter& who, WakeHook& hook) noexcept {
    static_cast<TaskControl&>(who).resume =
        reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&hook) | TaskControl::hook_bit);
}

void schedule(Waiter& who) noexcept {
    auto& control = static_cast<TaskControl&>(who);
    if (control.kind == TaskKind::thread) [[unlikely]] {
        futex_wake_one(&control.word);  // at worst a stray wake of another thread that has the block now
    } else {
        post_control(control);
    }
}

void schedule_batch(Waiter* const* who, std::size_t n) noexcept { post_controls(who, n); }

void post_running_task(std::coroutine_handle<> frame) {
    Waiter& me = current_waiter();
    set_resume_point(me, frame);
    post_behind(static_cast<TaskControl&>(me));
}

std::string take_cancel_message(Waiter& who) {
    TaskExtras* extras = static_cast<TaskControl&>(who).extras.load(acquire);  // acquire [extras]
    std::string text;
    if (extras != nullptr) {
        const std::unique_ptr<std::string> message(
            extras->cancel_message.exchange(nullptr, acq_rel));  // acq_rel [message]
        if (message != nullptr) {
            text = std::move(*message);
        }
    }
    return text;
}

void keep_cancel_message(Waiter& who, std::string message) noexcept {
    TaskExtras* extras = static_cast<TaskControl&>(who).extras.load(acquire);  // acquire [extras]
    if (extras == nullptr || message.empty()) {
        return;
    }
    auto* text = new (std::nothrow) std::string(std::move(message));
    std::string* none = nullptr;
    if (!extras->cancel_message.compare_exchange_strong(none, text, acq_rel, relaxed)) {  // acq_rel [message]
        delete text;
    }
}

void throw_cancelled(Waiter& who) { throw CancelledError(take_cancel_message(who)); }

namespace {

/// Blocks of threads that have ended, linked through `frame`. They are only ever used for threads again: a
/// waker that has claimed one looks at its kind later, when the thread may be gone.
struct FreeThreadBlocks {
    TinyLock lock;
    TaskControl* first HEDDLE_GUARDED_BY(lock) = nullptr;
};
constinit FreeThreadBlocks free_thread_blocks;

TaskControl* thread_block() {
    {
        const TinyLockHold hold(free_thread_blocks.lock);
        if (TaskControl* block = free_thread_blocks.first; block != nullptr) {
            free_thread_blocks.first = static_cast<TaskControl*>(block->frame);
            return block;
        }
    }
    return &make_control(TaskKind::thread, nullptr, TaskControl::handle_ref);
}

/// A plain thread's place to wait in; kept for the thread's life.
struct ThreadWaiter {
    TaskControl* control = thread_block();
    ThreadWaiter() = default;
    ThreadWaiter(const ThreadWaiter&) = delete;
    ThreadWaiter& operator=(const ThreadWaiter&) = delete;
    ThreadWaiter(ThreadWaiter&&) = delete;
    ThreadWaiter& operator=(ThreadWaiter&&) = delete;
    ~ThreadWaiter() {
        const TinyLockHold hold(free_thread_blocks.lock);
        control->frame = free_thread_blocks.first;
        free_thread_blocks.first = control;
    }
};

}  // namespace

Waiter& blocking_waiter(const char* what) {
    if (this_worker != nullptr) {
        throw std::runtime_error(std::string(what) +
                                 " called on a worker thread, where it would stop other tasks; " +
                                 "co_await the waiting form instead");
    }
    static thread_local const ThreadWaiter waiter;
    return *waiter.control;
}

void block_until_claimed(Waiter& me, std::uint64_t seq) noexcept {
    for (;;) {
        const std::uint64_t w = me.word.load(acquire);  // acquire [grant]
        if (word::seq(w) != seq) {
            return;
        }
        // The futex looks at the low half, which holds the phase and the low bits of seq: a claim changes it.
        futex_wait(&me.word, static_cast<std::uint32_t>(w), never);
    }
}

bool take_due_scopes(Waiter& who) noexcept {
    auto& control = static_cast<TaskControl&>(who);
    TaskExtras* extras = control.extras.load(acquire);  // acquire [extras]: somebody else may have made them
    if (extras == nullptr) {
        return false;
    }
    bool any = false;
    for (ScopeTimer* s = extras->scopes; s != nullptr; s = s->outer) {
        std::uint32_t expected = ScopeTimer::expiring;
        // acq_rel [scope]: from here on the timer that fired leaves this task alone
        if (s->scope.compare_exchange_strong(expected, ScopeTimer::delivered, acq_rel, relaxed)) {
            any = true;
            std::uint64_t w = control.word.load(relaxed);  // relaxed: the CAS validates it
            while (!control.word.compare_exchange_weak(w, word::add_count(w), acq_rel,
                                                       relaxed)) {  // acq_rel [grant]
            }
        }
    }
    return any;
}

void fire_scope(ScopeTimer& timer) noexcept {
    std::uint32_t expected = ScopeTimer::entered;
    if (!timer.scope.compare_exchange_strong(expected, ScopeTimer::expiring, acq_rel,
                                             relaxed)) {  // acq_rel [scope]
        return;
    }
    Waiter& who = *timer.who;
    std::uint64_t w = who.word.load(acquire);  // acquire [suspend]
    for (;;) {
        if (word::phase(w) == word::done) {
            return;
        }
        if (word::phase(w) == word::active || (w & word::nocancel) != 0) {
            // acq_rel [grant]: the task looks at its scopes when it next wants to park, or after this wait
            if (who.word.compare_exchange_weak(w, w | word::check, acq_rel, acquire)) {
                return;
            }
            continue;
        }
        // Suspended. The task's own change of the scope precedes its park, which we have just read.
        if (timer.scope.load(acquire) != ScopeTimer::expiring) {  // acquire [scope]
            return;
        }
        const std::uint64_t next = ((w & ~word::phase_mask) | word::check) + word::seq_one;
        if (who.word.compare_exchange_weak(w, next, acq_rel, acquire)) {  // acq_rel [grant]
            schedule(who);
            return;
        }
    }
}

}  // namespace heddle::detail
