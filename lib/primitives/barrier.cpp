#include "barrier_block.hpp"
#include <heddle/barrier.hpp>
#include <heddle/error.hpp>

#include <new>
#include <stdexcept>

// The steps of a wait(), and the Barrier itself. The words, and why all this is right: barrier_block.hpp.

namespace heddle::detail {

using namespace barrier_word;

HEDDLE_FLATTEN std::coroutine_handle<> BarrierAwaiter::suspend(std::coroutine_handle<> frame) {
    frame_ = frame;
    token_ = suspension_.begin(*this);
    if (!run()) {
        return std::noop_coroutine();  // *this may be gone
    }
    if (HEDDLE_FORCE_SUSPEND) {
        post_running_task(frame_);
        return std::noop_coroutine();
    }
    return frame_;
}

HEDDLE_FLATTEN std::coroutine_handle<> BarrierAwaiter::woken(WakeHook& hook) noexcept {
    auto& self = static_cast<BarrierAwaiter&>(hook);
    self.settle(self.suspension_.interrupted());
    return self.end_ != End::none || self.run() ? self.frame_ : std::noop_coroutine();
}

/// Goes on until the wait has ended (true) or sleeps (false: *this may be gone).
bool BarrierAwaiter::run() {
    while (end_ == End::none) {
        if (arrive()) {
            return false;
        }
    }
    return true;
}

/// Tries to sit down and be counted. True: asleep.
HEDDLE_FLATTEN bool BarrierAwaiter::arrive() {
    const std::uint64_t seen = block_.word.load(acquire);  // acquire [word]
    if (seat_ == BarrierBlock::no_seat && state_of(seen) == filling) {
        seat_ = block_.take_seat();
    }
    if (seat_ == BarrierBlock::no_seat || state_of(seen) == broken_state) [[unlikely]] {
        return turned_away(state_of(seen) == broken_state);
    }
    generation_ = generation_of(seen);
    token_ = suspension_.again();
    block_.put_token(seat_, token_, generation_);
    std::uint64_t w = block_.word.load(relaxed);  // relaxed: the CAS validates it
    for (;;) {
        if (state_of(w) != filling || generation_of(w) != generation_) [[unlikely]] {
            return stand_up();
        }
        const bool last = arrived_in(w) + 1 == block_.parties;
        if (block_.word.compare_exchange_weak(w, last ? next_round(w) : w + arrived_one, acq_rel,
                                              relaxed)) {  // acq_rel [word]
            if (last) {
                return trip();
            }
            phase_ = Phase::counted;
            return (!on_thread_ && suspension_.commit_undisturbed()) || commit();
        }
    }
}

bool BarrierAwaiter::turned_away(bool broken) {
    if (!broken) {
        return block();
    }
    end_ = End::aborted;
    return stand_up();
}

bool BarrierAwaiter::stand_up() noexcept {
    leave_seat();
    return false;
}

HEDDLE_FLATTEN bool BarrierAwaiter::trip() noexcept {
    end_ = End::passed;
    block_.free_all(seat_);
    block_.wake_blocked();
    return false;
}

bool BarrierAwaiter::commit() {
    const bool on_thread = on_thread_;
    if (suspension_.commit(on_thread ? Cancellable::no : Cancellable::yes)) {
        if (!on_thread) {
            return true;  // *this may be gone
        }
        block_until_claimed(suspension_.waiter(), token_.seq);
    }
    settle(suspension_.interrupted());
    return false;
}

/// Awake: finds out what has happened.
void BarrierAwaiter::settle(bool interrupted) {
    if (phase_ == Phase::blocked) {
        if (interrupted) {
            block_.blocked.leave(place_, suspension_.waiter());
            end_ = End::cancelled;
        }
    } else if (block_.count_out(generation_)) {
        leave_seat();
        end_ = interrupted ? End::cancelled : End::broken;
    } else {
        end_ = interrupted ? End::cancelled : End::passed;  // the seat is the next round's already
    }
    phase_ = Phase::arriving;
}

/// Gives the seat back, if there is one; the party is not counted. The token in it must not be used any more.
void BarrierAwaiter::leave_seat() noexcept {
    if (seat_ != BarrierBlock::no_seat) {
        if (!block_.take_token(seat_)) {
            suspension_.waiter().revoke(token_.seq);
        }
        block_.free_seat(seat_);
        seat_ = BarrierBlock::no_seat;
    }
}

bool BarrierAwaiter::block() {
    token_ = suspension_.again();
    try {
        if (!block_.blocked.enqueue(token_, place_)) {
            return false;
        }
    } catch (const std::bad_alloc&) {  // holds no seat, is not counted
        end_ = End::out_of_memory;
        return false;
    }
    phase_ = Phase::blocked;
    // The ticket is drawn: whoever frees a seat or ends the resetting from now on sees it. Too late already?
    const std::uint64_t w = block_.word.fetch_add(0, acq_rel);  // acq_rel [word]
    if (state_of(w) == filling) {
        seat_ = block_.take_seat();
    }
    if (seat_ == BarrierBlock::no_seat && state_of(w) != broken_state) {
        return commit();
    }
    if (!block_.blocked.leave(place_, suspension_.waiter())) {
        suspension_.waiter().revoke(token_.seq);
    }
    phase_ = Phase::arriving;
    return false;
}

int BarrierAwaiter::finish() {
    if (end_ == End::passed) [[likely]] {
        return static_cast<int>(seat_);
    }
    switch (end_) {
        case End::aborted:
            throw BrokenBarrierError("Barrier aborted");
        case End::broken:
            throw BrokenBarrierError("Abort or reset of barrier");
        case End::out_of_memory:
            throw std::bad_alloc();
        default:
            throw_cancelled(suspension_.waiter());
    }
}

int BarrierAwaiter::wait_blocking(const char* what) {
    on_thread_ = true;
    token_ = suspension_.begin_blocking(what);
    static_cast<void>(run());
    return finish();
}

}  // namespace heddle::detail

namespace heddle {

using detail::acq_rel;
using detail::acquire;
using detail::relaxed;
using namespace detail::barrier_word;

namespace {

std::uint32_t checked_parties(std::ptrdiff_t parties) {
    if (parties < 1) {
        throw std::invalid_argument("parties must be >= 1");
    }
    if (static_cast<std::uint64_t>(parties) > max_parties) {
        throw std::invalid_argument("parties must be <= 16777215");
    }
    return static_cast<std::uint32_t>(parties);
}

}  // namespace

Barrier::Barrier(std::ptrdiff_t parties) : block_(*new detail::BarrierBlock(checked_parties(parties))) {}

Barrier::~Barrier() {
    // acquire [word]: destroyed while somebody waits
    HEDDLE_ASSERT(arrived_in(block_.word.load(acquire)) == 0);
    const detail::EpochPin pin;
    detail::epoch_retire(&block_);
}

void Barrier::reset() {
    const detail::EpochPin pin;
    detail::BarrierBlock& block = block_;
    std::uint64_t w = block.word.load(relaxed);  // relaxed: the CAS validates it
    for (;;) {
        if (arrived_in(w) == 0) {
            if (state_of(w) == filling) {
                return;
            }
            if (block.word.compare_exchange_weak(w, next_round(w), acq_rel,
                                                 relaxed)) {  // acq_rel [word]
                block.wake_blocked();
                return;
            }
        } else if (block.word.compare_exchange_weak(w, (w & ~state_mask) | resetting, acq_rel,
                                                    relaxed)) {  // acq_rel [word]; *this may be gone
            block.send_away(generation_of(w));
            return;
        }
    }
}

void Barrier::abort() {
    const detail::EpochPin pin;
    detail::BarrierBlock& block = block_;
    std::uint64_t w = block.word.load(relaxed);  // relaxed: the CAS validates it
    while (!block.word.compare_exchange_weak(w, (w & ~state_mask) | broken_state, acq_rel,
                                             relaxed)) {  // acq_rel [word]; *this may be gone
    }
    block.send_away(generation_of(w));
    block.wake_blocked();
}

std::ptrdiff_t Barrier::parties() const noexcept { return block_.parties; }

std::ptrdiff_t Barrier::n_waiting() const noexcept {
    const std::uint64_t w = block_.word.load(acquire);  // acquire [word]
    return state_of(w) == filling ? static_cast<std::ptrdiff_t>(arrived_in(w)) : 0;
}

bool Barrier::broken() const noexcept {
    return state_of(block_.word.load(acquire)) == broken_state;  // acquire [word]
}

}  // namespace heddle
