#pragma once

#include <heddle/detail/wait/suspension.hpp>
#include <heddle/detail/wait/wait_queue.hpp>

#include <cstdint>

// Permits with FIFO waiters: what Lock, Semaphore, BoundedSemaphore and both halves of a Queue stand on.
//
// The word counts in units (1, or 1 << k where the low k bits belong to the user of the word):
// count > 0: free permits; count <= 0: -count waiters are registered. One RMW decides "have it, wait, or
// wake somebody"; the WaitQueue only orders who. Proof of conservation: docs/design.md.
//
// [permit] an RMW that gives is a release, one that takes an acquire: what was done before the permit was
// given is seen by whoever takes it.

namespace heddle::detail {

struct Permits : Immovable {
    explicit Permits(std::int64_t initial) noexcept : word(initial) {}
    ~Permits() { WaitQueue::dispose(queue); }

    Atomic<std::int64_t> word;
    Atomic<WaitQueue*> queue{nullptr};

    /// One RMW. False: the caller is now counted as a waiter and must enqueue. Needs: prepare() before.
    [[nodiscard]] bool take(std::int64_t unit = 1) noexcept {
        return word.fetch_sub(unit, acq_rel) >= unit;  // acq_rel [permit]
    }
    /// Takes a permit if one is free; never waits.
    [[nodiscard]] bool try_take(std::int64_t unit = 1) noexcept {
        return try_take_from(word.load(relaxed), unit);  // relaxed: the CAS validates it
    }
    /// The same where there is never more than one, which is mostly free as long as nobody has waited for it.
    [[nodiscard]] bool try_take_only(std::int64_t unit) noexcept {
        return try_take_from(calm() ? unit : word.load(relaxed), unit);  // relaxed: the CAS validates it
    }
    /// Takes as many of `n` permits as are free, in one RMW; never waits.
    [[nodiscard]] std::int64_t try_take_up_to(std::int64_t n, std::int64_t unit = 1) noexcept {
        std::int64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        while (w >= unit) {
            const std::int64_t some = n < w / unit ? n : w / unit;
            if (word.compare_exchange_weak(w, w - some * unit, acq_rel, relaxed)) {  // acq_rel [permit]
                return some;
            }
        }
        return 0;
    }
    /// Gives `n` permits unless the count would exceed `bound`; wakes waiters in order. False: refused,
    /// nothing changed. Its last access to *this is the RMW that gives.
    [[nodiscard]] bool give(std::int64_t n, std::int64_t bound, std::int64_t unit = 1) noexcept {
        std::int64_t w = bound == 1 && calm() ? 0 : word.load(relaxed);  // relaxed: the CAS validates it
        while (w >= 0) {
            if (w > bound - n) {
                return false;
            }
            if (word.compare_exchange_weak(w, w + n, acq_rel,
                                           relaxed)) {  // acq_rel [permit]; *this may be gone
                return true;
            }
        }
        return n == unit ? give_one_slowly(bound, unit) : give_slowly(n, bound, unit);
    }
    [[nodiscard]] std::int64_t count() const noexcept { return word.load(acquire); }  // acquire [permit]

    /// Before a take() that may make the caller a waiter: afterwards nothing can fail any more. Throws
    /// std::bad_alloc.
    void prepare() { static_cast<void>(WaitQueue::of(queue)); }
    /// True: prepare() would find nothing to do.
    [[nodiscard]] bool prepared() const noexcept { return WaitQueue::ready(queue); }
    /// Second step of a failed take(). False: a permit has arrived meanwhile.
    [[nodiscard]] bool enqueue(WaitToken token, WaitPlace& place) const noexcept;
    /// The waiter gives up. False: it has been granted a permit, which is now its to give back.
    [[nodiscard]] bool abort(WaitPlace place, const Waiter& who, std::int64_t unit = 1) noexcept;

    /// Wakes `n` registered waiters that have already been accounted for in the word. Needs an EpochPin.
    static void wake(WaitQueue& queue, std::int64_t n) noexcept;

private:
    /// Nobody has ever waited: the first CAS may guess the word. (Right after an RMW on it, a load would wait
    /// for that; elsewhere the line travels once and not twice.)
    [[nodiscard]] bool calm() const noexcept { return queue.load(relaxed) == nullptr; }  // relaxed: a hint
    [[nodiscard]] bool try_take_from(std::int64_t w, std::int64_t unit) noexcept {
        while (w >= unit) {
            if (word.compare_exchange_weak(w, w - unit, acq_rel, relaxed)) {  // acq_rel [permit]
                return true;
            }
        }
        return false;
    }
    static void wake_many(WaitQueue& queue, std::int64_t n) noexcept;
    /// What the RMW that gives has found: the word, and the queue if somebody waits.
    struct Given {
        bool done;
        std::int64_t word;
        WaitQueue* waiters;
    };
    [[nodiscard]] Given count_up(std::int64_t n, std::int64_t bound) noexcept;
    HEDDLE_NOINLINE bool give_one_slowly(std::int64_t bound, std::int64_t unit) noexcept;
    HEDDLE_NOINLINE bool give_slowly(std::int64_t n, std::int64_t bound, std::int64_t unit) noexcept;
};
static_assert(sizeof(Permits) == 16);

/// Waits for one permit. If cancelled, or out of memory: nothing is taken.
class [[nodiscard("does nothing until it is co_awaited")]] PermitAwaiter {
public:
    explicit PermitAwaiter(Permits& permits, std::int64_t unit = 1, bool only_one = false) noexcept
        : permits_(permits), unit_(unit), only_one_(only_one) {}

    bool await_ready() noexcept {
        granted_ = only_one_ ? permits_.try_take_only(unit_) : permits_.try_take(unit_);
        return granted_ && !HEDDLE_FORCE_SUSPEND;
    }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return suspend(frame) ? std::noop_coroutine() : frame;
    }
    void await_resume() {
        if (suspension_.begun() && suspension_.interrupted()) [[unlikely]] {
            give_up();
        }
    }

    /// The same wait on a plain thread.
    void wait_blocking(const char* what);

private:
    bool suspend(std::coroutine_handle<> frame);
    HEDDLE_COLD bool suspend_slowly(std::coroutine_handle<> frame);
    inline bool wait(WaitToken token) noexcept;
    [[noreturn]] HEDDLE_COLD void give_up();

    Permits& permits_;
    std::int64_t unit_;
    Suspension suspension_;
    WaitPlace place_;
    bool granted_ = false;
    bool only_one_;  // there is never more than one permit
};

}  // namespace heddle::detail
