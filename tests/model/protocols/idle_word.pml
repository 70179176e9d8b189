/* The idle word of lib/sched/idle.cpp and the loop of lib/sched/worker.cpp and steal.cpp around it: choose_sleeper,
 * try_start_search, stop_search, sleep and the last look, woken.
 *
 * NW workers with a ring each (a counter), an inject queue whose pop may falsely report "empty", NP foreign producers (one
 * task each), and tasks that push children to their own worker's ring through the filtered notify.
 *   -DNW=2|3 -DNP=n -DCHILD=n (the first n tasks run push one child each)
 *   -DSTUCK=1  the first task that runs does not end before all others have run (needs CHILD=0, or -DNOFILTER)
 *   -DSTALE=1  the filter's plain load may return anything (store buffer)   -DNOFILTER children use the full notify
 *   -DMUT=n    mutants: 1 the chosen worker is not counted, 2 (NP=2 STUCK) the last searcher passes no torch, 3 (NP=2 STUCK) park in
 *              several RMWs, 4 no last look, 5 notify before publish
 * At quiescence (nobody can move): all tasks ran, nobody is counted as searching, bitmap = sleeping workers.
 * Not here: the slot for the task woken last, the fork lane, groups of workers; the sentinel and membarrier, which heal what
 * STALE leaves behind.
 */
#ifndef NW
#define NW 2
#endif
#ifndef NP
#define NP 1
#endif
#ifndef CHILD
#define CHILD 0
#endif
#ifndef STUCK
#define STUCK 0
#endif
#ifndef STALE
#define STALE 0
#endif
#ifndef MUT
#define MUT 0
#endif
#define TOTAL (NP + CHILD)

byte bm = 0, se = 0;          /* the idle word: sleepers bitmap, searching count; accessed together */
byte ring[NW], inj = 0;
byte pk[NW];                  /* parker: 0 EMPTY, 1 NOTIFIED */
byte asleep = 0;              /* ghost bitmap: really inside the parker */
byte ran = 0, begun = 0;

inline notify() {
  do
  :: atomic { b = bm; q = se };
     if
     :: q > 0 || b == 0 -> break
     :: else ->
        if :: b & 1 -> v = 0 :: b & 2 -> v = 1
#if NW > 2
           :: b & 4 -> v = 2
#endif
        fi;
#if MUT == 1
        atomic { if :: bm == b && se == q -> bm = bm - (1 << v); ok = 1 :: else -> ok = 0 fi };   /* not counted as searching */
#else
        atomic { if :: bm == b && se == q -> bm = bm - (1 << v); se++; ok = 1 :: else -> ok = 0 fi };
#endif
        if :: ok -> atomic { pk[v] = 1 }; break :: else fi
     fi
  od
}
inline filtered() {
#ifdef NOFILTER
  notify()
#else
  if
  :: bm != 0 && se == 0 -> notify()
  :: !(bm != 0 && se == 0) -> skip
  :: STALE -> skip
  fi
#endif
}
inline run_one() {            /* holds one task */
  atomic { begun++; k = begun };
  if :: k <= CHILD -> atomic { ring[i]++ }; filtered() :: else fi;
  if :: STUCK && k == 1 -> ran >= TOTAL - 1 :: else fi;
  atomic { ran++ }
}
inline take(from, g) {        /* own pop and steal of one */
  atomic { if :: ring[from] > 0 -> ring[from]--; g = 1 :: else -> g = 0 fi }
}
inline take_inj(g) {
  atomic { if :: inj > 0 -> inj--; g = 1 :: inj > 0 && begun < TOTAL -> g = 0 /* false empty */ :: inj == 0 -> g = 0 fi }
}

proctype Worker(byte i) {
  byte b, q, v, k, z; bit ok, g, s = 0;
  do
  :: /* s = counted as searching */
     take(i, g);
     if :: !g -> take_inj(g) :: else fi;
     if
     :: g && !s -> run_one()
     :: g && s -> goto FOUND
     :: else ->
        if
        :: !s -> atomic { q = se };                                   /* try_start_search */
                 if :: 2 * q >= NW -> skip :: else -> atomic { se++ }; s = 1 fi
        :: else
        fi;
        if
        :: s ->
           v = 0;
           do
           :: v < NW && !g -> if :: v != i -> take(v, g) :: else fi; v++
           :: else -> break
           od;
           if :: !g -> take_inj(g) :: else fi;
           if :: g -> 
FOUND:        s = 0;
#if MUT == 2
              atomic { se-- }; run_one()
#else
              atomic { se--; q = se }; if :: q == 0 -> notify() :: else fi; run_one()
#endif
              ; goto NEXT
              :: else fi
        :: else
        fi;
        /* park */
#if MUT == 3
        if :: s -> atomic { se-- } :: else fi;                        /* two RMWs, and the re-check by the count seen first */
        atomic { q = se }; atomic { bm = bm | (1 << i) };
#else
        atomic { bm = bm | (1 << i); if :: s -> se-- :: else fi; q = se };
#endif
        s = 0; z = 0;
#if MUT != 4
        if
        :: q == 0 ->
           z = (inj > 0);
           v = 0; do :: v < NW -> if :: ring[v] > 0 -> z = 1 :: else fi; v++ :: else -> break od;
           if
           :: z ->
              atomic { if :: bm & (1 << i) -> bm = bm - (1 << i); se++; ok = 1 :: else -> ok = 0 fi };
              if :: ok -> s = 1; goto NEXT :: else fi                 /* else: chosen, the token is on its way */
           :: else
           fi
        :: else
        fi;
#endif
        atomic { asleep = asleep | (1 << i) };
  end1: atomic { pk[i] == 1 -> pk[i] = 0; asleep = asleep & (255 - (1 << i)) };
        /* own bit still set: nobody chose me (an old token); clear: I was chosen and count as searching */
        atomic { if :: bm & (1 << i) -> bm = bm - (1 << i); s = 0 :: else -> s = 1 fi }
     fi;
NEXT: g = 0
  od
}

proctype Producer() {
  byte b, q, v; bit ok;
#if MUT == 5
  notify(); atomic { inj++ }
#else
  atomic { inj++ }; notify()
#endif
}

init {
  byte i = 0;
  atomic {
    do :: i < NW -> run Worker(i); i++ :: else -> break od; i = 0;
    do :: i < NP -> run Producer(); i++ :: else -> break od
  };
  timeout -> atomic { assert(ran == TOTAL); assert(se == 0); assert(inj == 0);
                      assert(bm == asleep); assert(bm == (1 << NW) - 1) }
}
