#include "callbacks.hpp"

#include <heddle/coro.hpp>
#include <heddle/detail/task/join.hpp>
#include <heddle/detail/task/schedule.hpp>

#include <memory>
#include <new>
#include <utility>

// Callbacks of one task run one after the other in a small task of their own, so that neither the task's
// worker nor whoever registers one late executes user code in the wrong place.
//
// [callbacks] pushed by CAS, closed by exchange: a callback is either seen by the closer or finds it closed.

namespace heddle::detail {

namespace {

struct Closed final : DoneCallback {
    void run(TaskControl& done) override { static_cast<void>(done); }
};
Closed closed_mark;

/// Owns a chain of callbacks, oldest first.
class CallbackChain {
public:
    explicit CallbackChain(DoneCallback* first) noexcept : first_(first) {}
    CallbackChain(const CallbackChain&) = delete;
    CallbackChain& operator=(const CallbackChain&) = delete;
    CallbackChain(CallbackChain&&) = delete;
    CallbackChain& operator=(CallbackChain&&) = delete;
    ~CallbackChain() {
        while (pop() != nullptr) {
        }
    }
    std::unique_ptr<DoneCallback> pop() noexcept {
        std::unique_ptr<DoneCallback> callback(first_);
        if (first_ != nullptr) {
            first_ = first_->next;
        }
        return callback;
    }

    [[nodiscard]] DoneCallback* first() const noexcept { return first_; }
    void release() noexcept { first_ = nullptr; }

private:
    DoneCallback* first_;
};

void run_one(DoneCallback& callback, TaskControl& done) noexcept {
    try {
        callback.run(done);
    } catch (...) {
        report_exception(done.scheduler, "Exception in done callback", std::current_exception());
    }
}

/// Owns the callbacks from its first step on.
Coro<void> run_in_order(ControlRef done, DoneCallback* first) {
    CallbackChain chain(first);
    for (auto callback = chain.pop(); callback != nullptr; callback = chain.pop()) {
        run_one(*callback, *done);
    }
    co_return;
}

void run_here(TaskControl& control, CallbackChain& chain) noexcept {
    for (auto callback = chain.pop(); callback != nullptr; callback = chain.pop()) {
        run_one(*callback, control);
    }
}

/// If this throws, the chain is as it was.
void post_callbacks(TaskControl& control, CallbackChain& chain) {
    if (control.scheduler == nullptr) {  // a future of no runtime: on this thread
        run_here(control, chain);
        return;
    }
    control.add_ref();
    auto coro = run_in_order(ControlRef(&control), chain.first());
    auto frame = CoroAccess::take(coro);
    frame.promise().completion.then_end_task();
    const ControlRef handle(&spawn_internal(control.scheduler, frame));
    chain.release();
}

}  // namespace

DoneCallback* callbacks_closed() noexcept { return &closed_mark; }

void run_callbacks_of(TaskControl& control, TaskExtras& extras) noexcept {
    DoneCallback* newest = extras.callbacks.exchange(callbacks_closed(), acq_rel);  // acq_rel [callbacks]
    DoneCallback* first = nullptr;
    while (newest != nullptr) {
        DoneCallback* next = newest->next;
        newest->next = first;
        first = newest;
        newest = next;
    }
    if (first == nullptr) {
        return;
    }
    CallbackChain chain(first);
    try {
        post_callbacks(control, chain);
    } catch (const std::bad_alloc&) {
        run_here(control, chain);  // in the wrong place rather than never
    } catch (...) {                // the runtime that would run them is closed
        report_exception(nullptr, "Done callbacks were dropped", std::current_exception());
    }
}

void drop_callbacks_of(TaskExtras& extras) noexcept {
    DoneCallback* first = extras.callbacks.load(relaxed);  // relaxed: nobody else is left
    if (first != nullptr && first != callbacks_closed()) {
        const CallbackChain dropped(first);
    }
}

void add_done_callback(TaskControl& control, DoneCallback* callback) {
    std::unique_ptr<DoneCallback> owned(callback);
    TaskExtras& extras = extras_of(control);
    // acq_rel [join]: either the completer looks at the callbacks, or we see that it is done
    if ((control.join.fetch_or(TaskControl::join_extras, acq_rel) & TaskControl::join_done) == 0) {
        DoneCallback* head = extras.callbacks.load(acquire);  // acquire [callbacks]
        while (head != callbacks_closed()) {
            owned->next = head;
            if (extras.callbacks.compare_exchange_weak(head, owned.get(), acq_rel,
                                                       acquire)) {  // acq_rel [callbacks]
                static_cast<void>(owned.release());
                return;
            }
        }
    }
    owned->next = nullptr;
    CallbackChain chain(owned.release());
    post_callbacks(control, chain);
}

}  // namespace heddle::detail
