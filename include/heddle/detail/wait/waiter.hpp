#pragma once

#include <heddle/detail/base/assert.hpp>
#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <cstdint>

// One waiting party, a task or a thread, and the word that decides every race about it.
//
// word = { seq:44 | count:12 | spare | MOVED | NOCANCEL | ABORT | PENDING | CHECK | phase:2 }
//
//             park [suspend]                 claim [grant], cancel [grant]
//   ACTIVE ------------------> SUSPENDED ------------------------------------> ACTIVE (seq + 1)
//     |  complete                                                               scheduled once
//     +-----------> DONE
//
// * seq is the claim: whoever advances seq owns the wake-up. Between publishing a token with seq = s and
//   publishing the next one, seq moves beyond s; so a late or second wake-up is a failed CAS and no more.
// * PENDING: a cancel request that is recorded and not delivered; uncancel() may withdraw it.
// * ABORT: cancel() has claimed this suspension, the task was woken without a grant; only the task clears it.
// * CHECK: a timeout scope of this task may be due; the task looks when it next wants to park.
// * NOCANCEL: the present suspension must not be interrupted (a Condition that takes its lock back).
// * MOVED: somebody has moved the token to another queue (a Condition's notify, to that of the lock), with
//   NOCANCEL; stays set for the owner to see, who clears it.
// * count: cancel requests so far (Task::cancelling), saturating.
//
// Waiters live in type-stable slabs: their memory is never unmapped and seq goes on growing when a slot is
// reused, so a stale token may be used arbitrarily late.
//
// [suspend] park is a release: what the task wrote before it parked is seen by whoever resumes it.
// [grant]   claim is acq_rel: what the waker did before is seen by the task, also when the task was still
//           ACTIVE and only learns of the claim from its failed park.

namespace heddle::detail {

enum class Cancellable : bool { no, yes };

namespace word {
inline constexpr std::uint64_t phase_mask = 3;
inline constexpr std::uint64_t active = 0;
inline constexpr std::uint64_t suspended = 1;
inline constexpr std::uint64_t done = 2;
inline constexpr std::uint64_t check = 1U << 2U;
inline constexpr std::uint64_t pending = 1U << 3U;
inline constexpr std::uint64_t abort = 1U << 4U;
inline constexpr std::uint64_t nocancel = 1U << 5U;
inline constexpr std::uint64_t moved = 1U << 6U;
inline constexpr std::uint64_t requests = check | pending | abort;
inline constexpr unsigned count_shift = 8;
inline constexpr std::uint64_t count_one = std::uint64_t{1} << count_shift;
inline constexpr std::uint64_t count_max = 0xFFF;
inline constexpr std::uint64_t count_mask = count_max << count_shift;
inline constexpr unsigned seq_shift = 20;
inline constexpr std::uint64_t seq_one = std::uint64_t{1} << seq_shift;
static_assert((count_mask & (phase_mask | requests | nocancel | moved)) == 0 && count_mask < seq_one);

constexpr std::uint64_t phase(std::uint64_t w) noexcept { return w & phase_mask; }
constexpr std::uint64_t seq(std::uint64_t w) noexcept { return w >> seq_shift; }
constexpr std::uint64_t count(std::uint64_t w) noexcept { return (w & count_mask) >> count_shift; }
/// What the word mostly is: a first guess for a CAS, which saves the load before it.
constexpr std::uint64_t expected(std::uint64_t seq, std::uint64_t phase) noexcept {
    return (seq << seq_shift) | phase;
}
constexpr std::uint64_t parked(std::uint64_t w, Cancellable mode) noexcept {
    return w | suspended | (mode == Cancellable::no ? nocancel : std::uint64_t{0});
}
/// One more request; saturates, because a carry would run into seq and fake a claim.
constexpr std::uint64_t add_count(std::uint64_t w) noexcept {
    return count(w) == count_max ? w : w + count_one;
}
}  // namespace word

enum class Parked : std::uint8_t {
    suspended,  ///< the waker will schedule us: nothing of the frame may be touched any more
    woken,      ///< claimed before we slept: go on without suspending
    cancelled,  ///< a recorded request was delivered by this very call; the token is dead
    check,      ///< look at the timeout scopes, then park again
};

enum class CancelStep : std::uint8_t {
    refused,   ///< the task is done
    recorded,  ///< it will see the request at its next suspension
    claimed,   ///< it was suspended and must now be scheduled
};

/// What the word of a waiter that runs again says about how it was woken.
enum class Woken : std::uint8_t { granted, cancelled, check };

/// The word and what to run when it is woken. Tasks derive from it (control_block.hpp).
struct Waiter : Immovable {
    Atomic<std::uint64_t> word{0};

    /// Own seq: valid until the next claim. Owner only.
    [[nodiscard]] std::uint64_t current_seq() const noexcept {
        return word::seq(word.load(relaxed));  // relaxed: only the owner asks, while nobody can claim
    }

    /// What park() mostly is: suspends if the word says nothing but that the owner runs. False: nothing is
    /// done, park_disturbed() is next.
    [[nodiscard]] bool park_undisturbed(std::uint64_t seq, Cancellable mode) noexcept {
        std::uint64_t w = word::expected(seq, word::active);
        // release [suspend]: the waker's thread sees the frame as we leave it. What was written before the
        // word that is found here is the owner's own, or was acquired with the last claim.
        return word.compare_exchange_strong(w, word::parked(w, mode), release, relaxed);
    }

    /// Suspends, unless claimed or asked to stop meanwhile. Needs: a token with `seq` published, or about
    /// to be found by a waker through memory released by this call.
    Parked park(std::uint64_t seq, Cancellable mode) noexcept {
        return park_undisturbed(seq, mode) ? Parked::suspended : park_disturbed(seq, mode);
    }
    Parked park_disturbed(std::uint64_t seq, Cancellable mode) noexcept {
        std::uint64_t w = word.load(acquire);  // acquire [grant]: if it has been claimed
        for (;;) {
            if (word::seq(w) != seq) {
                return Parked::woken;
            }
            if (mode == Cancellable::yes && (w & (word::check | word::pending)) != 0 &&
                (w & word::nocancel) == 0) [[unlikely]] {
                const bool first_check = (w & word::check) != 0;
                const std::uint64_t next =
                    first_check ? w & ~word::check : (w & ~word::pending) + word::seq_one;
                // acq_rel [grant]: this CAS is the delivery; sees what the canceller did before
                if (word.compare_exchange_weak(w, next, acq_rel, acquire)) {
                    return first_check ? Parked::check : Parked::cancelled;
                }
                continue;
            }
            // release [suspend]: the waker's thread sees the frame as we leave it; acquire [grant] on failure
            if (word.compare_exchange_weak(w, word::parked(w, mode), acq_rel, acquire)) {
                return Parked::suspended;
            }
        }
    }

    /// True: the caller must schedule this waiter. False: stale, or it was not asleep yet and will notice.
    [[nodiscard]] bool claim(std::uint64_t seq) noexcept {
        std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        for (;;) {
            if (word::seq(w) != seq || word::phase(w) == word::done) {
                return false;
            }
            const std::uint64_t next = (w & ~(word::phase_mask | word::nocancel)) + word::seq_one;
            // acq_rel [grant]: publishes the waker's work; acquires the frame [suspend]
            if (word.compare_exchange_weak(w, next, acq_rel, relaxed)) {
                return word::phase(w) == word::suspended;
            }
        }
    }

    /// Kills a published token without sleeping on it, unless it has been claimed already. Owner only.
    /// False: it has been moved, and what it was moved to must be waited for.
    bool revoke(std::uint64_t seq) noexcept {
        std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        while (word::seq(w) == seq) {
            if ((w & word::moved) != 0) {
                return false;
            }
            // acq_rel [grant]: on failure sees what the waker did
            if (word.compare_exchange_weak(w, w + word::seq_one, acq_rel, acquire)) {
                break;
            }
        }
        return true;
    }

    /// Before putting a token that was taken from one queue into another: from here on no request interrupts
    /// the wait. False: it has ended, by a request.
    [[nodiscard]] bool move(std::uint64_t seq) noexcept {
        std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        do {
            if (word::seq(w) != seq) {
                return false;
            }
            // acq_rel [grant]: ordered with the requests and with the park of the owner
        } while (!word.compare_exchange_weak(w, w | word::moved | word::nocancel, acq_rel, relaxed));
        return true;
    }
    /// True if the wait that has just ended had been moved. Owner only.
    [[nodiscard]] bool take_moved() noexcept {
        if ((word.load(relaxed) & word::moved) == 0) {  // relaxed: set before the claim that woke us
            return false;
        }
        word.fetch_and(~word::moved, acq_rel);  // acq_rel [grant]: others may be changing other bits
        return true;
    }

    /// Task::cancel on the word.
    [[nodiscard]] CancelStep request_cancel() noexcept {
        std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
        for (;;) {
            if (word::phase(w) == word::done) {
                return CancelStep::refused;
            }
            const bool interrupt = word::phase(w) == word::suspended && (w & word::nocancel) == 0;
            const std::uint64_t next =
                interrupt ? ((word::add_count(w) & ~word::phase_mask) | word::abort) + word::seq_one
                          : word::add_count(w) | word::pending;
            // acq_rel [grant]: the CancelledError happens after this call
            if (word.compare_exchange_weak(w, next, acq_rel, relaxed)) {
                return interrupt ? CancelStep::claimed : CancelStep::recorded;
            }
        }
    }

    /// How the owner, running again, was woken. Takes the requests off the word.
    [[nodiscard]] Woken take_requests() noexcept {
        // relaxed: stale means that a request is delivered at the next suspension instead of this one
        if ((word.load(relaxed) & word::requests) == 0) [[likely]] {
            return Woken::granted;
        }
        // acq_rel [grant]: the old value decides, an uncancel() may have withdrawn PENDING in between
        const std::uint64_t old = word.fetch_and(~word::requests, acq_rel);
        if ((old & (word::pending | word::abort)) != 0) {
            return Woken::cancelled;
        }
        return (old & word::check) != 0 ? Woken::check : Woken::granted;
    }
};

/// The right to wake `who` once, if its seq still is `seq`.
struct WaitToken {
    Waiter* who = nullptr;
    std::uint64_t seq = 0;
};

}  // namespace heddle::detail
