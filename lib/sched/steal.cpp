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
// A ready task is left to its worker for so long: about what it takes to wake another one. So tasks that wake
// each other stay together, where their lines are, and only what a worker does not get through is shared.
// (Linux treats threads alike: sched_migration_cost.)
constexpr std::int64_t ripe_ns = 40'000;
// How often searching looks at the other workers' lanes, whose lines it takes away from them.
constexpr std::int64_t look_ns = 2'000;
// How often the sentinel looks: often while it sees ready tasks, else more and more rarely.
constexpr std::int64_t close_watch_ns = ripe_ns;
constexpr std::int64_t lazy_watch_ns = 10'000'000;
// While all sleep: only in case that a worker which was woken stands still.
constexpr std::int64_t slow_watch_ns = 1'000'000'000;
constexpr std::int64_t overdue_ns = lazy_watch_ns / 10;
constexpr std::int64_t unsettled_ns = 1'000'000;
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
    epoch_rest();
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
    std::int64_t now = now_ns();
    const std::int64_t end = now + std::min(spin_ns_, full);
    std::int64_t next_look = now;
    for (;;) {
        Work found{take_injected(), nullptr};
        if (!found && !single_ && now >= next_look) {
            found = look_around(now);
            next_look = now + (unripe_seen_ ? ripe_ns / 4 : look_ns);
        }
        if (found) {
            spin_ns_ = std::min(full, spin_ns_ * 2);
            return found;
        }
        if (timers_.next_deadline() != never) {
            housekeeping();
            if (TaskControl* task = pop_ready(); task != nullptr) {
                return {task, nullptr};
            }
        }
        if (now >= end || scheduler->stopping_.load(relaxed)) {  // relaxed: looked at again before sleeping
            break;
        }
        for (unsigned i = 0; i < pauses_per_round; ++i) {
            spin_pause();
        }
        now = now_ns();
    }
    spin_ns_ = std::max(std::min(min_spin_ns, full), spin_ns_ / 2);
    return {};
}

/// Children that may be stolen: their thief needs memory for their blocks.
bool Worker::has_forks(const Worker& victim) noexcept {
    return !victim.forks.looks_empty() && fork_adoptable();
}

/// Once at every other worker's lanes, beginning with any.
Worker::Work Worker::look_around(std::int64_t now) {
    const auto n = static_cast<unsigned>(scheduler->workers_.size());
    const unsigned first = next_random(random_) % n;
    unripe_seen_ = false;
    for (unsigned i = 0; i < n; ++i) {
        Worker& victim = *scheduler->workers_[(first + i) % n];
        if (&victim != this) {
            if (Work found = steal_from(victim, now)) {
                return found;
            }
        }
    }
    return {};
}

Worker::Work Worker::steal_from(Worker& victim, std::int64_t now) {
    if (has_forks(victim)) {
        if (ForkChild* child = victim.forks.steal(); child != nullptr) {
            return {nullptr, child};
        }
    }
    const Ripe ready = ripe(victim, now);
    if (ready.ring) {
        if (TaskControl* task = victim.ring_.steal_into(ring_); task != nullptr) {
            return {task, nullptr};
        }
    }
    if (ready.slot) {
        return {victim.slot_.exchange(nullptr, acq_rel), nullptr};  // acq_rel [slot]
    }
    return {};
}

/// What of `victim`'s has been ready for ripe_ns? As far as we know: nobody writes down when a task became
/// ready; it was there when we looked so long ago.
Worker::Ripe Worker::ripe(const Worker& victim, std::int64_t now) noexcept {
    const bool any = victim.ring_.size() != 0;
    const bool slot = victim.slot_taken();
    if (!any && !slot) {
        return {};
    }
    Look& last = looks_[victim.index_];
    const bool old_ring = any && victim.ring_.waits_before(last.end);
    const bool old_slot = slot && victim.turns() == last.turns;  // its owner runs it next, if he makes a turn
    if (!old_ring && !old_slot) {
        last = {now, victim.ring_.end(), victim.turns()};
    } else if (now - last.at >= ripe_ns) {
        return {old_ring, old_slot};
    }
    unripe_seen_ = true;
    return {};
}

/// Timers of a worker that does not get to them itself.
std::size_t Worker::fire_overdue(Worker& late, std::int64_t now) noexcept {
    if (late.timers_.next_deadline() >= now - overdue_ns) {
        return 0;
    }
    behind_ = true;
    const std::size_t fired = late.timers_.advance(now);
    behind_ = false;
    late.parker_.unpark();  // it may have read a deadline from before what we have just linked
    return fired;
}

/// A worker that never runs out of tasks of its own does not search. So that what lies behind a long step of
/// another one is not forgotten, it looks at one of them now and then: nothing moved since the last look?
Worker::Work Worker::relieve() {
    const auto n = static_cast<unsigned>(scheduler->workers_.size());
    if (n == 1) {
        return {};
    }
    Worker& watched = *scheduler->workers_[watched_];
    if (&watched != this && watched.turns() == watched_turns_) {
        if (watched.timers_.next_deadline() != never && fire_overdue(watched, now_ns()) != 0) {
            scheduler->notify(index_);  // nobody else has seen these tasks
        }
        if (watched.has_stealable()) {
            looks_[watched_] = {0, watched.ring_.end(), watched_turns_};  // ripe: no turn since the last look
            return steal_from(watched, now_ns());
        }
    }
    watched_ = (watched_ + 1) % n;
    watched_turns_ = scheduler->workers_[watched_]->turns();
    return {};
}

/// The last look before sleeping, after everybody's stores have become visible. What is not ripe yet is left
/// to the one who keeps watch.
bool Worker::anything_to_do() {
    if (!scheduler->inject_.looks_empty() || scheduler->stopping_.load(acquire)) {  // acquire [stop]
        return true;
    }
    const std::int64_t now = now_ns();
    return std::ranges::any_of(scheduler->workers_, [&](const auto& worker) {
        return worker.get() != this && (has_forks(*worker) || ripe(*worker, now));
    });
}

/// When this worker has to look after its timers. Somebody who holds the wheel may be about to link one that
/// was armed meanwhile, and does not wake us; and while he does, looking at it again and again is no use.
std::int64_t Worker::own_deadline() const noexcept {
    const bool settled = timers_.settled();  // before the deadline
    const std::int64_t next = timers_.next_deadline();
    if (settled) {
        return next;
    }
    const std::int64_t now = now_ns();
    return std::clamp(next, now + close_watch_ns, now + unsettled_ns);
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
    const std::int64_t asleep = now_ns();
    std::int64_t period = close_watch_ns;
    left_watch_ = false;  // no work came of it: somebody has the watch again
    bool watching = !single_ && idle.take_watch(index_);
    bool slow = false;
    bool found = false;
    for (;;) {
        const std::int64_t own = own_deadline();
        std::int64_t pause = period;
        if (watching && idle.sleepers() == scheduler->workers()) {
            // Nobody runs: nothing can be stuck, and an idle runtime uses next to no CPU.
            watching = slow = idle.slow_watch(index_);
            pause = slow_watch_ns;
        }
        if (slow && !idle.everybody_sleeps()) {
            slow = false;
            watching = idle.take_watch(index_);  // unless somebody else has taken it meanwhile
            pause = period = close_watch_ns;
        }
        const std::int64_t watch = watching ? now_ns() + pause : never;
        epoch_rest();
        if (parker_.park(std::min(own, watch)) || own <= watch) {
            break;
        }
        found = !keep_watch(period);
        if (found) {
            break;
        }
    }
    if (found) {
        // Somebody else is awake, and finds the watch free, before this worker counts as searching (whatever
        // the limit, so that the torch is passed): wherever it is held up, the others go on.
        scheduler->notify(index_, true);
        idle.leave_watch(index_);
        idle.wake_self_searching(index_);
        searching_ = true;
    } else {
        searching_ = idle.woken(index_);  // before it leaves the watch, or it might be chosen first
        if (watching) {
            idle.leave_watch(index_);
            left_watch_ = !idle.everybody_else_sleeps();  // [watch]: who runs may count on it
        }
    }
    // Work came so soon that looking a little longer would have saved a sleep and a wake-up.
    if (const std::int64_t full = scheduler->options().spin_ns; now_ns() - asleep < full) {
        spin_ns_ = full;
    }
}

/// The sentinel: while others run, looks now and then for what they do not get to, and for what has come from
/// outside and was left to a searcher that the system does not let run. False: found something, go and
/// search.
bool Worker::keep_watch(std::int64_t& period) {
    if (!scheduler->inject_.looks_empty()) {
        return false;
    }
    const std::int64_t now = now_ns();
    bool waiting = false;
    for (const auto& worker : scheduler->workers_) {
        if (worker.get() == this) {
            continue;
        }
        static_cast<void>(fire_overdue(*worker, now));
        if (has_forks(*worker) || ripe(*worker, now)) {
            return false;
        }
        waiting = waiting || worker->has_stealable();
    }
    if (has_stealable()) {
        return false;
    }
    period = waiting ? close_watch_ns : std::min(2 * period, lazy_watch_ns);
    scheduler->idle_.watch_closely(index_, period <= 2 * close_watch_ns);
    return true;
}

}  // namespace heddle::detail
