#pragma once

#include "sync/library_pin.hpp"
#include <heddle/event.hpp>

#include <array>
#include <cstdint>
#include <memory>
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

namespace barrier_word {

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

}  // namespace barrier_word

/// Free, taken by a party without a token in it, or { Waiter* / 64 : 42 | generation : 22 }.
struct BarrierSeat {
    static constexpr std::uint64_t free = 0;
    static constexpr std::uint64_t taken = 1;
    static constexpr unsigned mark_bits = 22;
    static constexpr std::uint64_t mark_mask = (std::uint64_t{1} << mark_bits) - 1;

    Atomic<std::uint64_t> state{free};
    Atomic<std::uint64_t> seq{0};  // written by the party that has taken the seat, before its token

    static std::uint64_t token(const Waiter* who, std::uint64_t generation) noexcept {
        return (reinterpret_cast<std::uintptr_t>(who) / cache_line << mark_bits) | (generation & mark_mask);
    }
    static Waiter* occupant(std::uint64_t state) noexcept {
        return reinterpret_cast<Waiter*>((state >> mark_bits) * cache_line);
    }
    static bool is_of(std::uint64_t state, std::uint64_t generation) noexcept {
        return state > taken && (state & mark_mask) == (generation & mark_mask);
    }
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

class BarrierBlock final : public Retired {
public:
    explicit BarrierBlock(std::uint32_t n) : parties(n), seats(new BarrierSeat[n]) {
        reclaim = [](Retired* self) noexcept { delete static_cast<BarrierBlock*>(self); };
    }

    static constexpr std::uint32_t no_seat = UINT32_MAX;
    [[nodiscard]] std::uint32_t take_seat() noexcept {
        auto at =
            static_cast<std::uint32_t>(barrier_word::arrived_in(word.load(relaxed)));  // relaxed: a hint
        for (std::uint32_t i = 0; i < parties; ++i, ++at) {
            if (at >= parties) {
                at = 0;
            }
            std::uint64_t expected = BarrierSeat::free;
            // relaxed load: a hint; acq_rel [seat]: the last occupant is done with it
            if (seats[at].state.load(relaxed) == BarrierSeat::free &&
                seats[at].state.compare_exchange_strong(expected, BarrierSeat::taken, acq_rel, relaxed)) {
                return at;
            }
        }
        return no_seat;
    }
    void put_token(std::uint32_t at, WaitToken token, std::uint64_t generation) noexcept {
        seats[at].seq.store(token.seq, relaxed);  // relaxed: published by state
        seats[at].state.store(BarrierSeat::token(token.who, generation), release);  // release [seat]
    }
    /// The owner's token is back with the owner. False: a walk has taken it and may still use it.
    bool take_token(std::uint32_t at) noexcept {
        return seats[at].state.exchange(BarrierSeat::taken, acq_rel) != BarrierSeat::taken;  // acq_rel [seat]
    }
    void free_seat(std::uint32_t at) noexcept {
        seats[at].state.exchange(BarrierSeat::free, acq_rel);  // acq_rel [seat]
        wake_blocked();
    }
    void wake_blocked() noexcept {
        const LibraryPin pin;
        // An RMW that changes nothing. (Of fetch_add(0) clang makes an mfence, which takes eight times as
        // long.)
        std::uint64_t w = blocked.word.load(relaxed);  // relaxed: the CAS validates it
        while (!blocked.word.compare_exchange_weak(w, w, acq_rel, relaxed)) {  // acq_rel [word]: see 3
        }
        if (WaitQueue* waiters = blocked.queue.load(acquire);
            waiters != nullptr && w >= EventWord::ticket) {  // acquire [link]
            waiters->resume_all(w / EventWord::ticket);
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
                seats[i].state.load(relaxed);  // relaxed: [word] has acquired what was counted
            seats[i].state.store(BarrierSeat::free, release);  // release [seat]: it is the next party's
            if (i != own_seat) {
                batch.wake(BarrierSeat::occupant(state), seq);
            }
        }
    }
    /// Wakes those who wait in `generation`; they find out why and leave their seats themselves.
    void send_away(std::uint64_t generation) noexcept {
        WakeBatch batch;
        for (std::uint32_t i = 0; i < parties; ++i) {
            std::uint64_t state = seats[i].state.load(acquire);  // acquire [seat]
            if (BarrierSeat::is_of(state, generation)) {
                const std::uint64_t seq =
                    seats[i].seq.load(relaxed);  // relaxed: belongs to state, or is not used
                if (seats[i].state.compare_exchange_strong(state, BarrierSeat::taken, acq_rel,
                                                           relaxed)) {  // acq_rel [seat]
                    batch.wake(BarrierSeat::occupant(state), seq);
                }
            }
        }
    }

    /// Counts a party of generation `g` out. False: its round has been completed.
    bool count_out(std::uint64_t g) noexcept {
        std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        for (;;) {
            if (barrier_word::generation_of(w) != g) {
                static_cast<void>(
                    word.load(acquire));  // acquire [word]: what the others did before they arrived
                return false;
            }
            const bool last_reset =
                barrier_word::state_of(w) == barrier_word::resetting && barrier_word::arrived_in(w) == 1;
            const std::uint64_t next =
                last_reset ? barrier_word::next_round(w) : w - barrier_word::arrived_one;
            if (word.compare_exchange_weak(w, next, acq_rel, relaxed)) {  // acq_rel [word]
                return true;  // the caller frees its seat next and thereby wakes those that are blocked
            }
        }
    }

    Atomic<std::uint64_t> word{0};
    EventWord blocked;  // never set: only its tickets are used
    const std::uint32_t parties;
    const std::unique_ptr<BarrierSeat[]> seats;  // NOLINT(modernize-avoid-c-arrays): seats do not move
};

}  // namespace heddle::detail
