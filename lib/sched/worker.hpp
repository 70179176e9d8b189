#pragma once

#include "run_queue.hpp"
#include "timer_wheel.hpp"
#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/task/worker_context.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace heddle::detail {

class Scheduler;

/// One worker thread: its lanes, its timers, and the loop that runs tasks.
///
/// Lanes, in the order they are looked at: next slot (the task woken last by the running one, at most 3 in a
/// row), ready ring, inject queue. Every 61 turns the order is reversed so that nothing starves. Fork
/// children never wait here: they are run in line by the scope that forked them (fork.hpp).
class Worker final : public WorkerContext {
public:
    Worker(Scheduler& owner, unsigned index, bool single);

    void run();

    /// A task woken or created by the running task.
    void push(TaskControl& task) noexcept;
    /// To the back of the queue: yields and timers.
    void push_behind(TaskControl& task) noexcept;
    /// After some of those: somebody may have to be woken to share them.
    void tell_of_pushes() noexcept;

    /// Of a single worker; others never fill the lane that is looked at.
    [[nodiscard]] bool ready_waits() const noexcept { return !fifo_.empty(); }
    [[nodiscard]] TimerWheel& timers() noexcept { return timers_; }
    [[nodiscard]] Parker& parker() noexcept { return parker_; }
    [[nodiscard]] unsigned index() const noexcept { return index_; }

    /// Something is ready here that its owner has not got to.
    [[nodiscard]] bool has_stealable() const noexcept;
    [[nodiscard]] std::uint32_t turns() const noexcept { return turns_.load(relaxed); }  // relaxed: a hint
    [[nodiscard]] bool slot_taken() const noexcept {
        return slot_.load(relaxed) != nullptr;
    }  // relaxed: a hint

    // [born] each counter has one writer; whoever sums them reads all of `died` before any of `born`.
    Atomic<std::uint64_t> born{0};
    Atomic<std::uint64_t> died{0};

private:
    friend class Scheduler;

    struct Work {
        TaskControl* task = nullptr;
        ForkChild* child = nullptr;
        explicit operator bool() const noexcept { return task != nullptr || child != nullptr; }
    };

    [[nodiscard]] TaskControl* fair_turn();
    [[nodiscard]] TaskControl* pop_ready() noexcept;
    [[nodiscard]] TaskControl* take_injected();
    /// Before running anything: a worker that counts as searching turns everybody's notify off, and the watch
    /// that it has left is to be taken by another one.
    void stop_searching() noexcept {
        if (searching_ || left_watch_) [[unlikely]] {
            end_search();
        }
    }
    HEDDLE_ASIDE void end_search() noexcept;
    void housekeeping();
    void execute(TaskControl& task);
    void execute(const Work& work);
    void drive(std::coroutine_handle<> next);
    [[nodiscard]] std::coroutine_handle<> first_step(TaskControl& task);
    void end_root();
    void ring_push(TaskControl& task) noexcept;
    void fifo_push(TaskControl& task) noexcept;

    // Finding work elsewhere (steal.cpp).
    [[nodiscard]] Work search();
    [[nodiscard]] Work look_around(std::int64_t now);
    [[nodiscard]] Work steal_from(Worker& victim, std::int64_t now);
    struct Ripe {
        bool ring = false;
        bool slot = false;
        explicit operator bool() const noexcept { return ring || slot; }
    };
    [[nodiscard]] Ripe ripe(const Worker& victim, std::int64_t now) noexcept;
    [[nodiscard]] Work search_until_parked();
    [[nodiscard]] Work relieve();
    [[nodiscard]] std::size_t fire_overdue(Worker& late, std::int64_t now) noexcept;
    [[nodiscard]] bool anything_to_do();
    [[nodiscard]] static bool has_forks(const Worker& victim) noexcept;
    [[nodiscard]] std::int64_t own_deadline() const noexcept;
    void park_idle(bool searching);
    [[nodiscard]] bool keep_watch(std::int64_t& period);

    static constexpr std::uint32_t max_slot_streak = 3;
    const unsigned index_;
    const bool single_;
    bool behind_ = false;  // pushes go to the back: a batch of timers
    bool searching_ = false;
    bool left_watch_ = false;  // for a timer of its own, and nobody has been woken to watch instead
    std::uint32_t slot_streak_ = 0;
    std::uint32_t random_;
    std::int64_t spin_ns_;
    struct Look {  // at another worker's ring
        std::int64_t at = 0;
        std::uint32_t end = 0;
        std::uint32_t turns = 0;
    };
    std::vector<Look> looks_;   // by worker
    bool unripe_seen_ = false;  // by the last look around
    unsigned watched_ = 0;      // for relieve(): whom it looked at last, and how far that one was
    std::uint32_t watched_turns_ = 0;
    TimerWheel timers_;
    ReadyFifo fifo_;  // single only
    Parker parker_;
    [[maybe_unused]] char pad_[cache_line]{};
    Atomic<std::uint32_t> turns_{0};
    Atomic<TaskControl*> slot_{nullptr};
    ReadyRing ring_;
};

HEDDLE_ALWAYS_INLINE TaskControl* Worker::pop_ready() noexcept {
    if (single_) {
        return fifo_.pop();
    }
    if (slot_streak_ < max_slot_streak) {
        // relaxed: only this worker fills the slot; acq_rel [slot]: a thief may take it
        if (slot_.load(relaxed) != nullptr) {
            if (TaskControl* task = slot_.exchange(nullptr, acq_rel); task != nullptr) {  // acq_rel [slot]
                ++slot_streak_;
                return task;
            }
        }
    }
    slot_streak_ = 0;
    if (TaskControl* task = ring_.pop(); task != nullptr) {
        return task;
    }
    return slot_.load(relaxed) != nullptr ? slot_.exchange(nullptr, acq_rel) : nullptr;  // as above [slot]
}

}  // namespace heddle::detail
