#pragma once

#include <heddle/detail/wait/suspend.hpp>
#include <heddle/detail/wait/waiter.hpp>

#include <coroutine>
#include <cstdint>

// The part of an awaiter that is the same for every wait: begin a suspension, commit it, find out how it
// ended. A wait that suspends goes
//
//   begin(frame)  ->  publish token() somewhere  ->  commit()  ->  [sleep]  ->  interrupted()
//
// and if interrupted() the caller takes its registration back and throws.

namespace heddle::detail {

/// Takes the requests off a waiter that runs again: true if what it awaits is to end with CancelledError. A
/// due timeout scope counts as delivered by the same error as a request.
[[nodiscard]] inline bool take_interrupt(Waiter& me) noexcept {
    const Woken woken = me.take_requests();
    if (woken == Woken::granted) [[likely]] {
        return false;
    }
    const bool due = take_due_scopes(me);
    return due || woken == Woken::cancelled;
}

/// Movable only before begin(): wait_for(lock.acquire(), 1s) passes awaiters on.
class Suspension {
public:
    /// Names the waiter and where it goes on. Before anything is published.
    WaitToken begin(std::coroutine_handle<> frame) {
        me_ = &current_waiter();
        set_resume_point(*me_, frame);
        seq_ = me_->current_seq();
        return {me_, seq_};
    }
    /// The same where it takes no more than a look, else a null token and nothing is done.
    WaitToken begin_at_hand(std::coroutine_handle<> frame) noexcept {
        Waiter* me = waiter_at_hand();
        if (me == nullptr) [[unlikely]] {
            return {};
        }
        me_ = me;
        set_resume_point(*me, frame);
        return again();
    }
    WaitToken begin(WakeHook& hook) {
        me_ = &current_waiter();
        set_resume_hook(*me_, hook);
        return again();
    }
    WaitToken begin_always(WakeHook& hook) noexcept {
        me_ = &current_waiter_always();
        set_resume_hook(*me_, hook);
        return again();
    }
    /// The next suspension of the same waiter (hooks that go on waiting).
    WaitToken again() noexcept {
        seq_ = me_->current_seq();
        return {me_, seq_};
    }
    /// The calling thread, for the blocking form `what`. Throws std::runtime_error on a worker.
    WaitToken begin_blocking(const char* what) {
        me_ = &blocking_waiter(what);
        return again();
    }

    /// After the token has been published. True: asleep, nothing here may be touched any more. False: go
    /// on at once, interrupted() tells why.
    [[nodiscard]] bool commit(Cancellable mode = Cancellable::yes) noexcept {
        return commit_undisturbed(mode) || commit_slowly(mode);
    }
    /// What commit() mostly is. False: nothing is done, and commit() is next.
    [[nodiscard]] bool commit_undisturbed(Cancellable mode = Cancellable::yes) noexcept {
        return me_->park_undisturbed(seq_, mode);
    }

    /// The registration failed because the wake-up was there first: there is no suspension.
    void not_needed() noexcept { me_ = nullptr; }

    [[nodiscard]] bool begun() const noexcept { return me_ != nullptr; }
    [[nodiscard]] Waiter& waiter() const noexcept { return *me_; }

    /// After waking: true if this wait is to end with CancelledError. Call once per suspension.
    [[nodiscard]] bool interrupted() noexcept {
        if (delivered_) {
            delivered_ = false;
            return true;
        }
        return take_interrupt(*me_);
    }

    /// Blocking form of commit(): returns when claimed.
    void block() noexcept {
        if (me_->park(seq_, Cancellable::no) == Parked::suspended) {
            block_until_claimed(*me_, seq_);
        }
    }

private:
    /// Somebody is or was at the word, now or in an earlier wait: finds out what follows.
    HEDDLE_NOINLINE bool commit_slowly(Cancellable mode) noexcept {
        for (;;) {
            switch (me_->park_disturbed(seq_, mode)) {
                case Parked::suspended:
                    return true;
                case Parked::woken:
                    return false;
                case Parked::cancelled:
                    delivered_ = true;
                    return false;
                case Parked::check:
                    if (take_due_scopes(*me_)) {
                        static_cast<void>(take_interrupt(*me_));  // one error for all requests there are
                        delivered_ = true;
                        if (me_->revoke(seq_)) {
                            return false;
                        }
                    }
            }
        }
    }

    Waiter* me_ = nullptr;
    std::uint64_t seq_ = 0;
    bool delivered_ = false;
};

/// Posts the running task to the back of the ready queue and leaves its frame at `frame`.
void post_running_task(std::coroutine_handle<> frame);

}  // namespace heddle::detail
