#include <heddle/detail/wait/permits.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace heddle::detail {

void Permits::wake(WaitQueue& queue, std::int64_t n) noexcept {
    constexpr std::size_t batch_size = 32;
    Waiter* batch[batch_size];
    std::size_t ready = 0;
    for (; n > 0; --n) {
        const WaitToken token = queue.resume_one();
        if (token.who != nullptr && token.who->claim(token.seq)) {
            batch[ready++] = token.who;
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

bool Permits::give_to_waiters(std::int64_t n, std::int64_t bound, std::int64_t unit) {
    const EpochPin pin;
    // The queue is fetched before the RMW that gives: afterwards *this belongs to whoever got the permit.
    // The waiter that made the count negative may not have created it yet.
    WaitQueue& waiters = WaitQueue::of(queue);
    std::int64_t w = word.load(relaxed);  // relaxed: the CAS validates it
    do {
        if (std::max<std::int64_t>(w, 0) > bound - n) {  // with waiters no permit is free
            return false;
        }
    } while (!word.compare_exchange_weak(w, w + n, acq_rel, relaxed));  // acq_rel [permit]; *this may be gone
    if (w < 0) {
        // Low bits that belong to the user of the word round towards more waiters, never towards fewer.
        const std::int64_t registered = (-w + unit - 1) / unit;
        wake(waiters, std::min(n / unit, registered));
    }
    return true;
}

bool Permits::enqueue(WaitToken token, WaitPlace& place) {
    const EpochPin pin;
    return WaitQueue::of(queue).enqueue(token, place);
}

bool Permits::abort(WaitPlace place, const Waiter& who, std::int64_t unit) noexcept {
    const EpochPin pin;
    WaitQueue& waiters = *queue.load(acquire);  // acquire [permit]: created before we enqueued
    if (!waiters.take_back(place, who)) {
        return false;
    }
    // acq_rel [permit]: still counted as a waiter? Then this deregisters us. Else a waker is already on its
    // way to our cell, and this returns the permit it carries.
    if (word.fetch_add(unit, acq_rel) < 0) {
        const WaitToken token = waiters.settle_aborted(place);
        if (token.who != nullptr && token.who->claim(token.seq)) {
            schedule(*token.who);
        }
    }
    return true;
}

bool PermitAwaiter::suspend(std::coroutine_handle<> frame) {
    if (HEDDLE_FORCE_SUSPEND && granted_) {
        post_running_task(frame);
        return true;
    }
    if (!inside_task()) [[unlikely]] {
        refuse_outside_task();
    }
    const WaitToken token = suspension_.begin(frame);
    if (!permits_.enqueue(token, place_)) {
        suspension_.not_needed();
        return false;
    }
    return suspension_.commit();
}

void PermitAwaiter::finish() {
    if (!suspension_.interrupted()) {
        return;
    }
    if (!permits_.abort(place_, suspension_.waiter(), unit_)) {
        static_cast<void>(permits_.give(unit_, std::numeric_limits<std::int64_t>::max(), unit_));
    }
    throw_cancelled(suspension_.waiter());
}

/// A coroutine that is no task of ours: it is counted as a waiter already, so it waits as a thread would and
/// gives up at once.
void PermitAwaiter::refuse_outside_task() {
    const WaitToken token = suspension_.begin_blocking("waiting outside of a task");
    if (permits_.enqueue(token, place_)) {
        token.who->revoke(token.seq);
        if (permits_.abort(place_, *token.who, unit_)) {
            throw std::runtime_error("no running event loop");
        }
    }
    static_cast<void>(permits_.give(unit_, std::numeric_limits<std::int64_t>::max(), unit_));
    throw std::runtime_error("no running event loop");
}

void PermitAwaiter::wait_blocking(const char* what) {
    const WaitToken token = suspension_.begin_blocking(what);
    if (!permits_.take(unit_) && permits_.enqueue(token, place_)) {
        suspension_.block();
    }
}

}  // namespace heddle::detail
