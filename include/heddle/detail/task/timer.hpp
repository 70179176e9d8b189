#pragma once

#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/wait/waiter.hpp>

#include <cstdint>

// Timers as tasks see them. The wheel that holds them is in lib/sched.
//
// state bits; exactly one party frees a node, decided by one RMW on them:
// QUEUED     on the wheel's stack of changes (to be linked, or to be unlinked)
// FIRED      the wheel is done with it: its task frees it
// CANCELLED  its task is done with it: the wheel frees it when it takes it off the stack
// FIRE_DONE  (scopes) fire has finished reading: the second of {the task's exit, FIRE_DONE} frees
//
// [timer] every change of the bits is an RMW: who comes second sees what the first did to the node.

namespace heddle::detail {

class TimerWheel;

/// Position in a slot's list; under the wheel's lock.
struct TimerLink : Immovable {
    TimerLink* previous = nullptr;
    TimerLink* next = nullptr;
};

struct TimerNode : TimerLink {
    TimerNode* next_queued = nullptr;
    std::int64_t when = 0;  // steady clock, ns
    TimerWheel* wheel = nullptr;
    Waiter* who = nullptr;
    std::uint64_t seq = 0;
    Atomic<std::uint32_t> state{0};
    bool is_scope = false;
    bool linked = false;  // under the wheel's lock

    static constexpr std::uint32_t queued = 1;
    static constexpr std::uint32_t fired = 2;
    static constexpr std::uint32_t cancelled = 4;
    static constexpr std::uint32_t fire_done = 8;
};
static_assert(sizeof(TimerNode) == 64);

/// The timer of a timeout scope: fire does not wake a token but asks the task to look at its scopes.
///
/// scope = ENTERED -fire-> EXPIRING -the task looks-> DELIVERED; any -exit-> EXITED
struct ScopeTimer : TimerNode {
    ScopeTimer() noexcept { is_scope = true; }
    static constexpr std::uint32_t entered = 0;
    static constexpr std::uint32_t expiring = 1;
    static constexpr std::uint32_t delivered = 2;
    static constexpr std::uint32_t exited = 3;
    Atomic<std::uint32_t> scope{entered};
    ScopeTimer* outer = nullptr;  // the task's next open scope
};

/// Wakes `token` at `when`, never earlier. Worker threads only.
[[nodiscard]] TimerNode* arm_timer(WaitToken token, std::int64_t when);
/// Exactly once per timer, by the task that armed it, also after it has fired.
void disarm_timer(TimerNode* node) noexcept;

/// A scope timer of the running task; `never` makes one that is not on any wheel.
[[nodiscard]] ScopeTimer* arm_scope_timer(Waiter& who, std::int64_t when);
/// As disarm_timer, after the scope's state has left ENTERED and EXPIRING for good.
void disarm_scope_timer(ScopeTimer* timer) noexcept;

/// What the wheel calls when a scope's time has come: never wakes a wait that has been left.
void fire_scope(ScopeTimer& timer) noexcept;

}  // namespace heddle::detail
