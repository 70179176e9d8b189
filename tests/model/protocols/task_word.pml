/* The task word of include/heddle/detail/wait/waiter.hpp: park, claim, request_cancel, uncancel, take_requests, completion.
 * (Without MOVED, which is in condition.pml, and CHECK, which is in timeout_scope.pml.)
 *
 * One task performs K awaits (await i uses cell i), run by two workers; one granter per cell (so the granter of cell 0 is a
 * late, stale waker for every later await); NC cancellers, each optionally followed by uncancel(); optionally one await is
 * NOCANCEL. Every atomic access is one step; everything between two accesses may be interleaved.
 *
 *   -DK=2 -DNC=1 -DUNC=1 (bitmask: canceller i also uncancels) -DNOCAT=i (await i is NOCANCEL; default none)
 *   -DSEQMOD=n  seq counts modulo n
 *   -DONEBIT    does not work: one PENDING bit for both "recorded" and "claimed by cancel"
 *   -DBLIND     does not work: park backs out with a blind add, await_resume clears PENDING without looking at the old value
 *   -DMUT=n     mutants: 2 a claim of an ACTIVE task does not advance seq, 3 nor does a delivery in park, 4 a grant lost to a cancel
 *               is not given back, 5 cancel() keeps seq, 6 the frame is touched after the park, 7 completion ignores PENDING,
 *               9 (NOCAT=1) NOCANCEL forgotten on waking; SEQMOD=2 (K=3): a seq that wraps while a token is out
 */
#ifndef K
#define K 2
#endif
#ifndef NC
#define NC 1
#endif
#ifndef UNC
#define UNC 0
#endif
#ifndef NOCAT
#define NOCAT 99
#endif
#ifndef SEQMOD
#define SEQMOD 32
#endif
#ifndef MUT
#define MUT 0
#endif

#define PH(x)   ((x) & 3)
#define ACTIVE  0
#define SUSP    1
#define FIN     2
#define PEND    4
#define ABRT    8     /* this suspension was claimed by cancel(); uncancel() does not take it back */
#define NOC     16
#define CNT1    32
#define CNT(x)  (((x) >> 5) & 7)
#define SEQ(x)  ((x) >> 8)
#define SEQINC(x) (((x) & 255) | ((((SEQ(x)) + 1) % SEQMOD) << 8))
#define NOT(x,b) ((x) - ((x) & (b)))

#define EMPTY   0
#define WAITER  1
#define GRANTED 2     /* DONE, written by the granter */
#define ABORTED 3     /* DONE, written by the aborting task (abstracts WAITER -> EMPTY -> DONE of wait_queue.cpp) */

int  w = 0;                     /* the task word */
byte cell[K], tok[K];
byte got[K], undone[K], kept[K];
byte sched = 1, running = 0;    /* entries of the task in ready queues; workers inside its frame */
byte pc = 0, tk = 0, s = 0;     /* the task's frame: where to resume, current await, seq of the current registration */
byte owed = 0;                  /* ghost: an accepted cancel() not yet delivered nor withdrawn */
byte nfin = 0;

inline cas(old, new, ok) { atomic { if :: w == (old) -> w = (new); ok = 1 :: else -> ok = 0 fi } }
inline schedule() { atomic { assert(sched == 0); assert(running == 0); assert(PH(w) == ACTIVE); sched = 1 } }

proctype Granter(byte k) {
  byte c, t; int l; bit ok;
  atomic {
    c = cell[k]; t = tok[k];
    if :: c == ABORTED -> kept[k]++ :: else -> cell[k] = GRANTED fi
  }
  if
  :: c == WAITER ->
     do
     :: l = w;
        if
        :: SEQ(l) != t -> break
        :: else ->
           if
           :: PH(l) == SUSP ->
              cas(l, NOT(SEQINC(l), 3 | NOC), ok);
              if :: ok -> schedule(); break :: else fi
           :: PH(l) != SUSP ->
#if MUT == 2
              break
#else
              cas(l, SEQINC(l), ok);
              if :: ok -> break :: else fi
#endif
           fi
        fi
     od
  :: else
  fi;
  nfin++
}

proctype Canceller(bit unc) {
  int l, n; bit ok, r;
  do
  :: l = w;
     if
     :: PH(l) == FIN -> r = 0; break
     :: PH(l) == ACTIVE || (PH(l) == SUSP && (l & NOC)) ->
        atomic { if :: w == l -> w = (l | PEND) + CNT1; ok = 1; owed = 1 :: else -> ok = 0 fi };
        if :: ok -> r = 1; break :: else fi
     :: PH(l) == SUSP && !(l & NOC) ->
#if MUT == 5
        n = NOT(l, 3) + CNT1;
#else
        n = NOT(SEQINC(l), 3) + CNT1;
#endif
#ifdef ONEBIT
        n = n | PEND;
#else
        n = n | ABRT;
#endif
        atomic { if :: w == l -> w = n; ok = 1; owed = 1 :: else -> ok = 0 fi };
        if :: ok -> schedule(); r = 1; break :: else fi
     fi
  od;
  if
  :: r && unc ->
     do
     :: l = w;
        if
        :: PH(l) == FIN || CNT(l) == 0 -> break
        :: else ->
           n = l - CNT1;
           if :: CNT(n) == 0 -> n = NOT(n, PEND) :: else fi;
           atomic {
             if
             :: w == l -> w = n; ok = 1;
                if :: (l & PEND) && !(n & PEND) && !(n & ABRT) -> owed = 0 :: else fi
             :: else -> ok = 0
             fi };
           if :: ok -> break :: else fi
        fi
     od
  :: else
  fi;
  nfin++
}

/* the task takes the abort path of the current await: CAS on the cell, undo a grant that came first, throw */
inline abort_and_throw() {
  atomic {
    if
    :: cell[tk] == WAITER -> cell[tk] = ABORTED
    :: else -> assert(cell[tk] == GRANTED);
#if MUT != 4
       undone[tk]++
#else
       skip
#endif
    fi
  }
}

proctype Worker() {
  int l, o; bit ok, thrown, endc;
  end0:
  do
  :: atomic { sched == 1 -> sched = 0; assert(running == 0); running = 1; thrown = 0; endc = 0 };
     if
     :: pc == 0 ->                                   /* initial await_resume */
        l = w;
        if :: l & PEND ->
              atomic { o = w; w = NOT(w, PEND | ABRT);
                       if :: o & PEND -> assert(owed); owed = 0; endc = 1 :: else fi }
           :: else fi
     :: else ->                                      /* await_resume after a suspension */
        goto RESUME
     fi;
NEXT: /* start the next await, or finish */
     if
     :: endc || tk == K ->
        do                                           /* complete() */
        :: l = w; assert(PH(l) == ACTIVE);
#if MUT == 7
           w = (NOT(l, 3)) | FIN; break
#else
           cas(l, (NOT(l, 3 | PEND)) | FIN, ok);
           if :: ok -> if :: l & PEND -> owed = 0 :: else fi; break :: else fi
#endif
        od;
        running = 0; nfin++; goto STOP
     :: else
     fi;
     s = SEQ(w); tok[tk] = s;                        /* nobody else may advance seq here: no token is out */
     atomic { if :: cell[tk] == EMPTY -> cell[tk] = WAITER; ok = 1
                 :: else -> got[tk]++; ok = 0 fi };
     if :: !ok -> tk++; goto NEXT :: else fi;
     /* park() */
     do
     :: l = w;
        if
        :: SEQ(l) != s -> goto RESUME
        :: else ->
           if
           :: (l & PEND) && tk != NOCAT ->
#ifdef BLIND
              w = SEQINC(w);                                    /* faa(w, SEQ1) */
              atomic { w = NOT(w, PEND); assert(owed); owed = 0 };   /* "throw" clears it */
              abort_and_throw(); thrown = 1; goto OUT
#else
#if MUT == 3
              atomic { if :: w == l -> w = NOT(l, PEND); ok = 1; assert(owed); owed = 0 :: else -> ok = 0 fi };
#else
              atomic { if :: w == l -> w = NOT(SEQINC(l), PEND); ok = 1; assert(owed); owed = 0 :: else -> ok = 0 fi };
#endif
              if :: ok -> abort_and_throw(); thrown = 1; goto OUT :: else fi
#endif
           :: else ->
              pc = 1;
#if MUT == 6
              cas(l, l | SUSP | (tk == NOCAT -> NOC : 0), ok);
              if :: ok -> running = 0; goto AGAIN :: else fi    /* touches the frame after the CAS */
#else
              atomic { if :: w == l -> w = l | SUSP | (tk == NOCAT -> NOC : 0); ok = 1; running = 0
                          :: else -> ok = 0 fi };
              if :: ok -> goto AGAIN :: else fi
#endif
           fi
        fi
     od;
RESUME: /* await_resume of await tk */
     l = w;
     if
#if MUT == 9
     :: (l & (PEND | ABRT)) ->
#else
     :: (l & (PEND | ABRT)) && tk != NOCAT ->
#endif
#ifdef BLIND
        atomic { w = NOT(w, PEND); assert(owed); owed = 0 };
        abort_and_throw(); thrown = 1
#else
        atomic { o = w; w = NOT(w, PEND | ABRT);
                 if :: o & (PEND | ABRT) -> assert(owed); owed = 0; thrown = 1 :: else fi };
        if :: thrown -> abort_and_throw() :: else fi
#endif
     :: else
     fi;
OUT: assert(!(thrown && tk == NOCAT));
     if :: !thrown -> assert(cell[tk] == GRANTED); got[tk]++ :: else fi;   /* granted: there must be a grant */
     thrown = 0; tk++; goto NEXT;
AGAIN: skip
  od;
STOP: skip
}

init {
  byte i = 0;
  atomic {
    run Worker(); run Worker();
    do :: i < K -> run Granter(i); i++ :: else -> break od; i = 0;
    do :: i < NC -> run Canceller((UNC >> i) & 1); i++ :: else -> break od; i = 0
  };
  nfin == K + NC + 1;          /* all calls and the task have ended; a lost wake-up never gets here */
  atomic {
    assert(PH(w) == FIN && sched == 0 && running == 0);
    assert(owed == 0);
    do :: i < K -> if :: tk > i -> assert(got[i] + undone[i] + kept[i] == 1)      /* each grant used, given back, or kept */
                      :: else -> skip fi; i++
       :: else -> break od
  }
}
