#include "worker.hpp"

#include "scheduler.hpp"
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/task/fork.hpp>
#include <heddle/error.hpp>

#include <algorithm>
#include <utility>

namespace heddle::detail {

namespace {

constexpr std::uint32_t fairness_period = 61;
constexpr std::uint32_t relief_period = 16;  // of those
constexpr std::size_t inject_batch = 128;

}  // namespace

Worker::Worker(Scheduler& owner, unsigned index, bool single)
    : index_(index),
      single_(single),
      random_(index * 2654435761U + 1),
      spin_ns_(owner.options().spin_ns),
      looks_(owner.options().workers),
      timers_(now_ns()) {
    scheduler = &owner;
}

void Worker::run() {
    this_worker = this;
    epoch_stay(scheduler->barrier_works_);
    for (;;) {
        const std::uint32_t turn = turns() + 1;
        turns_.store(turn, relaxed);  // relaxed: a hint for the sentinel and for thieves
        TaskControl* task = nullptr;
        if (turn % fairness_period == 0) [[unlikely]] {
            if (scheduler->stopping_.load(acquire)) {  // acquire [stop]
                break;
            }
            task = fair_turn();
        } else {
            task = pop_ready();
        }
        if (task == nullptr) [[unlikely]] {
            task = take_injected();
        }
        if (task != nullptr) [[likely]] {
            stop_searching();
            execute(*task);
        } else if (scheduler->stopping_.load(acquire)) {  // acquire [stop]
            break;
        } else {
            execute(search());
        }
    }
    epoch_stay(false);
    this_worker = nullptr;
}

void Worker::end_search() noexcept {
    const bool last = std::exchange(searching_, false) && scheduler->idle_.stop_search(index_);
    const bool left_watch = std::exchange(left_watch_, false);
    if (last || left_watch) {
        scheduler->notify(index_, left_watch);  // the last searcher passes the torch
    }
}

/// Now and then: what nobody asks for, and the lanes in another order.
HEDDLE_NOINLINE TaskControl* Worker::fair_turn() {
    epoch_refresh();
    housekeeping();
    if (turns() % (fairness_period * relief_period) == 0) {
        if (const Work stuck = relieve()) {
            stop_searching();
            execute(stuck);
        }
    }
    if (TaskControl* task = take_injected(); task != nullptr) {
        return task;
    }
    slot_streak_ = max_slot_streak;  // this turn the ring goes first
    return pop_ready();
}

TaskControl* Worker::take_injected() {
    InjectQueue& inject = scheduler->inject_;
    const std::size_t waiting = inject.size();
    if (waiting == 0) [[likely]] {
        return nullptr;
    }
    TaskControl* batch[inject_batch];
    const std::size_t share = std::min(inject_batch, waiting / scheduler->workers() + 1);
    // There must be room for what is not run at once; in the ring half of it, as a thief leaves it.
    const std::size_t room =
        single_ ? fifo_.make_room(inject_batch)
                : ReadyRing::capacity / 2 - std::min<std::size_t>(ring_.size(), ReadyRing::capacity / 2 - 1);
    const std::size_t n = inject.pop_bulk(index_, batch, share, room);
    if (n == 0) {
        return nullptr;
    }
    if (inject.overflowed()) [[unlikely]] {
        scheduler->notify(index_);  // while we had all of it in hand, others have not seen it
    }
    if (single_) {
        // Behind what is ready already: asyncio's call_soon_threadsafe.
        for (std::size_t i = 0; i < n; ++i) {
            fifo_push(*batch[i]);
        }
        return fifo_.pop();
    }
    for (std::size_t i = 1; i < n; ++i) {
        ring_push(*batch[i]);
    }
    if (n > 1) {
        scheduler->notify_local(index_);
    }
    return batch[0];
}

/// Every 61 turns, and before sleeping: timers that are due, reclamation.
void Worker::housekeeping() {
    if (timers_.next_deadline() != never) {
        const std::int64_t now = now_ns();
        if (timers_.next_deadline() <= now) {
            behind_ = true;
            const std::size_t fired = timers_.advance(now);
            behind_ = false;
            if (fired != 0 && !single_) {
                scheduler->notify(index_);  // nobody else has seen these tasks; also brings a sentinel back
            }
        }
    }
    if (turns() % (fairness_period * 16) == 0) {
        epoch_tick();
    }
}

HEDDLE_ALWAYS_INLINE void Worker::execute(TaskControl& task) {
    current = Running(&task);
    const auto resume = reinterpret_cast<std::uintptr_t>(task.resume);
    if ((resume & TaskControl::hook_bit) != 0) {
        auto& hook = *reinterpret_cast<WakeHook*>(resume & ~TaskControl::hook_bit);
        drive(hook.on_wake(hook));
    } else if (task.has_flag(TaskControl::started)) [[likely]] {
        drive(std::coroutine_handle<>::from_address(task.resume));
    } else {
        drive(first_step(task));
    }
}

void Worker::execute(const Work& work) {
    if (work.task != nullptr) {
        execute(*work.task);
    } else if (work.child != nullptr) {
        drive(fork_adopt(*this, *work.child));
    }
}

/// A task that was cancelled before its first step never runs.
std::coroutine_handle<> Worker::first_step(TaskControl& task) {
    task.set_own_flag(TaskControl::started);
    // relaxed: a request that comes later is seen at the first suspension
    const bool cancelled = (task.word.load(relaxed) & word::pending) != 0;
    if (task.kind == TaskKind::fork_child) {
        auto& child = *static_cast<ForkChild*>(task.frame);
        if (!cancelled) {
            return child.code();
        }
        return child.starts_anyway() ? child.code() : fork_skip(child);
    }
    if (!cancelled || task.has_flag(TaskControl::observed)) [[likely]] {
        return std::coroutine_handle<>::from_address(task.frame);
    }
    finish = [](TaskControl& control, void* frame) noexcept {
        std::string message = take_cancel_message(control);
        std::coroutine_handle<>::from_address(frame).destroy();
        store_exception(control, Outcome::cancelled, cancelled_error(std::move(message)));
        complete_control(control);
    };
    finished_frame = task.frame;
    return std::noop_coroutine();
}

/// Runs `next` and what follows from it on this stack, until nothing is left in line.
HEDDLE_ALWAYS_INLINE void Worker::drive(std::coroutine_handle<> next) {
    for (;;) {
        next.resume();
        while (bounced != nullptr) [[unlikely]] {
            std::coroutine_handle<>::from_address(std::exchange(bounced, nullptr)).resume();
        }
        if (finish != nullptr) {
            end_root();
        }
        ForkScope* scope = scope_in_line(current);
        if (scope == nullptr) {
            return;
        }
        next = scope->next_in_line(*this);
    }
}

void Worker::end_root() {
    TaskControl& control = *current.control();
    std::exchange(finish, nullptr)(control, finished_frame);
    scheduler->died();
    control.drop_ref(TaskControl::runtime_ref);
}

void Worker::ring_push(TaskControl& task) noexcept {
    ring_.push(&task, [this](TaskControl* const* tasks, std::size_t n) {
        scheduler->inject_.push_bulk(index_, tasks, n);
        scheduler->notify(index_);
    });
}

void Worker::fifo_push(TaskControl& task) noexcept {
    if (!fifo_.push(&task)) {
        scheduler->inject_.push(&task);  // no memory for a longer lane
    }
}

void Worker::push(TaskControl& task) noexcept {
    if (single_) {
        fifo_push(task);
        return;
    }
    if (behind_) {
        push_behind(task);
        return;
    }
    if (slot_.load(relaxed) == nullptr) {  // relaxed: nobody else fills it
        slot_.store(&task, release);       // release [slot]: publishes the task to a thief
        return;
    }
    // acq_rel [slot]: the same; what was there, if no thief has just taken it, goes to the ring
    if (TaskControl* displaced = slot_.exchange(&task, acq_rel); displaced != nullptr) {
        ring_push(*displaced);
        scheduler->notify_local(index_);
    }
}

void Worker::push_behind(TaskControl& task) noexcept {
    if (single_) {
        fifo_push(task);
    } else {
        ring_push(task);
    }
}

void Worker::tell_of_pushes() noexcept {
    if (!single_) {
        scheduler->notify_local(index_);
    }
}

bool Worker::has_stealable() const noexcept {
    return ring_.size() != 0 || !forks.looks_empty() || slot_taken();
}

}  // namespace heddle::detail
