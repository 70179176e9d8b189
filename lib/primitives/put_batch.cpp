#include <heddle/detail/queue/put_batch.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace heddle::detail {

bool PutBatchWait::put_what_fits() noexcept {
    while (!over()) {
        const std::size_t rest = std::min(total_ - done_, batch_limit);
        const std::size_t room = core_.bounded() ? static_cast<std::size_t>(core_.slots.try_take_up_to(
                                                       static_cast<std::int64_t>(rest), QueueCore::one))
                                                 : rest;
        if (room == 0) {
            return false;
        }
        put(room);
    }
    return true;
}

void PutBatchWait::put(std::size_t n) noexcept {
    const EpochPin pin;  // who gets the last item may destroy the queue
    const std::size_t stored = store(done_, n, error_);
    done_ += stored;
    core_.give_slots_back(n - stored);
}

std::coroutine_handle<> PutBatchWait::suspend(std::coroutine_handle<> frame) {
    frame_ = frame;
    try {
        suspension_.begin(*this);
    } catch (...) {
        // Outside of a task, or no memory: what is in is still to be taken off the caller's hands.
        error_ = std::current_exception();
        return frame_;
    }
    return go_on() ? frame_ : std::noop_coroutine();
}

/// False: asleep, *this may be gone.
bool PutBatchWait::go_on() {
    while (!put_what_fits()) {
        try {
            core_.slots.prepare();
        } catch (...) {
            error_ = std::current_exception();
            return true;
        }
        if (!core_.slots.take(QueueCore::one) && core_.slots.enqueue(suspension_.again(), place_)) {
            if (suspension_.commit()) {
                return false;
            }
            if (suspension_.interrupted()) {
                give_up();
                return true;
            }
        }
        put(1);
    }
    return true;
}

void PutBatchWait::give_up() {
    const EpochPin pin;
    cancelled_ = true;
    if (!core_.slots.abort(place_, suspension_.waiter(), QueueCore::one)) {
        core_.give_slots_back(1);
    }
}

std::coroutine_handle<> PutBatchWait::woken(WakeHook& hook) noexcept {
    auto& self = static_cast<PutBatchWait&>(hook);
    if (self.suspension_.interrupted()) {
        self.give_up();
        return self.frame_;
    }
    self.put(1);
    return self.go_on() ? self.frame_ : std::noop_coroutine();
}

void PutBatchWait::put_all_blocking() {
    constexpr const char* what = "Queue.put_many_blocking()";
    static_cast<void>(blocking_waiter(what));  // refused on a worker, as where it would wait
    while (!put_what_fits()) {
        try {
            core_.wait_for_slot(what);
        } catch (...) {  // out of memory; what is in is still to be taken off the caller's hands
            error_ = std::current_exception();
            return;
        }
        put(1);
    }
}

void PutBatchWait::rethrow() {
    if (cancelled_) {
        throw_cancelled(suspension_.waiter());
    }
    if (error_ != nullptr) {
        std::rethrow_exception(error_);
    }
}

}  // namespace heddle::detail
