#pragma once

#include <heddle/detail/wait/latch_word.hpp>
#include <heddle/detail/wait/permits.hpp>
#include <heddle/event.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

// Queue = two semaphores around a container.
//
// slots  free places (absent when unbounded): put takes one, get gives one back
// items  { count:48 | inflight:14 | immediate:1 | closed:1 }: put gives one, get takes one
// open   put_count - task_done_count, what join() waits for
//
// No value travels through a wait queue: a waiter that is cancelled gives back a permit and nothing else, so
// no item can be lost or doubled. Rules:
// 1. An item is in the container before its permit is given; so whoever holds a permit finds an item.
// 2. inflight counts the puts that have passed the closed check and not yet published. After `closed` it only
//    falls; the RMW that brings {closed, inflight = 0} about is followed by exactly one seal().
// 3. seal() adds so many permits that every get passes from then on: the container, which can only shrink
//    now, decides between an item and QueueShutDown. A get that finds nothing gives its permit back.
// 4. After the RMW that gives a permit a put touches only this block, under the EpochPin of the call: the
//    getter may have destroyed the Queue, which retires the block.
//
// [items] every change of the word is an acq_rel RMW: what was done before put() is seen after the get().

namespace heddle::detail {

class QueueCore : public Retired {
public:
    QueueCore(std::ptrdiff_t maxsize, void (*how_to_reclaim)(Retired*) noexcept) noexcept
        : Retired{.reclaim = how_to_reclaim}, slots(maxsize > 0 ? maxsize : 0), limit(maxsize) {}
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;
    QueueCore(QueueCore&&) = delete;
    QueueCore& operator=(QueueCore&&) = delete;

    static constexpr std::int64_t closed_bit = 1;
    static constexpr std::int64_t immediate_bit = 2;
    static constexpr std::int64_t inflight_one = 4;
    static constexpr std::int64_t inflight_mask = ((std::int64_t{1} << 14U) - 1) * inflight_one;
    static constexpr std::int64_t item = std::int64_t{1} << 16U;
    /// Permits that sealing adds: more than anybody can ever use up.
    static constexpr std::int64_t plenty = std::int64_t{1} << 40U;

    [[nodiscard]] bool bounded() const noexcept { return limit > 0; }
    [[nodiscard]] std::ptrdiff_t size() const noexcept;
    [[nodiscard]] bool closed() const noexcept { return (items.count() & closed_bit) != 0; }
    [[nodiscard]] bool full() const noexcept {
        return bounded() &&
               (closed() ? size() >= limit : slots.count() <= 0);  // closing opens the slots for good
    }

    // The steps of putting `n` items, with as many slots taken and under an EpochPin:
    /// Throws QueueShutDown if the queue is closed.
    void begin_put(std::size_t n) {
        std::int64_t w = items.word.load(relaxed);  // relaxed: the CAS validates it
        do {
            if ((w & closed_bit) != 0) [[unlikely]] {
                throw_shut_down();
            }
        } while (
            !items.word.compare_exchange_weak(w, w + inflight_one, acq_rel, relaxed));  // acq_rel [items]
        open.count_up(n);  // before an item can be got and counted down again
    }
    /// `done` of the `n` items are in the container: hands those to getters, and for the others it is as if
    /// their put had never begun. The caller gives their slots back.
    void end_put(std::size_t n, std::size_t done) {
        if (n > done) [[unlikely]] {
            not_put(n - done);
        }
        const auto given = static_cast<std::int64_t>(done);
        // acq_rel [items]; the Queue may be gone, this block is held by the pin
        const std::int64_t old = items.word.fetch_add(given * item - inflight_one, acq_rel);
        if (old < 0 || (old & closed_bit) != 0) [[unlikely]] {
            after_put(old, given);
        }
    }

    /// Permits for items, not to be used: closed, or the item could not be moved out.
    void give_items_back(std::size_t n);
    void give_slots_back(std::size_t n) {
        if (bounded() && n > 0) {
            static_cast<void>(slots.give(static_cast<std::int64_t>(n), no_bound));
        }
    }

    /// Takes an item's permit, if there is one now. Throws QueueShutDown if none will ever come.
    [[nodiscard]] bool try_take_item();
    [[noreturn]] void throw_no_slot() const;
    [[noreturn]] HEDDLE_COLD static void throw_shut_down();
    void task_done();

    /// Under an EpochPin.
    void shutdown(bool immediate);

    Permits slots;
    Permits items{0};
    LatchWord open;
    EventWord closed_event;
    const std::ptrdiff_t limit;

    static constexpr std::int64_t no_bound = std::numeric_limits<std::int64_t>::max();

protected:
    ~QueueCore() = default;

private:
    HEDDLE_NOINLINE void not_put(std::size_t n) noexcept;
    HEDDLE_NOINLINE void after_put(std::int64_t old, std::int64_t given);
    /// Empties the container; calls dropped() for each item.
    virtual void drain() = 0;
    void seal();

protected:
    void dropped();
};

/// Waits for a free slot, if the queue is bounded.
class SlotAwaiter {
public:
    explicit SlotAwaiter(QueueCore& core) noexcept : core_(core), permit_(core.slots) {}
    bool await_ready() noexcept {
        if (!core_.bounded()) {
            return true;
        }
        waited_ = true;
        return permit_.await_ready();
    }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return permit_.await_suspend(frame);
    }
    /// With a slot taken, or throws CancelledError.
    void finish() {
        if (waited_) {
            permit_.await_resume();
        }
    }
    void wait_blocking(const char* what) {
        if (core_.bounded()) {
            permit_.wait_blocking(what);
        } else {
            static_cast<void>(blocking_waiter(what));  // refused on a worker, as where it would wait
        }
    }

protected:
    QueueCore& core_;

private:
    PermitAwaiter permit_;
    bool waited_ = false;
};

}  // namespace heddle::detail
