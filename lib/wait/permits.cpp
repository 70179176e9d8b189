#include "sync/library_pin.hpp"
#include <heddle/detail/wait/permits.hpp>

#include <algorithm>
#include <limits>

namespace heddle::detail {

namespace {

/// The waiter, if it is the caller's to schedule now; else null.
Waiter* claimed(WaitToken token) noexcept {
    return token.who != nullptr && token.who->claim(token.seq) ? token.who : nullptr;
}
void wake_holder_of(WaitToken token) noexcept {
    if (Waiter* who = claimed(token); who != nullptr) {
        schedule(*who);
    }
}

}  // namespace

void Permits::wake(WaitQueue& queue, std::int64_t n) noexcept {
    if (n == 1) [[likely]] {
        wake_holder_of(queue.resume_one());
    } else {
        wake_many(queue, n);
    }
}

HEDDLE_NOINLINE void Permits::wake_many(WaitQueue& queue, std::int64_t n) noexcept {
    constexpr std::size_t batch_size = 32;
    Waiter* batch[batch_size];
    std::size_t ready = 0;
    for (; n > 0; --n) {
        if (Waiter* who = claimed(queue.resume_one()); who != nullptr) {
            batch[ready++] = who;
            if (ready == batch_size) {
                schedule_batch(batch, ready);
                ready = 0;
            }
        }
    }
    if (ready == 1) {
        schedule(*batch[0]);
    } else if (ready > 1) {
        schedule_batch(batch, ready);
    }
}

Permits::Given Permits::count_up(std::int64_t n, std::int64_t bound) noexcept {
    std::int64_t w = word.load(acquire);  // acquire [permit]: a waiter makes the queue before it is counted
    for (;;) {
        if (std::max<std::int64_t>(w, 0) > bound - n) {  // with waiters no permit is free
            return {false, w, nullptr};
        }
        // The queue is fetched before the RMW that gives: afterwards *this belongs to whoever got the permit.
        WaitQueue* waiters = w < 0 ? queue.load(acquire) : nullptr;    // acquire [permit]
        if (word.compare_exchange_weak(w, w + n, acq_rel, acquire)) {  // acq_rel [permit]; *this may be gone
            return {true, w, waiters};
        }
    }
}

HEDDLE_FLATTEN bool Permits::give_one_slowly(std::int64_t bound, std::int64_t unit) noexcept {
    Waiter* woken = nullptr;
    {
        const LibraryPin pin;
        const Given given = count_up(unit, bound);
        if (!given.done) {
            return false;
        }
        if (given.waiters != nullptr) {
            woken = claimed(given.waiters->resume_one());
        }
    }
    if (woken != nullptr) {
        schedule(*woken);
    }
    return true;
}

bool Permits::give_slowly(std::int64_t n, std::int64_t bound, std::int64_t unit) noexcept {
    const LibraryPin pin;
    const Given given = count_up(n, bound);
    if (given.waiters != nullptr) {
        // Low bits that belong to the user of the word round towards more waiters, never fewer.
        wake(*given.waiters, std::min(n / unit, (-given.word + unit - 1) / unit));
    }
    return given.done;
}

namespace {

HEDDLE_ALWAYS_INLINE bool enqueue_in(const Permits& permits, WaitToken token, WaitPlace& place) noexcept {
    const LibraryPin pin;
    return permits.queue.load(acquire)->enqueue(token, place);  // acquire [permit]: made by prepare()
}

}  // namespace

bool Permits::enqueue(WaitToken token, WaitPlace& place) const noexcept {
    return enqueue_in(*this, token, place);
}

bool Permits::abort(WaitPlace place, const Waiter& who, std::int64_t unit) noexcept {
    const LibraryPin pin;
    WaitQueue& waiters = *queue.load(acquire);  // acquire [permit]: created before we enqueued
    if (!waiters.take_back(place, who)) {
        return false;
    }
    // acq_rel [permit]: still counted as a waiter? Then this deregisters us. Else a waker is already on its
    // way to our cell, and this returns the permit it carries.
    if (word.fetch_add(unit, acq_rel) < 0) {
        wake_holder_of(waiters.settle_aborted(place));
    }
    return true;
}

HEDDLE_FLATTEN bool PermitAwaiter::suspend(std::coroutine_handle<> frame) {
    if (HEDDLE_FORCE_SUSPEND && granted_) {
        post_running_task(frame);
        return true;
    }
    const WaitToken token = suspension_.begin_at_hand(frame);
    if (token.who == nullptr || !permits_.prepared()) [[unlikely]] {
        return suspend_slowly(frame);
    }
    return wait(token);
}

bool PermitAwaiter::suspend_slowly(std::coroutine_handle<> frame) {
    const WaitToken token = suspension_.begin(frame);
    permits_.prepare();  // up to here nothing has been taken
    return wait(token);
}

HEDDLE_ALWAYS_INLINE bool PermitAwaiter::wait(WaitToken token) noexcept {
    Permits& permits = permits_;
    if (permits.take(unit_) || !enqueue_in(permits, token, place_)) {
        suspension_.not_needed();
        return false;
    }
    return suspension_.commit();
}

void PermitAwaiter::give_up() {
    if (!permits_.abort(place_, suspension_.waiter(), unit_)) {
        static_cast<void>(permits_.give(unit_, std::numeric_limits<std::int64_t>::max(), unit_));
    }
    throw_cancelled(suspension_.waiter());
}

void PermitAwaiter::wait_blocking(const char* what) {
    const WaitToken token = suspension_.begin_blocking(what);
    if (permits_.try_take(unit_)) {
        return;
    }
    permits_.prepare();
    {
        const LibraryPin pin;  // a thread's first one takes a while: not between counting and queueing
        if (permits_.take(unit_) || !permits_.enqueue(token, place_)) {
            return;
        }
    }
    suspension_.block();
}

}  // namespace heddle::detail
