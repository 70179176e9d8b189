#include "seam.hpp"

#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/detail/wait/waiter.hpp>
#include <heddle/error.hpp>

#include <array>
#include <cstdio>

// Seam 1 and the parts of the platform that the primitives need, for virtual threads. Compiled like the
// shipped sources: its accesses are watched too.

namespace heddle {

namespace {

struct VirtualTask : detail::Waiter {
    detail::WakeHook* hook = nullptr;  // owner only
};
std::array<VirtualTask, explore::max_threads> tasks;  // type-stable, as slabs are

unsigned number_of(const detail::Waiter& who) {
    return static_cast<unsigned>(static_cast<const VirtualTask*>(&who) - tasks.data());
}

}  // namespace

namespace explore {

void set_up() {
    per_thread(reinterpret_cast<void**>(&detail::this_thread_epoch));
    permanent(sizeof(detail::EpochRecord));
    at_thread_exit([] { detail::epoch_tick(); });
}

std::coroutine_handle<> own_frame() { return std::coroutine_handle<>::from_address(&tasks[self()]); }

void suspended_until_scheduled(std::coroutine_handle<> next) {
    VirtualTask& me = tasks[self()];
    while (next == std::noop_coroutine()) {
        sleep("in a wait");
        if (me.hook == nullptr) {
            return;
        }
        detail::WakeHook& hook = *me.hook;
        next = hook.on_wake(hook);
    }
}

void cancel(unsigned thread) {
    if (tasks[thread].request_cancel() == detail::CancelStep::claimed) {
        wake(thread);
    }
}

bool parked(unsigned thread) {
    return detail::word::phase(tasks[thread].word.load(detail::acquire)) == detail::word::suspended;
}

}  // namespace explore

namespace detail {

Waiter& current_waiter() { return tasks[explore::self()]; }
bool inside_task() noexcept { return true; }

void set_resume_point(Waiter& who, std::coroutine_handle<>) noexcept {
    static_cast<VirtualTask&>(who).hook = nullptr;
}
void set_resume_hook(Waiter& who, WakeHook& hook) noexcept { static_cast<VirtualTask&>(who).hook = &hook; }

void schedule(Waiter& who) noexcept { explore::wake(number_of(who)); }
void schedule_batch(Waiter* const* who, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        schedule(*who[i]);
    }
}
void post_running_task(std::coroutine_handle<>) { explore::fail("nothing here yields"); }

bool take_due_scopes(Waiter&) noexcept { return false; }
std::string take_cancel_message(Waiter&) { return {}; }
void throw_cancelled(Waiter&) { throw CancelledError(); }

Waiter& blocking_waiter(const char*) { return current_waiter(); }
void block_until_claimed(Waiter& me, std::uint64_t seq) noexcept {
    while (word::seq(me.word.load(acquire)) == seq) {  // acquire [grant]
        explore::sleep("a blocking wait");
    }
}

}  // namespace detail
}  // namespace heddle
