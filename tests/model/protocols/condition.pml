/* Condition whose notify() moves waiters to the lock's queue: lib/primitives/condition.cpp on the word of
 * include/heddle/detail/wait/waiter.hpp and the permits of lib/wait/permits.cpp.
 *
 * WAITERS tasks take the lock, wait once, take the lock back and let it go; the first CANC of them have a canceller.
 * NOTIFY tasks take the lock and notify(1), ALL tasks take it and notify_all().
 *
 * Every atomic access is one step, also the CAS loops on the task word (load, then CAS). Cells are an array: segments and
 * reclamation are cqs.pml's business. Nobody is cancelled while waiting for the lock the first time: that too is cqs.pml's.
 *
 * Mutants: M_NOPASS      a cancelled waiter that was notified keeps the notification
 *          M_UNCHECKED   move() does not look at seq
 *          M_CANCELLABLE move() sets MOVED without NOCANCEL
 *          M_PARK        park() delivers a request although the token has been moved
 *          M_BLIND       a waiter that wakes up does not look at MOVED
 *          M_STOP        notify() gives up at a waiter that has ended its wait
 *          M_LEAVE       a cancelled waiter does not settle its cell (harmless: the token is stale; must stay without error)
 */
#ifndef WAITERS
#define WAITERS 3
#endif
#ifndef CANC
#define CANC 1
#endif
#ifndef NOTIFY
#define NOTIFY 2
#endif
#ifndef ALL
#define ALL 0
#endif
#define NT (WAITERS + NOTIFY + ALL)
#define NL (2 * WAITERS + NOTIFY + ALL)
#define NIL 255

/* the task word */
#define SUSP   1
#define PEND   2
#define ABRT   4
#define NOCAN  8
#define MOVED 16
#define SEQ1  32
#define SEQ(x) ((x) >> 5)
#define NOT(x, b) ((x) - ((x) & (b)))

#define EMPTY 0
#define DONE  1
#define WAITER(t) (2 + (t))

byte w[NT]; bit ready[NT];
/* the condition's queue */
byte tail, head; byte cell[WAITERS + 1]; byte cseq[WAITERS + 1];
/* the lock: permits, and its queue */
short permits = 1; byte ltail, lhead; byte lcell[NL]; byte lseq[NL];
/* ghosts */
byte holder = NIL, nothing, returned, raised, nmoved, order[WAITERS], last, covered, ticket[WAITERS]; bit asked[WAITERS], told[WAITERS], in[WAITERS];

inline schedule(t) { d_step { assert(!ready[t]); ready[t] = 1 } }

inline claim(t, q) {                            /* Waiter::claim, then schedule() */
  do
  :: l = w[t];
     if
     :: SEQ(l) != (q) -> break
     :: else ->
        d_step { ok = (w[t] == l); if :: ok -> w[t] = NOT(l, SUSP | NOCAN) + SEQ1 :: else fi };
        if :: ok -> if :: l & SUSP -> schedule(t) :: else fi; break :: else fi
     fi
  od; l = 0
}

inline park_locking(q) {                        /* Waiter::park(no cancel) */
  do
  :: l = w[me];
     if
     :: SEQ(l) != (q) -> break
     :: else ->
        d_step { ok = (w[me] == l); if :: ok -> w[me] = l | SUSP | NOCAN :: else fi };
        if :: ok -> d_step { ready[me] == 1 -> ready[me] = 0 }; break :: else fi
     fi
  od; l = 0
}

inline lock_for(t, q) {                         /* the rest of an acquire whose RMW saw no permit; fl: have it at once */
  d_step { i = ltail; ltail++; lseq[i] = q };    /* nobody looks at seq before the cell says so */
  d_step { fl = (lcell[i] == DONE); if :: !fl -> lcell[i] = WAITER(t) :: else fi; i = 0 }
}

inline acquire() {
  s = SEQ(w[me]);
  d_step { fl = (permits > 0); permits-- };
  if
  :: fl -> skip
  :: else -> lock_for(me, s); if :: !fl -> park_locking(s) :: else fi
  fi;
  d_step { assert(holder == NIL); holder = me; s = 0; fl = 0; ok = 0 }
}

inline release() {
  d_step { assert(holder == me); holder = NIL; fl = (permits < 0); permits++ };
  if
  :: fl ->
     d_step { i = lhead; lhead++ };
     d_step { x = lcell[i]; lcell[i] = DONE };
     assert(x != DONE);
     if :: x != EMPTY -> d_step { x = x - 2; z = lseq[i]; i = 0 }; claim(x, z) :: else -> i = 0 fi;
     d_step { x = 0; z = 0 }
  :: else
  fi
}

inline notify(n, missing) {                     /* Condition::notify_locked; with the lock */
  e = tail; todo = n;
  do
  :: todo == 0 -> break
  :: else ->
     do                                         /* resume_next_below(e) */
     :: fl = (head < e);
        if :: !fl -> break :: else fi;
        d_step { i = head; head++ };
        d_step { x = cell[i]; cell[i] = DONE };
        if :: x > DONE -> d_step { x = x - 2; z = cseq[i]; i = 0 }; break
#ifdef M_STOP
           :: else -> todo = 0; break
#else
           :: else -> skip                      /* cancelled, on to the next */
#endif
        fi
     od;
     if :: !fl -> missing = todo; break :: else fi;
#ifdef M_STOP
     if :: todo == 0 -> break :: else fi;
#endif
     do                                         /* Waiter::move */
     :: l = w[x];
        if
#ifndef M_UNCHECKED
        :: SEQ(l) != z -> fl = 0; break
#endif
        :: else ->
#ifdef M_CANCELLABLE
           d_step { ok = (w[x] == l); if :: ok -> w[x] = l | MOVED :: else fi };
#else
           d_step { ok = (w[x] == l); if :: ok -> w[x] = l | MOVED | NOCAN :: else fi };
#endif
           if :: ok -> fl = 1; break :: else fi
        fi
     od;
     if
     :: fl ->                                   /* ConditionWait::queue_for */
        todo--; d_step { nmoved++; order[x] = nmoved; told[x] = 1 };
        d_step { fl = (permits > 0); permits-- };
        assert(!fl);                            /* the notifier has it */
        lock_for(x, z);
        if :: fl -> claim(x, z) :: else fi
     :: else ->
#ifdef M_STOP
        break
#else
        skip
#endif
     fi
  od; skip;
  d_step { e = 0; x = 0; z = 0; l = 0; i = 0; todo = 0 }
}

inline take_requests() {                        /* Waiter::take_requests; adds to can */
  if :: w[me] & (PEND | ABRT) ->
        d_step { if :: w[me] & (PEND | ABRT) -> can = 1 :: else fi; w[me] = NOT(w[me], PEND | ABRT) }
     :: else
  fi
}

proctype Waiter(byte me) {
  byte s, l, i, x, z, e, todo, left, t; bit fl, ok, can, notified;
  acquire();
  /* sleep() */
  s = SEQ(w[me]);
  d_step { t = tail; tail++; cseq[t] = s; ticket[me] = t; in[me] = 1 };
  d_step { assert(cell[t] == EMPTY); cell[t] = WAITER(me) };
  release();
  do                                            /* Waiter::park */
  :: l = w[me];
     if
     :: SEQ(l) != s -> break
#ifdef M_PARK
     :: SEQ(l) == s && (l & PEND) ->
#else
     :: SEQ(l) == s && (l & PEND) && !(l & NOCAN) ->
#endif
        d_step { ok = (w[me] == l); if :: ok -> w[me] = NOT(l, PEND) + SEQ1; can = 1 :: else fi };
        if :: ok -> break :: else fi
     :: else ->
        d_step { ok = (w[me] == l); if :: ok -> w[me] = l | SUSP :: else fi };
        if :: ok ->
endasleep: d_step { ready[me] == 1 -> ready[me] = 0 }; break
           :: else fi
     fi
  od; skip;
  d_step { l = 0; s = 0; ok = 0 };
  /* awake() */
#ifdef M_BLIND
  fl = 0;
#else
  d_step { fl = ((w[me] & MOVED) != 0); if :: fl -> w[me] = NOT(w[me], MOVED) :: else fi };
#endif
  if
  :: fl ->
     notified = 1;
     d_step { assert(holder == NIL); holder = me; assert(order[me] > last); last = order[me] }
  :: else ->
     take_requests();
     assert(can);                               /* nobody else wakes a waiter that has not been moved */
#ifndef M_LEAVE
     d_step { if :: cell[t] == WAITER(me) -> cell[t] = DONE :: else fi };
#endif
     acquire()
  fi;
  /* locked(), finish() */
  take_requests();
  assert(can || notified);
  left = 0;
#ifndef M_NOPASS
  if :: can && notified -> notify(1, left) :: else fi;
#endif
  d_step { if :: can -> raised++ :: else -> returned++; assert(told[me]) fi; nothing = nothing + left; in[me] = 0; assert(!can || asked[me]) };
  release()
}

proctype Notifier(byte me; byte n) {
  byte s, l, i, x, z, e, todo, left; bit fl, ok;
  acquire();
  if :: n > 1 -> covered = tail :: else fi;
  notify(n, left);
  if :: n == 1 -> nothing = nothing + left :: else fi;
  release()
}

proctype Canceller(byte t) {                    /* Waiter::request_cancel; the count is task_word.pml's business */
  byte l; bit ok;
  do
  :: l = w[t];
     if
     :: (l & SUSP) && !(l & NOCAN) ->
        d_step { ok = (w[t] == l); if :: ok -> w[t] = (NOT(l, SUSP) | ABRT) + SEQ1; asked[t] = 1 :: else fi };
        if :: ok -> schedule(t); break :: else fi
     :: else ->
        d_step { ok = (w[t] == l); if :: ok -> w[t] = l | PEND; asked[t] = 1 :: else fi };
        if :: ok -> break :: else fi
     fi
  od
}

init {
  byte n;
  atomic {
    n = 0; do :: n < WAITERS -> run Waiter(n); n++ :: else -> break od;
    n = 0; do :: n < NOTIFY -> run Notifier(WAITERS + n, 1); n++ :: else -> break od;
    n = 0; do :: n < ALL -> run Notifier(WAITERS + NOTIFY + n, WAITERS); n++ :: else -> break od;
    n = 0; do :: n < CANC -> run Canceller(n); n++ :: else -> break od
  }
  timeout;                                      /* nobody can move any more */
  d_step {
    assert(permits == 1 && holder == NIL && lhead == ltail);
    n = 0;
    do
    :: n < WAITERS ->
       if
       :: in[n] -> assert(w[n] & SUSP); assert(!asked[n]); assert(!(w[n] & MOVED)); assert(ticket[n] >= covered)
       :: else -> assert(!(w[n] & (SUSP | NOCAN | MOVED)))
       fi; n++
    :: else -> break
    od;
    /* each notify(1) let somebody return who was not cancelled, or found nobody */
    if :: ALL == 0 -> assert(returned + nothing == NOTIFY) :: else fi
  }
end: false
}
