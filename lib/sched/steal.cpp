#include "scheduler.hpp"
#include "worker.hpp"
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/task/fork.hpp>

#include <algorithm>

// What a worker does when its own lanes are empty: search, then sleep. See idle.hpp for why no wake-up is
// lost.

namespace heddle::detail {

namespace {

constexpr std::int64_t min_spin_ns = 5'000;
constexpr std::int64_t watch_period_ns = 10'000'000;
constexpr unsigned pauses_per_round = 16;

std::uint32_t next_random(std::uint32_t& state) noexcept {  // xorshift, Marsaglia 2003
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return state;
}

}  // namespace

Worker::Work Worker::search() {
    housekeeping();
    if (TaskControl* task = pop_ready(); task != nullptr) {
        stop_searching();
        return {task, nullptr};
    }
    if (!searching_ && !single_) {
        searching_ = scheduler->idle_.try_start_search(index_);
    }
    Work found;
    if (searching_ || single_) {
        found = search_until_parked();
    }
    if (found) {
        stop_searching();
        return found;
    }
    const bool was_searching = searching_;
    searching_ = false;
    park_idle(was_searching);
    return {};
}

/// Looks everywhere for a while. Adapts: spinning that finds nothing gets shorter.
Worker::Work Worker::search_until_parked() {
    const std::int64_t full = scheduler->may_spin_ ? scheduler->options().spin_ns : 0;
    const std::int64_t end = full > 0 ? now_ns() + std::min(spin_ns_, full) : 0;
    do {
        if (Work found = steal_once(false)) {
            spin_ns_ = std::min(full, spin_ns_ * 2);
            return found;
        }
        if (timers_.next_deadline() != never ||
            scheduler->stopping_.load(relaxed)) {  // relaxed: looked at again before sleeping
            housekeeping();
            if (TaskControl* task = pop_ready(); task != nullptr) {
                return {task, nullptr};
            }
        }
        for (unsigned i = 0; i < pauses_per_round; ++i) {
            spin_pause();
        }
    } while (end != 0 && !scheduler->stopping_.load(relaxed) && now_ns() < end);  // relaxed: as above
    spin_ns_ = std::max(std::min(min_spin_ns, full), spin_ns_ / 2);
    return single_ ? Work{} : steal_once(true);
}

Worker::Work Worker::steal_once(bool also_slots) {
    if (TaskControl* task = take_injected(); task != nullptr) {
        return {task, nullptr};
    }
    if (single_) {
        return {};
    }
    const auto n = static_cast<unsigned>(scheduler->workers_.size());
    const unsigned first = next_random(random_) % n;
    for (unsigned i = 0; i < n; ++i) {
        Worker& victim = *scheduler->workers_[(first + i) % n];
        if (&victim != this) {
            if (Work found = steal_from(victim, also_slots)) {
                return found;
            }
        }
    }
    return {};
}

Worker::Work Worker::steal_from(Worker& victim, bool also_slot) {
    if (ForkChild* child = victim.forks.steal(); child != nullptr) {
        return {nullptr, child};
    }
    if (ring_.room() >= ReadyRing::capacity / 2) {
        if (TaskControl* task = victim.ring_.steal_into(ring_); task != nullptr) {
            return {task, nullptr};
        }
    }
    // A task in the slot is about to be run by its owner; it is stuck there only if the owner makes no turn.
    if (also_slot && victim.slot_taken()) {
        const std::uint32_t before = victim.turns();
        for (unsigned i = 0; i < 64 * pauses_per_round && victim.slot_taken(); ++i) {
            spin_pause();
        }
        if (victim.turns() == before && victim.slot_taken()) {
            return {victim.slot_.exchange(nullptr, acq_rel), nullptr};  // acq_rel [slot]
        }
    }
    return {};
}

/// A worker that never runs out of tasks of its own does not search. So that what lies behind a long step of
/// another one is not forgotten, it looks at one of them now and then: nothing moved since the last look?
Worker::Work Worker::relieve() {
    const auto n = static_cast<unsigned>(scheduler->workers_.size());
    if (n == 1) {
        return {};
    }
    Worker& watched = *scheduler->workers_[watched_];
    if (&watched != this && watched.turns() == watched_turns_ && watched.has_stealable()) {
        return steal_from(watched, true);
    }
    watched_ = (watched_ + 1) % n;
    watched_turns_ = scheduler->workers_[watched_]->turns();
    return {};
}

/// The last look before sleeping, after everybody's stores have become visible.
bool Worker::anything_to_do() const {
    if (!scheduler->inject_.looks_empty() || scheduler->stopping_.load(acquire)) {  // acquire [stop]
        return true;
    }
    return std::ranges::any_of(scheduler->workers_, [this](const auto& worker) {
        return worker.get() != this && worker->has_stealable();
    });
}

void Worker::park_idle(bool searching) {
    IdleWord& idle = scheduler->idle_;
    epoch_tick();
    if (idle.sleep(index_, searching)) {
        if (!single_) {
            process_barrier();  // a lane push whose RMW was filtered away is visible after this
        }
        if (anything_to_do()) {
            idle.wake_self_searching(index_);
            searching_ = true;
            return;
        }
    }
    bool watching = !single_ && idle.take_watch();
    for (;;) {
        const std::int64_t own = timers_.next_deadline();
        if (watching && idle.sleepers() == scheduler->workers()) {
            idle.leave_watch();  // nobody runs: nothing can be stuck, and an idle runtime uses no CPU
            watching = false;
        }
        const std::int64_t watch = watching ? now_ns() + watch_period_ns : never;
        if (parker_.park(std::min(own, watch)) || own <= watch || !keep_watch()) {
            break;
        }
    }
    if (watching) {
        idle.leave_watch();
    }
    searching_ = idle.woken(index_);
}

/// The sentinel: while others run, looks now and then for what is stuck behind a long step. False: found
/// something, go and search.
bool Worker::keep_watch() {
    const std::int64_t now = now_ns();
    for (const auto& worker : scheduler->workers_) {
        if (worker.get() == this) {
            continue;
        }
        if (worker->timers_.next_deadline() < now - watch_period_ns / 10) {
            static_cast<void>(worker->timers_.advance(now));
            worker->parker_.unpark();  // it may have read a deadline from before what we have just linked
        }
        if (worker->has_stealable()) {
            return false;
        }
    }
    return !has_stealable();
}

}  // namespace heddle::detail
