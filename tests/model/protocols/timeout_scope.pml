/* Timeout scopes: lib/structure/timeout.cpp, fire_scope and take_due_scopes of lib/task/suspend.cpp, on the task word. Two nested
 * scopes, both timers, one granter, outside cancellers.
 *
 * The task: enter outer(0), enter inner(1), await 0 (body), await 1 (cleanup, always run), leave inner, await 2 (only if no
 * CancelledError is on its way out), leave outer, await 3 (outside). Awaits 0 and 2 may never be granted: then only a timer
 * (or the canceller) can end them. Awaits 1 and 3 are always granted in the end.
 *
 *   -DNC=n       outside cancellers (default 0)
 *   -DNOCAT=i    await i is NOCANCEL
 *   do not work: -DLOCALDLV  "delivered" is a flag of the task that fire() does not see
 *                -DSCANFIRST park looks at the scopes first and clears CHECK afterwards
 *                -DFIRENOC   fire() does not know NOCANCEL
 *                -DSAVEDRAW  saved := count, although one of them may be recorded and not yet delivered
 *   -DMUT=n      mutants: 1 the timer calls plain cancel(), 2 fire() does not read the state again, 3 CHECK cleared without
 *                looking, 4 the exit does not close the scope
 */
#ifndef NC
#define NC 0
#endif
#ifndef NOCAT
#define NOCAT 99
#endif
#ifndef MUT
#define MUT 0
#endif
#define PH(x)   ((x) & 3)
#define ACTIVE  0
#define SUSP    1
#define FIN     2
#define PEND    4
#define ABRT    8
#define NOC     16
#define CHK     32
#define CNT1    64
#define CNT(x)  (((x) >> 6) & 7)
#define SEQ(x)  ((x) >> 9)
#define SEQ1    512
#define NOT(x,b) ((x) - ((x) & (b)))
#define EMPTY   0
#define WAITER  1
#define GRANTED 2
#define ABORTED 3
#define ENTERED   0
#define EXPIRING  1
#define DELIVERED 2
#define EXITED    3

int  w = 0;
byte cell[4], tok[4], st[2], saved[2];
bit  dlv[2];
byte sched = 0, s, tk, exc = 0, ncan = 0, nfin = 0;
byte owed = 0;          /* ghost: outside cancel accepted, not yet delivered */
bit  outin = 0;         /* ghost: an outside cancel was delivered while a scope was open */
bit  stop = 0;

inline cas(old, new, ok) { atomic { if :: w == (old) -> w = (new); ok = 1 :: else -> ok = 0 fi } }
inline schedule() { atomic { assert(sched == 0 && PH(w) == ACTIVE); sched = 1 } }

proctype Granter() {
  byte c, t, k = 0; int l; bit ok;
  do
  :: k == 4 -> break
  :: k < 4 ->
     if
     :: k != 1 && k != 3 -> skip                    /* never granted */
     :: skip ->
        atomic { c = cell[k]; t = tok[k]; if :: c != ABORTED -> cell[k] = GRANTED :: else fi };
        if
        :: c == WAITER ->
           do
           :: l = w;
              if
              :: SEQ(l) != t -> break
              :: SEQ(l) == t && PH(l) == SUSP -> cas(l, NOT(l, 3 | NOC) + SEQ1, ok);
                                 if :: ok -> schedule(); break :: else fi
              :: SEQ(l) == t && PH(l) != SUSP -> cas(l, l + SEQ1, ok); if :: ok -> break :: else fi
              fi
           od
        :: else
        fi
     fi; k++
  od;
  nfin++
}

proctype Canceller() {
  int l; bit ok;
  do
  :: l = w;
     if
     :: PH(l) == FIN -> break
     :: PH(l) == ACTIVE || (PH(l) == SUSP && (l & NOC)) ->
        atomic { if :: w == l -> w = (l | PEND) + CNT1; ok = 1; owed = 1; ncan++ :: else -> ok = 0 fi };
        if :: ok -> break :: else fi
     :: PH(l) == SUSP && !(l & NOC) ->
        atomic { if :: w == l -> w = (NOT(l, 3) | ABRT) + CNT1 + SEQ1; ok = 1; owed = 1; ncan++ :: else -> ok = 0 fi };
        if :: ok -> schedule(); break :: else fi
     fi
  od;
  nfin++
}

proctype Fire(byte sc) {
  int l; bit ok;
  atomic { if :: st[sc] == ENTERED -> st[sc] = EXPIRING; ok = 1 :: else -> ok = 0 fi };
#if MUT == 1
  if :: ok ->      /* plain cancel() from the timer */
     do
     :: l = w;
        if
        :: PH(l) == FIN -> break
        :: PH(l) == ACTIVE -> cas(l, l | CHK | PEND, ok); if :: ok -> break :: else fi
        :: PH(l) == SUSP -> cas(l, (NOT(l, 3) | CHK | PEND) + SEQ1, ok); if :: ok -> schedule(); break :: else fi
        fi
     od
  :: else fi;
#else
  if
  :: ok ->
     do
     :: l = w;
        if
        :: PH(l) == FIN -> break
#ifdef FIRENOC
        :: PH(l) == ACTIVE ->
#else
        :: PH(l) == ACTIVE || (PH(l) == SUSP && (l & NOC)) ->
#endif
           cas(l, l | CHK, ok); if :: ok -> break :: else fi
#ifdef FIRENOC
        :: PH(l) == SUSP ->
#else
        :: PH(l) == SUSP && !(l & NOC) ->
#endif
#if MUT != 2
           if :: st[sc] != EXPIRING -> break :: else fi;
#endif
           cas(l, (NOT(l, 3 | NOC) | CHK) + SEQ1, ok);
           if :: ok -> schedule(); break :: else fi
        fi
     od
  :: else
  fi;
#endif
  nfin++
}

byte ndue;
inline add_count() {
  do :: l = w; atomic { if :: w == l -> w = l + CNT1; ok = 1 :: else -> ok = 0 fi }; if :: ok -> break :: else fi od
}
inline scan1(sc) {
  if
#ifdef LOCALDLV
  :: st[sc] == EXPIRING && !dlv[sc] -> dlv[sc] = 1; ndue++; add_count()
#else
  :: atomic { st[sc] == EXPIRING -> st[sc] = DELIVERED }; dlv[sc] = 1; ndue++; add_count()     /* only the task leaves EXPIRING */
#endif
  :: else
  fi
}
inline scan() { scan1(0); scan1(1) }      /* closed scopes are EXITED, so they are never due */

inline abort_() { atomic { if :: cell[tk] == WAITER -> cell[tk] = ABORTED :: else -> assert(cell[tk] == GRANTED) fi } }
inline saw(o) { if :: (o) & (PEND | ABRT) -> assert(owed); owed = 0; if :: tk < 3 -> outin = 1 :: else fi :: else fi }

/* Waiter::take_requests, and the scopes if there was any: fl = a request */
inline take_requests() {
  fl = 0;
  l = w;
  if
  :: l & (PEND | ABRT | CHK) ->
     atomic { o = w; w = NOT(w, PEND | ABRT | CHK); saw(o) };
     if :: o & (PEND | ABRT) -> fl = 1 :: else fi;
     if :: o & (PEND | ABRT | CHK) -> scan() :: else fi
  :: else
  fi
}
inline revoke() {
  do
  :: l = w;
     if :: SEQ(l) != s -> break
        :: else -> cas(l, l + SEQ1, ok); if :: ok -> break :: else fi
     fi
  od
}

/* one await; thrown tells the outcome */
inline await_(i) {
  tk = i; s = SEQ(w); tok[tk] = s; thrown = 0; ndue = 0; parked = 0;
  atomic { if :: cell[tk] == EMPTY -> cell[tk] = WAITER; ok = 1 :: else -> ok = 0 fi };
  if
  :: !ok -> skip                                     /* granted without suspending */
  :: else ->
     do
     :: l = w;
        if
        :: SEQ(l) != s -> break
        :: SEQ(l) == s && (l & CHK) && tk != NOCAT ->
#ifdef SCANFIRST
           scan();
           if :: ndue == 0 -> do :: l = w; cas(l, NOT(l, CHK), ok); if :: ok -> break :: else fi od
              :: else -> take_requests(); revoke(); thrown = 1; break fi
#elif MUT == 3
           do :: l = w; cas(l, NOT(l, CHK), ok); if :: ok -> break :: else fi od    /* clear and do not look */
#else
           cas(l, NOT(l, CHK), ok);
           if
           :: ok -> scan();
              if
              :: ndue > 0 ->                            /* counted by scan(); take_interrupt(), revoke() */
                 take_requests(); revoke();
                 thrown = 1; break
              :: else
              fi
           :: else
           fi
#endif
        :: SEQ(l) == s && !((l & CHK) && tk != NOCAT) && (l & PEND) && tk != NOCAT ->
           atomic { if :: w == l -> w = NOT(l, PEND) + SEQ1; ok = 1; saw(l) :: else -> ok = 0 fi };
           if :: ok -> thrown = 1; break :: else fi
        :: SEQ(l) == s && !((l & (CHK | PEND)) && tk != NOCAT) ->
           cas(l, l | SUSP | (tk == NOCAT -> NOC : 0), ok);
           if :: ok -> parked = 1; break :: else fi
        fi
     od;
     if :: parked -> atomic { sched == 1 -> sched = 0 } :: else fi;
     /* await_resume */
     if
     :: !thrown && tk != NOCAT -> take_requests(); if :: fl || ndue > 0 -> thrown = 1 :: else fi
     :: else
     fi;
     if :: thrown -> abort_() :: else -> assert(cell[tk] == GRANTED) fi
  fi
}

inline enter(sc) {
  l = w; st[sc] = ENTERED; dlv[sc] = 0;
#ifdef SAVEDRAW
  saved[sc] = CNT(l)
#else
  saved[sc] = CNT(l) - ((l & PEND) -> 1 : 0)
#endif
}
inline leave(sc) {                                       /* TimeoutScope::leave */
#if MUT == 4
  o = st[sc]; st[sc] = ENTERED;          /* exit does not close the scope */
#else
  atomic { o = st[sc]; st[sc] = EXITED };
#endif
  fl = (o != ENTERED);
  if
#ifdef LOCALDLV
  :: dlv[sc] ->
#else
  :: o == DELIVERED ->
#endif
     do
     :: l = w; o = l - CNT1; assert(CNT(l) > 0);
        if :: CNT(o) == 0 -> o = NOT(o, PEND) :: else fi;
        cas(l, o, ok); if :: ok -> break :: else fi
     od
  :: else -> o = w
  fi;
  if :: exc == 1 && fl && CNT(o) <= saved[sc] -> exc = 2 :: else fi
}

proctype Task() {
  int l, o; bit ok, thrown, parked, fl;
  enter(0); enter(1);
  run Fire(0); run Fire(1);
  await_(0); if :: thrown -> exc = 1 :: else fi;
  await_(1); if :: thrown -> exc = 1 :: else fi;
  leave(1);
  if
  :: exc == 1 -> skip
  :: else -> exc = 0; await_(2); if :: thrown -> exc = 1 :: else fi
  fi;
  leave(0);
  assert(!(exc == 1 && ncan == 0));                      /* a timer never looks like a foreign cancellation */
  assert(!(outin && exc != 1));                          /* an outside cancel delivered in the scope leaves the scope */
  if :: owed == 0 -> stop = 1 :: else fi;
  exc = 0; await_(3);
  assert(!(thrown && ncan == 0));                        /* no stray CancelledError after the scope */
  do :: l = w; atomic { if :: w == l -> w = NOT(l, 3 | PEND) | FIN; ok = 1; if :: l & PEND -> owed = 0 :: else fi
                              :: else -> ok = 0 fi };
        if :: ok -> break :: else fi od;
  nfin++
}

init {
  byte i = 0;
  atomic {
    st[0] = EXITED; st[1] = EXITED;
    run Task(); run Granter();
    do :: i < NC -> run Canceller(); i++ :: else -> break od
  };
  nfin == 4 + NC;
  assert(owed == 0 && sched == 0 && CNT(w) == ncan)
}
