#pragma once

// SEAM 1. What waiting needs from the layers above: who waits, and how it is made to run again. Declared
// here, defined by the tasks (lib/task/suspend.cpp, fork_control.cpp), resolved by the linker.

#include <heddle/detail/wait/waiter.hpp>

#include <coroutine>
#include <cstddef>
#include <string>

namespace heddle::detail {

/// The task that runs on this worker. Gives a gather child its own control block on first use.
/// Throws std::runtime_error("no running event loop") on a thread that is no worker.
[[nodiscard]] Waiter& current_waiter();
/// The same if it takes no more than a look, else null.
[[nodiscard]] Waiter* waiter_at_hand() noexcept;
/// The same on a worker, where it is too late to fail for lack of memory.
[[nodiscard]] Waiter& current_waiter_always() noexcept;

/// Where `who` goes on when it is next scheduled. Owner only, before its token is published.
void set_resume_point(Waiter& who, std::coroutine_handle<> frame) noexcept;

/// Something that is asked what to run when its waiter has been woken: null means "it went on waiting".
struct WakeHook {
    std::coroutine_handle<> (*on_wake)(WakeHook&) noexcept;
};
void set_resume_hook(Waiter& who, WakeHook& hook) noexcept;

/// Makes a claimed waiter run: to the ready queue of its runtime, or out of its futex.
void schedule(Waiter& who) noexcept;
void schedule_batch(Waiter* const* who, std::size_t n) noexcept;

/// The timeout scopes of `who` after CHECK: true if one is due and its expiry counts as delivered now.
[[nodiscard]] bool take_due_scopes(Waiter& who) noexcept;

/// The message of the request just taken; empty if it had none.
[[nodiscard]] std::string take_cancel_message(Waiter& who);
/// Gives it back to be taken later, unless a newer one has come. Out of memory it is lost.
void keep_cancel_message(Waiter& who, std::string message) noexcept;
/// Throws CancelledError with the message of the request just taken.
[[noreturn]] void throw_cancelled(Waiter& who);

/// The calling thread as a waiter. Throws std::runtime_error on a worker thread, where blocking would
/// stop other tasks: `what` names the call.
[[nodiscard]] Waiter& blocking_waiter(const char* what);
/// Blocks until `seq` of the calling thread's waiter has been claimed.
void block_until_claimed(Waiter& me, std::uint64_t seq) noexcept;

}  // namespace heddle::detail
