// The shipped word of a waiter, include/heddle/detail/wait/waiter.hpp, on Relacy's atomics (alias/).
//
// Threads 0 and 1 are workers that run one task with two awaits; 2 grants both; 3 cancels, with a plain
// message. MOVES is a bit mask of awaits whose token is moved before it is granted, as Condition does. The
// frame, the token, what is granted and the message are plain data: Relacy checks that they are handed over.
#include "relacy_main.hpp"
#include <heddle/detail/wait/waiter.hpp>

using namespace heddle::detail;
#ifndef MOVES
#define MOVES 0
#endif
#define RLX rl::mo_relaxed
struct Test : rl::test_suite<Test, 4> {
    Waiter me;
    rl::atomic<unsigned> cell[2], ready;
    rl::var<unsigned> data[2], msg, k, pc;
    rl::var<std::uint64_t> tok[2];
    rl::atomic<int> finished;
    int got, undone, kept, told;
    void before() {
        ready.store(1, RLX, $);
        finished.store(0, RLX, $);
        got = undone = kept = told = 0;
        for (int i = 0; i < 2; ++i) {
            cell[i].store(0, RLX, $);
            data[i]($) = 0u;
            tok[i]($) = 0;
        }
        pc($) = 0u;
        k($) = 0u;
        msg($) = 0u;
    }
    void schedule() {
        unsigned o = ready.exchange(1, rl::mo_release, $);
        RL_ASSERT(o == 0);
    }
    void aborts(unsigned i) {
        RL_ASSERT(msg($) == 7u);
        ++told;
        unsigned e = 1;
        if (cell[i].compare_exchange(rl::bool_t<false>(), e, 3u, rl::mo_acq_rel, rl::mo_acquire, $)) return;
        RL_ASSERT(e == 2);
        if (unsigned(MOVES) >> i & 1) return; /* the granter learns of it from its move() */
        (void)unsigned(data[i]($));
        ++undone;
    }
    void granted(unsigned i) {
        RL_ASSERT(unsigned(data[i]($)) == i + 5);
        ++got;
    }
    void ended(unsigned i, bool cancelled) {
        if (cancelled) {
            aborts(i);
            return;
        }
        if (me.take_moved()) {
            granted(i);
            if (me.take_requests() == Woken::cancelled) {
                RL_ASSERT(msg($) == 7u);
                ++told;
            }
            return;
        }
        if (me.take_requests() == Woken::cancelled)
            aborts(i);
        else
            granted(i);
    }
    void run() {
        unsigned i = k($);
        if (pc($) == 1u) {
            ended(i, false);
            ++i;
            k($) = i;
            pc($) = 0u;
        }
        while (i < 2) {
            auto s = me.current_seq();
            tok[i]($) = s;
            unsigned e = 0;
            if (!cell[i].compare_exchange(rl::bool_t<false>(), e, 1u, rl::mo_acq_rel, rl::mo_acquire, $)) {
                RL_ASSERT(e == 2);
                granted(i);
                ++i;
                k($) = i;
                continue;
            }
            pc($) = 1u;
            Parked p = me.park(s, Cancellable::yes);
            if (p == Parked::suspended) return;
            ended(i, p == Parked::cancelled);
            pc($) = 0u;
            ++i;
            k($) = i;
        }
        std::uint64_t w = me.word.load(relaxed);
        while (!me.word.compare_exchange_weak(w, (w & ~(word::phase_mask | word::requests)) | word::done,
                                              acq_rel, relaxed)) {
        }
        if (w & word::pending) ++told;
        finished.store(1, rl::mo_release, $);
    }
    void thread(unsigned t) {
        if (t < 2) {
            rl::linear_backoff b;
            while (!finished.load(rl::mo_acquire, $)) {
                unsigned e = 1;
                if (ready.compare_exchange(rl::bool_t<false>(), e, 0u, rl::mo_acquire, RLX, $))
                    run();
                else
                    b.yield($);
            }
        } else if (t == 2) {
            for (unsigned i = 0; i < 2; ++i) {
                data[i]($) = i + 5;
                unsigned c = cell[i].load(RLX, $);
                bool ab = false;
                while (true) {
                    if (c == 3) {
                        ab = true;
                        break;
                    }
                    if (cell[i].compare_exchange(rl::bool_t<false>(), c, 2u, rl::mo_acq_rel, rl::mo_acquire,
                                                 $))
                        break;
                }
                if (ab) {
                    ++kept;
                    continue;
                }
                if (c != 1) continue;
                std::uint64_t s = tok[i]($);
                if (unsigned(MOVES) >> i & 1) {
                    if (!me.move(s)) {
                        ++kept;
                        continue;
                    }
                }
                if (me.claim(s)) schedule();
            }
        } else {
            msg($) = 7u;
            switch (me.request_cancel()) {
                case CancelStep::claimed:
                    schedule();
                    break;
                case CancelStep::recorded:
                    break;
                case CancelStep::refused:
                    ++told;
            }
        }
    }
    void after() {
        RL_ASSERT(got + undone + kept == 2);
        RL_ASSERT(told == 1);
        RL_ASSERT(word::phase(me.word.load(relaxed)) == word::done);
        RL_ASSERT((me.word.load(relaxed) & (word::moved | word::nocancel)) == 0);
    }
};
int main(int argc, char** argv) { return relacy_main<Test>(argc, argv); }
