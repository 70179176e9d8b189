#include "sync/library_pin.hpp"
#include <heddle/barrier.hpp>
#include <heddle/error.hpp>

#include <array>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

// A barrier has one seat per party. Whoever arrives takes a free seat, leaves his wake-up token there, marked
// with the generation, and then counts himself in the word { generation:38 | arrived:24 | state:2 }; the one
// whose count makes the round complete starts the next generation in the same RMW and then walks over the
// seats, waking and freeing each.
//
//   FILLING --reset, somebody counted--> RESETTING --last one leaves--> FILLING (generation + 1)
//   any     --abort--> BROKEN --reset--> RESETTING, or FILLING when nobody is counted
//
// 1. A party is counted only while its token lies in its seat, and leaves the seat only after it has been
//    counted out. So a complete round has all seats taken, and no party of the next round can sit down on a
//    seat that the walk has not yet freed: two walks never meet, and the seat number is a unique index.
// 2. What a woken party returns follows from the word alone: another generation means that its round was
//    completed, the same one that it was broken. A late walk of an earlier reset or abort passes tokens of
//    another generation by (22 bits of it: the walk would have to be stalled over 4 million rounds).
// 3. Who finds no free seat, or the barrier RESETTING, waits on `blocked` and starts again. A blocked party
//    draws its ticket and then looks at the seats and the word once more; whoever frees a seat or ends
//    the resetting does an RMW on `blocked` afterwards. Both RMWs are on one word: one side sees the other.
// 4. The walks of reset() and abort() happen under an EpochPin, because the parties they wake may destroy the
//    Barrier; a tripping party has not returned yet, so nobody may.
//
// [seat] a token is published by release and taken by acq_rel. [word] every change is an acq_rel RMW; a token
// is published before the RMW that counts, a state is changed before the walk.

namespace heddle::detail {

namespace {

constexpr std::uint64_t filling = 0;
constexpr std::uint64_t resetting = 1;
constexpr std::uint64_t broken_state = 2;
constexpr std::uint64_t state_mask = 3;
constexpr unsigned arrived_shift = 2;
constexpr std::uint64_t arrived_one = std::uint64_t{1} << arrived_shift;
constexpr std::uint64_t max_parties = (std::uint64_t{1} << 24U) - 1;
constexpr unsigned generation_shift = 26;

constexpr std::uint64_t state_of(std::uint64_t w) noexcept { return w & state_mask; }
constexpr std::uint64_t arrived_in(std::uint64_t w) noexcept { return (w >> arrived_shift) & max_parties; }
constexpr std::uint64_t generation_of(std::uint64_t w) noexcept { return w >> generation_shift; }
/// The next generation, FILLING, nobody arrived.
constexpr std::uint64_t next_round(std::uint64_t w) noexcept {
    return (generation_of(w) + 1) << generation_shift;
}

// A seat: free, taken by a party without a token in it, or { Waiter* / 64 : 42 | generation : 22 }.
constexpr std::uint64_t seat_free = 0;
constexpr std::uint64_t seat_taken = 1;
constexpr unsigned mark_bits = 22;
constexpr std::uint64_t mark_mask = (std::uint64_t{1} << mark_bits) - 1;
constexpr std::uint32_t no_seat = UINT32_MAX;

std::uint64_t seat_token(const Waiter* who, std::uint64_t generation) noexcept {
    return (reinterpret_cast<std::uintptr_t>(who) / cache_line << mark_bits) | (generation & mark_mask);
}
Waiter* occupant(std::uint64_t seat) noexcept {
    return reinterpret_cast<Waiter*>((seat >> mark_bits) * cache_line);
}

struct Seat {
    Atomic<std::uint64_t> state{seat_free};
    Atomic<std::uint64_t> seq{0};  // written by the party that has taken the seat, before its token
};

/// Claims waiters one by one and schedules them a few at a time.
class WakeBatch : Immovable {
public:
    ~WakeBatch() { flush(); }
    void wake(Waiter* who, std::uint64_t seq) noexcept {
        if (who->claim(seq)) {
            claimed_[n_++] = who;
            if (n_ == claimed_.size()) {
                flush();
            }
        }
    }

private:
    void flush() noexcept { schedule_batch(claimed_.data(), std::exchange(n_, 0)); }
    std::array<Waiter*, 64> claimed_;
    std::size_t n_ = 0;
};

}  // namespace

class BarrierBlock final : public Retired {
public:
    explicit BarrierBlock(std::uint32_t n) : parties(n), seats(new Seat[n]) {
        reclaim = [](Retired* self) noexcept { delete static_cast<BarrierBlock*>(self); };
    }

    [[nodiscard]] std::uint32_t take_seat() noexcept {
        auto at = static_cast<std::uint32_t>(arrived_in(word.load(relaxed)));  // relaxed: a hint
        for (std::uint32_t i = 0; i < parties; ++i, ++at) {
            if (at >= parties) {
                at = 0;
            }
            std::uint64_t expected = seat_free;
            // relaxed load: a hint; acq_rel [seat]: the last occupant is done with it
            if (seats[at].state.load(relaxed) == seat_free &&
                seats[at].state.compare_exchange_strong(expected, seat_taken, acq_rel, relaxed)) {
                return at;
            }
        }
        return no_seat;
    }
    void put_token(std::uint32_t at, WaitToken token, std::uint64_t generation) noexcept {
        seats[at].seq.store(token.seq, relaxed);                            // relaxed: published by state
        seats[at].state.store(seat_token(token.who, generation), release);  // release [seat]
    }
    /// The owner's token is back with the owner. False: a walk has taken it and may still use it.
    bool take_token(std::uint32_t at) noexcept {
        return seats[at].state.exchange(seat_taken, acq_rel) != seat_taken;  // acq_rel [seat]
    }
    void free_seat(std::uint32_t at) noexcept {
        seats[at].state.exchange(seat_free, acq_rel);  // acq_rel [seat]
        wake_blocked();
    }
    void wake_blocked() noexcept {
        const LibraryPin pin;
        const std::uint64_t tickets =
            blocked.word.fetch_add(0, acq_rel) / EventWord::ticket;  // acq_rel [word]: see 3
        if (WaitQueue* waiters = blocked.queue.load(acquire);
            waiters != nullptr && tickets != 0) {  // acquire [link]
            waiters->resume_all(tickets);
        }
    }

    /// The round is complete: every seat holds a token of it, or is the tripping party's own. Until it is
    /// freed here, nobody else writes to it: its party has been counted, and will find the round over.
    void free_all(std::uint32_t own_seat) noexcept {
        WakeBatch batch;
        for (std::uint32_t i = 0; i < parties; ++i) {
            const std::uint64_t seq =
                seats[i].seq.load(relaxed);  // relaxed: belongs to state, or is not used
            const std::uint64_t state =
                seats[i].state.load(relaxed);          // relaxed: [word] has acquired what was counted
            seats[i].state.store(seat_free, release);  // release [seat]: it is the next party's
            if (i != own_seat) {
                batch.wake(occupant(state), seq);
            }
        }
    }
    /// Wakes those who wait in `generation`; they find out why and leave their seats themselves.
    void send_away(std::uint64_t generation) noexcept {
        WakeBatch batch;
        for (std::uint32_t i = 0; i < parties; ++i) {
            std::uint64_t state = seats[i].state.load(acquire);  // acquire [seat]
            if (state > seat_taken && (state & mark_mask) == (generation & mark_mask)) {
                const std::uint64_t seq =
                    seats[i].seq.load(relaxed);  // relaxed: belongs to state, or is not used
                if (seats[i].state.compare_exchange_strong(state, seat_taken, acq_rel,
                                                           relaxed)) {  // acq_rel [seat]
                    batch.wake(occupant(state), seq);
                }
            }
        }
    }

    /// Counts a party of generation `g` out. False: its round has been completed.
    bool count_out(std::uint64_t g) noexcept {
        std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        for (;;) {
            if (generation_of(w) != g) {
                static_cast<void>(
                    word.load(acquire));  // acquire [word]: what the others did before they arrived
                return false;
            }
            const bool last_reset = state_of(w) == resetting && arrived_in(w) == 1;
            if (word.compare_exchange_weak(w, last_reset ? next_round(w) : w - arrived_one, acq_rel,
                                           relaxed)) {  // acq_rel [word]
                return true;  // the caller frees its seat next and thereby wakes those that are blocked
            }
        }
    }

    Atomic<std::uint64_t> word{0};
    EventWord blocked;  // never set: only its tickets are used
    const std::uint32_t parties;
    const std::unique_ptr<Seat[]> seats;  // NOLINT(modernize-avoid-c-arrays): seats do not move
};

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
    if (seat_ == no_seat && state_of(seen) == filling) {
        seat_ = block_.take_seat();
    }
    if (state_of(seen) == broken_state) {
        end_ = End::aborted;
        leave_seat();
        return false;
    }
    if (seat_ == no_seat) {
        return block();
    }
    generation_ = generation_of(seen);
    token_ = suspension_.again();
    block_.put_token(seat_, token_, generation_);
    std::uint64_t w = block_.word.load(relaxed);  // relaxed: the CAS validates it
    for (;;) {
        if (state_of(w) != filling || generation_of(w) != generation_) {
            leave_seat();
            return false;  // look again
        }
        const bool last = arrived_in(w) + 1 == block_.parties;
        if (block_.word.compare_exchange_weak(w, last ? next_round(w) : w + arrived_one, acq_rel,
                                              relaxed)) {  // acq_rel [word]
            if (last) {
                end_ = End::passed;
                block_.free_all(seat_);
                block_.wake_blocked();
                return false;
            }
            phase_ = Phase::counted;
            return commit();
        }
    }
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
    if (seat_ != no_seat) {
        if (!block_.take_token(seat_)) {
            suspension_.waiter().revoke(token_.seq);
        }
        block_.free_seat(seat_);
        seat_ = no_seat;
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
    if (seat_ == no_seat && state_of(w) != broken_state) {
        return commit();
    }
    if (!block_.blocked.leave(place_, suspension_.waiter())) {
        suspension_.waiter().revoke(token_.seq);
    }
    phase_ = Phase::arriving;
    return false;
}

int BarrierAwaiter::finish() {
    switch (end_) {
        case End::passed:
            return static_cast<int>(seat_);
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

namespace {

std::uint32_t checked_parties(std::ptrdiff_t parties) {
    if (parties < 1) {
        throw std::invalid_argument("parties must be >= 1");
    }
    if (static_cast<std::uint64_t>(parties) > detail::max_parties) {
        throw std::invalid_argument("parties must be <= 16777215");
    }
    return static_cast<std::uint32_t>(parties);
}

}  // namespace

Barrier::Barrier(std::ptrdiff_t parties) : block_(*new detail::BarrierBlock(checked_parties(parties))) {}

Barrier::~Barrier() {
    // acquire [word]: destroyed while somebody waits
    HEDDLE_ASSERT(detail::arrived_in(block_.word.load(acquire)) == 0);
    const detail::EpochPin pin;
    detail::epoch_retire(&block_);
}

void Barrier::reset() {
    const detail::EpochPin pin;
    detail::BarrierBlock& block = block_;
    std::uint64_t w = block.word.load(relaxed);  // relaxed: the CAS validates it
    for (;;) {
        if (detail::arrived_in(w) == 0) {
            if (detail::state_of(w) == detail::filling) {
                return;
            }
            if (block.word.compare_exchange_weak(w, detail::next_round(w), acq_rel,
                                                 relaxed)) {  // acq_rel [word]
                block.wake_blocked();
                return;
            }
        } else if (block.word.compare_exchange_weak(w, (w & ~detail::state_mask) | detail::resetting, acq_rel,
                                                    relaxed)) {  // acq_rel [word]; *this may be gone
            block.send_away(detail::generation_of(w));
            return;
        }
    }
}

void Barrier::abort() {
    const detail::EpochPin pin;
    detail::BarrierBlock& block = block_;
    std::uint64_t w = block.word.load(relaxed);  // relaxed: the CAS validates it
    while (!block.word.compare_exchange_weak(w, (w & ~detail::state_mask) | detail::broken_state, acq_rel,
                                             relaxed)) {  // acq_rel [word]; *this may be gone
    }
    block.send_away(detail::generation_of(w));
    block.wake_blocked();
}

std::ptrdiff_t Barrier::parties() const noexcept { return block_.parties; }

std::ptrdiff_t Barrier::n_waiting() const noexcept {
    const std::uint64_t w = block_.word.load(acquire);  // acquire [word]
    return detail::state_of(w) == detail::filling ? static_cast<std::ptrdiff_t>(detail::arrived_in(w)) : 0;
}

bool Barrier::broken() const noexcept {
    return detail::state_of(block_.word.load(acquire)) == detail::broken_state;  // acquire [word]
}

}  // namespace heddle
