#include "../seam.hpp"
#include <heddle/barrier.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>

#include <array>
#include <atomic>

// Barrier: a round passes with all its parties or with none; whoever gives up, resets or aborts meets the
// others at any step.

namespace heddle::explore {
namespace {

/// How a wait ended: the place, or one of these.
constexpr int cancelled = -1;
constexpr int broken = -2;

int arrive(Barrier& barrier) {
    try {
        return await(barrier.wait());
    } catch (const CancelledError&) {
        return cancelled;
    } catch (const BrokenBarrierError&) {
        return broken;
    }
}

void trip() {
    Barrier barrier(2);
    std::array<int, 2> news{};  // plain: each writes one, all read both
    std::array<int, 2> places{};
    const auto party = [&](std::size_t i) {
        news[i] = 1;
        places[i] = arrive(barrier);
        require(news[0] == 1 && news[1] == 1, "passed too early");
    };
    parallel({[&] { party(0); }, [&] { party(1); }});
    require(places[0] >= 0 && places[1] >= 0 && places[0] != places[1], "not two places");
}
const Register r1{{"barrier.trip", "two parties, one round", trip, 4, 1}};

void rounds() {
    Barrier barrier(2);
    std::atomic<int> passed{0};
    const auto party = [&] {
        for (int i = 0; i < 2; ++i) {
            require(arrive(barrier) >= 0, "broken by nobody");
            ++passed;
        }
    };
    parallel({party, party});
    require(passed == 4 && barrier.n_waiting() == 0, "a round is not over");
}
const Register r2{{"barrier.rounds", "two parties, two rounds", rounds, 3, 1}};

void three() {
    Barrier barrier(2);
    std::atomic<int> passed{0};
    const auto party = [&] {
        require(arrive(barrier) >= 0, "broken by nobody");
        ++passed;
    };
    parallel({party, party, party, party});
    require(passed == 4, "a round is not over");
}
const Register r3{{"barrier.blocked", "four arrive at a barrier for two: two wait for a seat", three, 2, 0}};

// The third and the fourth have waited before, so that their tokens are not those of the first two.
void newcomers() {
    Barrier barrier(2);
    Event never;
    std::atomic<int> passed{0};
    const auto party = [&] {
        require(arrive(barrier) >= 0, "broken by nobody");
        ++passed;
    };
    const auto later = [&](unsigned self) {
        cancel(self);
        try {
            await(never.wait());
            require(false, "not cancelled");
        } catch (const CancelledError&) {
            party();
        }
    };
    parallel({party, party, [&] { later(3); }, [&] { later(4); }});
    require(passed == 4, "a round is not over");
}
const Register r11{{"barrier.newcomers", "a seat is taken while the round before is woken", newcomers, 2, 0}};

// A party that was cancelled may still count: then the round is complete and the other one has passed. If
// not, the other one waits for somebody else.
void cancel_one() {
    Barrier barrier(2);
    std::array<int, 2> end{};
    parallel({[&] {
                  end[0] = arrive(barrier);
                  wake(4);
              },
              [&] { end[1] = arrive(barrier); }, [&] { cancel(1); },
              [&] {
                  sleep("until the first is through");
                  cancel(2);
              }});
    require(end[0] >= 0 ? end[1] >= 0 || end[1] == cancelled : end[0] == cancelled, "broken by nobody");
    require(barrier.n_waiting() == 0 && !barrier.broken(), "somebody is still counted");
}
const Register r4{{"barrier.cancel", "a party gives up in the middle of a round", cancel_one, 2, 0}};

void reset() {
    Barrier barrier(2);
    std::array<int, 2> end{};
    parallel({[&] {
                  end[0] = arrive(barrier);
                  wake(4);
              },
              [&] {
                  end[1] = arrive(barrier);
                  wake(5);
              },
              [&] { barrier.reset(); },
              [&] {
                  sleep("until the first is through");
                  cancel(2);
              },
              [&] {
                  sleep("until the second is through");
                  cancel(1);
              }});
    require((end[0] >= 0) == (end[1] >= 0) || end[0] == cancelled || end[1] == cancelled,
            "a round passed with one party");
    require(barrier.n_waiting() == 0 && !barrier.broken(), "somebody is still counted");
}
const Register r5{
    {"barrier.reset", "reset in the middle of a round; who is left alone is cancelled", reset, 2, 0}};

void abort() {
    Barrier barrier(2);
    std::array<int, 2> end{};
    parallel(
        {[&] { end[0] = arrive(barrier); }, [&] { end[1] = arrive(barrier); }, [&] { barrier.abort(); }});
    require(end[0] != cancelled && end[1] != cancelled, "cancelled by nobody");
    require((end[0] >= 0) == (end[1] >= 0), "a round passed with one party");
    require(barrier.broken(), "not broken");
    require(arrive(barrier) == broken, "a broken barrier lets wait");
    barrier.reset();
    require(!barrier.broken() && barrier.n_waiting() == 0, "not as new");
}
const Register r6{{"barrier.abort", "abort in the middle of a round", abort, 3, 1}};

void reset_then_round() {
    Barrier barrier(2);
    std::atomic<int> passed{0};
    const auto party = [&] {
        int end = broken;
        while (end < 0) {
            end = arrive(barrier);
        }
        ++passed;
    };
    parallel({party, party, [&] { barrier.reset(); }});
    require(passed == 2 && barrier.n_waiting() == 0, "a round is not over");
}
const Register r7{
    {"barrier.reset_then_round", "reset, then the round is made after all", reset_then_round, 2, 0}};

void abort_reset() {
    Barrier barrier(2);
    std::atomic<int> passed{0};
    const auto party = [&] {
        while (arrive(barrier) < 0) {
            let_others_run();
        }
        ++passed;
    };
    parallel({party, party, [&] {
                  barrier.abort();
                  barrier.reset();
              }});
    require(passed == 2 && barrier.n_waiting() == 0 && !barrier.broken(), "a round is not over");
}
const Register r8{{"barrier.abort_reset", "broken and mended while two want to pass", abort_reset, 2, 0}};

// Sent away from a broken barrier the party waits for something else: a late walk over the seats must not
// wake it there.
void late_walk() {
    Barrier barrier(2);
    Event event;
    parallel({[&] {
                  require(arrive(barrier) == broken, "passed alone");
                  await(event.wait());
                  require(event.is_set(), "woken by the barrier that it has left");
              },
              [&] { barrier.abort(); }, [&] { event.set(); }});
}
const Register r10{
    {"barrier.late_walk", "abort is still at it when the party waits elsewhere", late_walk, 3, 1}};

void blocking() {
    Barrier barrier(2);
    parallel({[&] {
                  const PlainThread plain;
                  require(barrier.wait_blocking() >= 0, "broken by nobody");
              },
              [&] { require(arrive(barrier) >= 0, "broken by nobody"); }});
}
const Register r9{{"barrier.blocking", "a plain thread and a task", blocking, 3, 1}};

}  // namespace
}  // namespace heddle::explore
