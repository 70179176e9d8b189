/* Timer nodes of lib/sched/timer_wheel.cpp: arm, fire, disarm from any thread, end of the owner's frame, recycling of nodes.
 * NT tasks arm a node per round (2 nodes, ROUNDS rounds); each round ends by the timer or, for task 0, by something else, then the task
 * cancels the node and forgets it. A wheel thread (owner or thief) takes the try-lock, drains the stack, fires due nodes.
 *   -DEXCHANGE  does not work: exchange of the state, fired nodes freed by the wheel, unlink by whoever gets the try-lock
 *   -DSCOPE  nodes of timeout scopes: the wheel still reads the node after FIRED, until it sets FDONE; the second of
 *            {task has left, wheel is done} frees.  -DMUT=4: the task frees as soon as it sees FIRED
 *   -DWAITLOCK  insertion waits for the wheel's lock instead of using the stack
 *   -DMUT=n  mutants: 1 disarm ignores QUEUED, 2 unlink after the RMW, 3 the wheel frees what it fired, 4 see SCOPE,
 *            5 disarm under the lock frees a node that waits for its insertion
 */
#ifndef ROUNDS
#define ROUNDS 3
#endif
#ifndef MUT
#define MUT 0
#endif
#define QUEUED 1
#define FIRED 2
#define CANC 4
#define FDONE 8
#define NOT(x,b) ((x) - ((x) & (b)))
byte st[2], tok[2], own[2];             /* own = round (+ 8 x task) that uses the node, 0 = in the pool */
bit  linked[2], onstk[2], lock = 0;
#ifndef NT
#define NT 1
#endif
byte woken[2], fin = 0;                 /* highest round of each task woken by a timer */

inline free(n, r) { atomic { assert(own[n] == r); assert(!linked[n] && !onstk[n]); own[n] = 0 } }
inline push(n)    { atomic { assert(!onstk[n]); onstk[n] = 1 } }

proctype Task(byte id) {
  byte r = 1 + 8 * id, n, o; bit g;
  do
  :: r <= ROUNDS + 8 * id ->
     atomic { if :: own[0] == 0 -> n = 0 :: own[1] == 0 -> n = 1 fi; own[n] = r; st[n] = 0; tok[n] = r };
     /* insert */
#ifdef WAITLOCK
     atomic { !lock -> lock = 1 }; g = 1;
#else
     atomic { g = !lock; if :: g -> lock = 1 :: else fi };
#endif
     if
     :: g -> linked[n] = 1; lock = 0
     :: else -> atomic { st[n] = st[n] | QUEUED }; push(n)
     fi;
     if :: woken[id] >= r :: id == 0 fi;                           /* the timer, or any other wake-up */
     /* cancel: the frame may end right after */
#ifdef EXCHANGE
     atomic { o = st[n]; st[n] = CANC };
     if
     :: o & FIRED -> skip                                    /* the wheel frees it */
     :: else ->
        atomic { g = !lock; if :: g -> lock = 1 :: else fi };
        if
        :: g -> if :: linked[n] -> linked[n] = 0 :: else fi;
                if :: !onstk[n] -> free(n, r) :: else fi; lock = 0
        :: else -> push(n)
        fi
     fi;
#else
#if MUT == 1
     atomic { o = st[n]; st[n] = st[n] | CANC };             /* forgets that the node may still wait for its insertion */
     if
     :: o & FIRED -> free(n, r)
     :: else -> push(n)
     fi;
#else
     atomic { g = !lock; if :: g -> lock = 1 :: else fi };    /* disarm: with the lock at hand, at once */
     if
     :: g ->
        atomic { o = st[n]; st[n] = st[n] | CANC };
        if
#ifdef SCOPE
        :: o & FIRED -> if :: o & FDONE -> free(n, r) :: else fi
#else
        :: o & FIRED -> free(n, r)
#endif
#if MUT == 5
        :: !(o & FIRED) -> linked[n] = 0; free(n, r)
#else
        :: !(o & FIRED) && (o & QUEUED) -> skip               /* the drain of the changes sees CANC */
        :: !(o & FIRED) && !(o & QUEUED) -> assert(linked[n]); linked[n] = 0; free(n, r)
#endif
        fi;
        lock = 0; goto NEXT
     :: else
     fi;
     atomic { o = st[n]; st[n] = st[n] | CANC | QUEUED };
     if
#if defined(SCOPE) && MUT != 4
     :: o & FIRED -> if :: o & FDONE -> free(n, r) :: else fi
#else
     :: o & FIRED -> free(n, r)
#endif
     :: !(o & FIRED) && (o & QUEUED) -> skip
     :: else -> push(n)
     fi;
#endif
#endif
NEXT:
     r++
  :: else -> break
  od;
  fin++
}

proctype Wheel() {
  byte n, o, t, r; bit g;
  end0:
  do
  :: atomic { !lock && (onstk[0] || onstk[1] || linked[0] || linked[1]) -> lock = 1 };
     n = 0;
     do
     :: n < 2 ->
        if
        :: onstk[n] ->
           atomic { onstk[n] = 0; r = own[n] }; assert(own[n] != 0);
           atomic { o = st[n]; st[n] = NOT(st[n], QUEUED) };
           if
           :: o & CANC -> linked[n] = 0; free(n, r)
           :: else -> linked[n] = 1
           fi
        :: else
        fi; n++
     :: else -> break
     od;
     n = 0; t = 0;
     do
     :: n < 2 ->
        if
        :: linked[n] ->                                      /* due */
           r = own[n]; assert(r != 0);
#if MUT == 2
           atomic { o = st[n]; st[n] = st[n] | FIRED }; 
           if :: !(o & CANC) -> t = tok[n]; assert(own[n] == r); atomic { if :: t > woken[t / 8] -> woken[t / 8] = t :: else fi } :: else fi;
           linked[n] = 0
#elif defined(EXCHANGE)
           linked[n] = 0; t = tok[n];
           atomic { o = st[n]; st[n] = FIRED };
           if :: o == 0 || o == QUEUED -> free(n, r); atomic { if :: t > woken[t / 8] -> woken[t / 8] = t :: else fi } :: else fi
#else
           linked[n] = 0; t = tok[n];                        /* unlink and copy the token before the RMW */
           atomic { o = st[n]; st[n] = st[n] | FIRED };
#if MUT == 3
           free(n, r);
#endif
           if :: !(o & CANC) -> assert(t == r); atomic { if :: t > woken[t / 8] -> woken[t / 8] = t :: else fi };
#ifdef SCOPE
                 assert(own[n] == r);                        /* fire() looks at the scope's state again */
                 atomic { o = st[n]; st[n] = st[n] | FDONE };
                 if :: o & CANC -> free(n, r) :: else fi
#endif
              :: else fi
#endif
        :: skip
        fi; n++
     :: else -> break
     od;
     lock = 0
  od
}
init {
  atomic { run Task(0); if :: NT == 2 -> run Task(1) :: else fi; run Wheel() };
  timeout -> atomic { assert(fin == NT && own[0] == 0 && own[1] == 0) }
}
