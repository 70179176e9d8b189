#include "../seam.hpp"
#include <heddle/detail/wait/waiter.hpp>

#include <atomic>

// The word of a waiter: of all who want to wake it one does, once, and sees its frame; it sees what that one
// did.

namespace heddle::explore {
namespace {

using detail::Cancellable;
using detail::CancelStep;
using detail::Parked;
using detail::Waiter;
using detail::Woken;

struct Party {
    Waiter waiter;
    std::uint64_t seq = 0;  // as a queue's cell would hold it
    std::atomic<bool> published{false};
    int frame = 0;  // plain: written before the park, read by whoever resumes
    int gift = 0;   // plain: written before the claim, read by whoever was granted
    bool moved = false;
};

/// The waiting task. True: granted.
bool wait(Party& p, Cancellable mode = Cancellable::yes) {
    p.seq = p.waiter.current_seq();
    p.published.store(true, std::memory_order_release);
    p.frame = 1;
    switch (p.waiter.park(p.seq, mode)) {
        case Parked::suspended:
            sleep("parked");
            break;
        case Parked::cancelled:
            return false;
        default:
            break;
    }
    p.moved = p.waiter.take_moved();
    const bool granted = p.waiter.take_requests() == Woken::granted;
    if (granted || p.moved) {
        require(p.gift == 1, "woken by nobody");
    }
    return granted;
}
void resume(Party& p) {
    p.frame = 2;
    wake(1);
}
void grant(Party& p) {
    while (!p.published.load(std::memory_order_acquire)) {
    }
    p.gift = 1;
    if (p.waiter.claim(p.seq)) {
        resume(p);
    }
}
void cancel_it(Party& p) {
    if (p.waiter.request_cancel() == CancelStep::claimed) {
        resume(p);
    }
}

void claim_cancel_park() {
    Party p;
    parallel({[&] { wait(p); }, [&] { grant(p); }, [&] { cancel_it(p); }});
    // The claim comes always, the cancellation may have been first.
    require(p.waiter.current_seq() <= 2, "claimed more often than there were reasons");
}
const Register r1{
    {"waiter.claim_cancel_park", "one grants, one cancels, the owner parks", claim_cancel_park, 4, 1}};

// Who has been cancelled before parks by way of the loop.
void granted_after_a_request() {
    Party p;
    cancel_it(p);
    require(p.waiter.take_requests() == Woken::cancelled, "the request is there");
    parallel({[&] { require(wait(p), "cancelled by nobody"); }, [&] { grant(p); }});
}
const Register r7{{"waiter.granted_after_a_request",
                   "one grants, the owner parks; there was a request before", granted_after_a_request, 4, 1}};

void two_claims() {
    Party p;
    std::atomic<int> claimed{0};
    const auto claim = [&] {
        while (!p.published.load(std::memory_order_acquire)) {
        }
        if (p.waiter.claim(0)) {
            ++claimed;
            resume(p);
        }
    };
    p.gift = 1;
    parallel({[&] { wait(p, Cancellable::no); }, claim, claim});
    require(p.waiter.current_seq() == 1 && claimed <= 1, "claimed twice");
}
const Register r2{{"waiter.two_claims", "two find the same token", two_claims, 4, 1}};

// A stale token: the owner waits again, nobody grants it that second wait but the canceller.
void stale_token() {
    Party p;
    parallel({[&] {
                  if (wait(p)) {
                      p.gift = 0;
                      require(!wait(p), "an old token woke a new wait");
                  }
              },
              [&] {
                  grant(p);
                  require(!p.waiter.claim(0), "a token was good for two wake-ups");
                  while (p.waiter.current_seq() != 1 || p.waiter.claim(0)) {
                  }
                  cancel_it(p);
              }});
}
const Register r3{{"waiter.stale_token", "a late waker has the token of the wait before", stale_token, 3, 1}};

// What a seq of few bits would do: after two waits (a mutant gives it one bit) an old token is good again.
void wrapped() {
    Party p;
    const std::uint64_t stale = p.waiter.current_seq();
    for (int i = 0; i < 2; ++i) {
        static_cast<void>(p.waiter.claim(p.waiter.current_seq()));
    }
    parallel({[&] { require(!wait(p), "an old token woke a new wait"); },
              [&] {
                  require(!p.waiter.claim(stale), "an old token was good again");
                  cancel_it(p);
              }});
}
const Register r6{{"waiter.wrapped", "a waker has a token from two waits ago", wrapped, 3, 1}};

void moved() {
    Party p;
    bool interrupted = false;
    parallel({[&] { interrupted = !wait(p); },
              [&] {
                  while (!p.published.load(std::memory_order_acquire)) {
                  }
                  if (p.waiter.move(p.seq)) {
                      p.gift = 1;
                      if (p.waiter.claim(p.seq)) {
                          resume(p);
                      }
                  } else {
                      require(p.waiter.current_seq() != 0, "a wait that goes on cannot be moved");
                  }
              },
              [&] { cancel_it(p); }});
    require(p.moved || interrupted, "woken by nobody");
    require(p.waiter.current_seq() == 1, "one wait, one wake-up");
}
const Register r4{
    {"waiter.move", "a token changes queues while its owner is cancelled and parks", moved, 4, 1}};

// Killing one's own token meets a waker: the wake-up of the next wait is not spent on it.
void revoked() {
    Party p;
    parallel({[&] {
                  p.published.store(true, std::memory_order_release);
                  static_cast<void>(p.waiter.revoke(0));
                  require(p.waiter.current_seq() == 1, "still valid, or killed twice");
              },
              [&] {
                  while (!p.published.load(std::memory_order_acquire)) {
                  }
                  require(!p.waiter.claim(0), "claimed somebody who does not sleep");
              }});
}
const Register r5{{"waiter.revoke", "the owner kills its token, a waker has it", revoked, 4, 1}};

}  // namespace
}  // namespace heddle::explore
