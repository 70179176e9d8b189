/* The protocol of lib/primitives/barrier_block.hpp and barrier.cpp: seats, one word, and a queue for those who find no seat.
 *
 *   word  = { state, gen, arrived }       every d_step on it is one load or one successful CAS
 *   seat  = FREE | TAKEN | a token: party + 2, marked with the generation; its seq lies next to it, plain
 *   cell  = one per ticket of `blocked`; resume_all() fills cells whose party is still on its way
 *
 * Sizes: PARTIES, WAITERS (each calls wait() ROUNDS times), CANCELS (of parties 0, 1, ...), RESETS, ABORTS.
 * Mutants, each of which must fail: M_FREE_FIRST, M_NO_MARK, M_NO_RECHECK, M_NO_WAKE, M_NO_REVOKE, M_SPLIT_TRIP.
 */
#ifndef PARTIES
#define PARTIES 2
#endif
#ifndef WAITERS
#define WAITERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef RESETS
#define RESETS 1
#endif
#ifndef ABORTS
#define ABORTS 0
#endif
#define CELLS 24
#define GENS 12

#define FILLING 0
#define RESETTING 1
#define BROKEN 2
#define FREE 0
#define TAKEN 1
#define NOBODY 255
#define DONE 1 /* a cell that needs nobody any more; 0: nobody yet; else party + 2 */

byte state, gen, arrived;
byte seat[PARTIES], mark[PARTIES]; /* mark: part of the seat's value */
byte seq_of[PARTIES];              /* plain memory */
byte true_seq[PARTIES];            /* ghost: what belongs to the token in the seat */
byte tickets, head, cell[CELLS], cell_seq[CELLS];

byte seq[WAITERS]; /* the parties' words */
bit asleep[WAITERS], pending[WAITERS], aborted[WAITERS], ended[WAITERS], counted[WAITERS];
byte in_gen[WAITERS];

byte given[GENS]; /* ghost: indexes handed out in this generation */
bit tripped[GENS], sent_away[GENS];

inline claim(who, s) {
    d_step {
        if
        :: seq[who] == s -> seq[who]++; asleep[who] = 0
        :: else
        fi
    }
}
inline revoke(s) {
#ifndef M_NO_REVOKE
    d_step {
        if
        :: seq[me] == s -> seq[me]++
        :: else
        fi
    }
#else
    skip
#endif
}

inline resume_all(n) {
    d_step {
        lo = head;
        if
        :: head < n -> head = n
        :: else
        fi;
        hi = n
    };
    do
    :: lo < hi ->
        d_step { x = cell[lo]; q = cell_seq[lo]; cell[lo] = DONE; lo++ };
        if
        :: x > DONE -> claim(x - 2, q)
        :: else
        fi
    :: else -> break
    od;
    skip;
    d_step { lo = 0; hi = 0; x = 0; q = 0; n = 0 }
}
inline wake_blocked() {
#ifndef M_NO_WAKE
    d_step { n = tickets };
    resume_all(n)
#else
    skip
#endif
}

/* Sits down on a free seat, looking from `hint` on; s == NOBODY: there is none. */
inline take_seat() {
    d_step { lo = 0; x = arrived };
    do
    :: lo < PARTIES && s == NOBODY ->
        d_step {
            if
            :: seat[(x + lo) % PARTIES] == FREE -> s = (x + lo) % PARTIES; seat[s] = TAKEN
            :: else
            fi;
            lo++
        }
    :: else -> break
    od;
    skip;
    d_step { lo = 0; x = 0 }
}
inline leave_seat() {
    if
    :: s != NOBODY ->
        d_step { x = seat[s]; mark[s] = 0; seat[s] = TAKEN };
        if
        :: x == TAKEN -> revoke(myseq)
        :: else
        fi;
        d_step { x = 0; seat[s] = FREE; s = NOBODY };
        wake_blocked()
    :: else
    fi
}

/* The walk of the party that completes a round. */
inline free_all() {
    d_step { hi = 0 };
    do
    :: hi < PARTIES ->
        q = seq_of[hi];
        d_step { x = seat[hi]; assert(hi == s || (x > TAKEN && q == true_seq[hi])); mark[hi] = 0; seat[hi] = FREE };
        if
        :: hi != s -> claim(x - 2, q)
        :: else
        fi;
        d_step { hi++; x = 0; q = 0 }
    :: else -> break
    od;
    skip;
    d_step { hi = 0 }
}
/* The walk of reset() and abort(). */
inline send_away_all(g) {
    d_step { hi = 0 };
    do
    :: hi < PARTIES ->
        d_step { x = seat[hi]; y = mark[hi] };
        if
#ifdef M_NO_MARK
        :: x > TAKEN ->
#else
        :: x > TAKEN && y == g ->
#endif
            q = seq_of[hi];
            d_step {
                if
                :: seat[hi] == x && mark[hi] == y -> assert(q == true_seq[hi]); seat[hi] = TAKEN; mark[hi] = 0
                :: else -> x = 0
                fi
            };
            if
            :: x > TAKEN -> claim(x - 2, q)
            :: else
            fi
        :: else
        fi;
        d_step { hi++; x = 0; y = 0; q = 0 }
    :: else -> break
    od;
    skip;
    d_step { hi = 0 }
}

/* park(): `stop` tells whether this wait ends by a cancellation. */
inline park() {
    d_step {
        if
        :: seq[me] != myseq
        :: else ->
            if
            :: pending[me] -> pending[me] = 0; seq[me]++; stop = 1
            :: else -> asleep[me] = 1
            fi
        fi
    };
    if
    :: !stop ->
        !asleep[me];
        d_step {
            stop = pending[me] || aborted[me];
            pending[me] = 0;
            aborted[me] = 0
        }
    :: else
    fi
}

proctype Party(byte me) {
    byte s = NOBODY, myseq, mygen, seen, t, n, lo, hi, x, q, round;
    bit ok, stop;
next_round:
    skip;
arrive:
    skip;
    d_step { seen = state; mygen = gen };
    if
    :: s == NOBODY && seen == FILLING -> take_seat()
    :: else
    fi;
    if
    :: seen == BROKEN -> leave_seat(); goto out
    :: seen != BROKEN && s == NOBODY -> goto block
    :: else
    fi;
    d_step { myseq = seq[me]; seen = 0 };
    seq_of[s] = myseq;
    d_step { seat[s] = me + 2; mark[s] = mygen; true_seq[s] = myseq };
    d_step {
        if
        :: state != FILLING || gen != mygen -> ok = 0
        :: else -> ok = 1;
            if
#ifdef M_SPLIT_TRIP
            :: arrived + 1 == PARTIES -> tripped[gen] = 1
#else
            :: arrived + 1 == PARTIES -> tripped[gen] = 1; gen++; arrived = 0
#endif
            :: else -> arrived++; counted[me] = 1; in_gen[me] = mygen
            fi
        fi
    };
    if
    :: !ok -> leave_seat(); goto arrive
    :: ok && !counted[me] ->
#ifdef M_SPLIT_TRIP
        d_step { gen++; arrived = 0 };
#endif
        d_step {
            assert((given[mygen] & (1 << s)) == 0);
            given[mygen] = given[mygen] | (1 << s)
        };
        free_all();
        s = NOBODY;
        wake_blocked();
        goto out
    :: else
    fi;
    park();
#ifdef M_FREE_FIRST
    d_step { n = s; x = (gen == mygen) };
    if
    :: x -> leave_seat()
    :: else
    fi;
    if
    :: s == NOBODY -> s = n
    :: else
    fi;
    d_step { n = 0; x = 0 };
#endif
    d_step { /* count_out */
        counted[me] = 0;
        if
        :: gen != mygen -> ok = 0
        :: else -> ok = 1;
            assert(stop || (state != FILLING && sent_away[gen]));
            arrived--;
            if
            :: arrived == 0 && state == RESETTING -> state = FILLING; gen++
            :: else
            fi
        fi
    };
    if
#ifdef M_FREE_FIRST
    :: ok -> s = NOBODY
#else
    :: ok -> leave_seat()
#endif
    :: else ->
        d_step {
            assert(tripped[mygen]);
            if
            :: !stop -> assert((given[mygen] & (1 << s)) == 0); given[mygen] = given[mygen] | (1 << s)
            :: else
            fi;
            s = NOBODY
        }
    fi;
    goto out;

block:
    skip;
    d_step { myseq = seq[me]; seen = 0; t = tickets; tickets++ };
    d_step {
        if
        :: cell[t] == 0 -> cell[t] = me + 2; cell_seq[t] = myseq; ok = 1
        :: else -> ok = 0
        fi
    };
    if
    :: !ok -> t = 0; goto arrive
    :: else
    fi;
#ifndef M_NO_RECHECK
    seen = state;
    if
    :: seen == FILLING -> take_seat()
    :: else
    fi;
    if
    :: s != NOBODY || seen == BROKEN ->
        d_step {
            if
            :: cell[t] == me + 2 -> cell[t] = DONE; ok = 1
            :: else -> ok = 0
            fi;
            t = 0; seen = 0
        };
        if
        :: !ok -> revoke(myseq)
        :: else
        fi;
        goto arrive
    :: else
    fi;
#endif
    seen = 0;
    park();
    if
    :: stop ->
        d_step {
            if
            :: cell[t] == me + 2 -> cell[t] = DONE
            :: else
            fi
        };
        goto out
    :: else -> t = 0; goto arrive
    fi;

out:
    skip;
    d_step { stop = 0; t = 0; seen = 0; ok = 0; round++ };
    if
    :: round < ROUNDS -> goto next_round
    :: else
    fi;
    ended[me] = 1
}

proctype Reset() {
    byte n, lo, hi, x, y, q, g;
    bit walk;
    d_step {
        if
        :: arrived == 0 && state == FILLING -> n = 0
        :: arrived == 0 && state != FILLING -> state = FILLING; gen++; n = 1
        :: arrived > 0 -> state = RESETTING; sent_away[gen] = 1; g = gen; walk = 1
        fi
    };
    if
    :: walk -> send_away_all(g)
    :: !walk && n == 1 -> wake_blocked()
    :: else
    fi
}
proctype Abort() {
    byte n, lo, hi, x, y, q, g;
    d_step { state = BROKEN; sent_away[gen] = 1; g = gen };
    send_away_all(g);
    wake_blocked()
}
proctype Canceller(byte k) {
    d_step {
        if
        :: ended[k]
        :: !ended[k] && asleep[k] -> asleep[k] = 0; seq[k]++; aborted[k] = 1
        :: else -> pending[k] = 1
        fi
    }
}

init {
    byte n, f;
    atomic {
        n = 0; do :: n < WAITERS -> run Party(n); n++ :: else -> break od;
        n = 0; do :: n < CANCELS -> run Canceller(n); n++ :: else -> break od;
        n = 0; do :: n < RESETS -> run Reset(); n++ :: else -> break od;
        n = 0; do :: n < ABORTS -> run Abort(); n++ :: else -> break od
    };
    timeout; /* nothing can move any more */
    d_step {
        f = 0; n = 0;
        do
        :: n < WAITERS ->
            if
            :: !ended[n] ->
                assert(asleep[n] && !pending[n] && counted[n] && state == FILLING && gen == in_gen[n]);
                f++
            :: else
            fi;
            n++
        :: else -> break
        od;
        assert(f == arrived && f < PARTIES && state != RESETTING);
        n = 0;
        do
        :: n < PARTIES ->
            if
            :: seat[n] != FREE -> assert(seat[n] > TAKEN); f--
            :: else
            fi;
            n++
        :: else -> break
        od;
        assert(f == 0); /* as many seats are taken as parties sleep */
    }
end:
    false
}
