#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/sync/clock.hpp>
#include <heddle/detail/task/timer.hpp>

#include <array>
#include <cstdint>

namespace heddle::detail {

/// Hierarchical timing wheel of one worker: 6 levels of 64 slots, a tick of 2^16 ns. Arming and disarming are
/// O(1); a timer moves down at most 5 times. Varghese and Lauck (SOSP 1987).
///
/// The lists are guarded by a try-lock: the owner takes it uncontended, another worker may take it to fire
/// timers that are overdue because the owner runs a long step. Whoever finds it taken leaves his change on a
/// stack (QUEUED), which the next holder drains; nobody waits.
///
/// [wheel] the lock: acquire on taking, release on leaving; also guards what `linked` nodes point to.
/// [stack] pushing a change releases the node, draining acquires it.
class HEDDLE_CAPABILITY("wheel") TimerWheel : Immovable {
public:
    explicit TimerWheel(std::int64_t now) noexcept;
    ~TimerWheel();

    /// Owner thread.
    void arm(TimerNode& node) noexcept;
    /// Any thread, once per node. Frees the node, now or later.
    void disarm(TimerNode& node) noexcept;

    /// Fires everything that is due, in order of deadline; gives how many. 0 also when somebody else is at
    /// it.
    [[nodiscard]] std::size_t advance(std::int64_t now) noexcept;
    /// When advance() has to be called next: a lower bound of the earliest deadline, or `never`.
    [[nodiscard]] std::int64_t next_deadline() const noexcept {
        return next_deadline_.load(acquire);  // acquire [wheel]: a hint, refreshed under the lock
    }

    /// For the owner. False: somebody holds the wheel, or a change waits to be made, and next_deadline() may
    /// become earlier without notice. True: the next_deadline() that is read afterwards knows all timers. No
    /// change is left: whoever took the last one held the wheel then; not held any more: it has been let go
    /// of with the deadline up to date. So the order of the two looks matters.
    [[nodiscard]] bool settled() const noexcept {
        return changes_.load(acquire) == nullptr && !locked_.load(acquire);  // acquire [stack], then [wheel]
    }

private:
    static constexpr unsigned levels = 6;
    static constexpr unsigned slot_bits = 6;
    static constexpr unsigned slots = 1U << slot_bits;
    static constexpr unsigned tick_shift = 16;

    /// Circular, with the head as sentinel, so that unlinking needs no list.
    struct List : TimerLink {
        List() noexcept { previous = next = this; }
    };

    [[nodiscard]] bool try_lock() noexcept HEDDLE_TRY_ACQUIRE(true) {
        return !locked_.exchange(true, acq_rel);  // acq_rel [wheel]
    }
    void unlock() noexcept HEDDLE_RELEASE();
    void push_change(TimerNode& node) noexcept;
    void drain_changes() noexcept HEDDLE_REQUIRES(this);
    void link(TimerNode& node) noexcept HEDDLE_REQUIRES(this);
    static void unlink(TimerNode& node) noexcept;
    void collect(std::int64_t until, List& due) noexcept HEDDLE_REQUIRES(this);
    void empty_slot(unsigned level, unsigned slot, List& due) noexcept HEDDLE_REQUIRES(this);
    [[nodiscard]] std::int64_t earliest_tick() const noexcept HEDDLE_REQUIRES(this);
    static void sort(List& list) noexcept;
    static void fire(TimerNode& node) noexcept;

    std::int64_t tick_ HEDDLE_GUARDED_BY(this);  // everything up to here has been collected
    std::array<std::uint64_t, levels> occupied_ HEDDLE_GUARDED_BY(this){};
    std::array<std::array<List, slots>, levels> slots_ HEDDLE_GUARDED_BY(this){};
    Atomic<bool> locked_{false};
    Atomic<TimerNode*> changes_{nullptr};
    Atomic<std::int64_t> next_deadline_{never};
};

[[nodiscard]] TimerNode* make_timer();
[[nodiscard]] ScopeTimer* make_scope_timer();
void free_timer(TimerNode& node) noexcept;

}  // namespace heddle::detail
