/* Queue: include/heddle/detail/queue/core.hpp and lib/primitives/queue_core.cpp. Items word {count, inflight, flags}, shutdown,
 * seal, join, cancelled getters. The items are permits with explicit three-state cells; the container is a bag of numbered
 * items. Slots are left out (an unbounded queue): queue_slots.pml.
 *
 *   -DPUTS=n (items are 1..n, one putter each) -DGETS=n -DCANC=bitmask (getter i may abort) -DSHUT=0 none, 1 graceful,
 *   2 immediate, 3 graceful || immediate by two callers   -DNOWAIT=1 one getter uses get_nowait   -DJOIN=1
 *   -DEARLYFLAG does not work: flag read before sealing, a second shutdown returns at once, failing getters keep the permit
 *   -DMUT=n mutants: 1 (PUTS=1 GETS=1) no inflight, 2 (PUTS=1 GETS=1) task counted after publication, 3 publish and leave in two
 *      steps, 4 (CANC=1) permit granted to a cancelled getter lost, 5 a failing getter keeps its permit, 6 (SHUT=3 PUTS=1 GETS=1)
 *      second shutdown(immediate) ignored
 */
#ifndef PUTS
#define PUTS 2
#endif
#ifndef GETS
#define GETS 2
#endif
#ifndef CANC
#define CANC 0
#endif
#ifndef SHUT
#define SHUT 1
#endif
#ifndef NOWAIT
#define NOWAIT 0
#endif
#ifndef JOIN
#define JOIN 0
#endif
#ifndef MUT
#define MUT 0
#endif
#define BIG 64
#define NSH (SHUT == 0 -> 0 : (SHUT == 3 -> 2 : 1))

int  cnt = 0; byte infl = 0; bit closed = 0, imm = 0;      /* I, one word: every access below is one atomic step */
byte unf = 0, tick = 0;                                    /* U, one word */
bit  jdone = 0;                                            /* the joiner was resumed */
bit  inC[PUTS + 1];                                        /* the container */
byte sIdx = 0, rIdx = 0;
byte cell[GETS + 1];                                       /* 0 EMPTY, 1+g WAITER(g), 100 DONE */
bit  woken[GETS], isput[PUTS + 1], refused[PUTS + 1];
byte taken[PUTS + 1], dropped[PUTS + 1];
byte nsd = 0, nshut = 0, nput = 0, nget = 0, njoin = 0, seals = 0, nret = 0, immret = 0;

inline push(x)   { atomic { inC[x] = 1 } }
inline trypop(x) { atomic { x = 0; 
                     if :: inC[1] -> inC[1] = 0; x = 1
                        :: PUTS >= 2 && inC[2 % (PUTS + 1)] -> x = 2; inC[2 % (PUTS + 1)] = 0
                        :: PUTS >= 3 && inC[3 % (PUTS + 1)] -> x = 3; inC[3 % (PUTS + 1)] = 0
                        :: else fi } }
inline resume_one() {
  do
  :: atomic { c = rIdx; rIdx++ }; assert(c < GETS + 1);
     atomic { v = cell[c]; cell[c] = 100 };
     if
     :: v == 100 -> skip
     :: v == 0 -> break
     :: else -> atomic { assert(!woken[v - 1]); woken[v - 1] = 1 }; break
     fi
  od
}
inline u_sub(n) { atomic { assert(unf >= n); unf = unf - n; if :: unf == 0 && tick > 0 -> jdone = 1; tick = 0 :: else fi } }
inline drain() {
  do :: trypop(y); if :: y == 0 -> break :: else -> assert(!dropped[y] && !taken[y]); dropped[y]++;
#ifndef EARLYFLAG
                         atomic { cnt-- };                 /* sealed: count stays BIG + items */
#endif
                         u_sub(1) fi od
}
inline seal() {
  atomic { seals++; assert(seals == 1) };
#ifdef EARLYFLAG
  if :: imm -> drain() :: else fi;
  atomic { k = cnt; cnt = cnt + BIG };
#else
  atomic { k = cnt; cnt = cnt + BIG; im = imm };           /* one RMW tells the waiters and the flag */
  if :: im -> drain() :: else fi;
#endif
  do :: k < 0 -> resume_one(); k++ :: else -> break od
}

proctype Put(byte x) {
  byte c, v, y; int k; bit cl, im;
#if MUT == 1
  atomic { cl = closed };                                  /* no inflight: check, then publish */
#else
  atomic { cl = closed; if :: !cl -> infl++ :: else fi };
#endif
  if
  :: cl -> refused[x] = 1
  :: else ->
#if MUT != 2
     atomic { unf++ };                                     /* before the item can be taken */
#endif
     push(x);
#if MUT == 1
     atomic { k = cnt; cnt++; cl = 0 };
#elif MUT == 3
     atomic { k = cnt; cnt++ };                            /* publish and leave in two steps, flag read in between */
     atomic { cl = closed && infl == 1 }; atomic { infl-- };
#else
     atomic { k = cnt; cl = closed && infl == 1; cnt++; infl-- };
#endif
#if MUT == 2
     atomic { unf++ };
#endif
     isput[x] = 1;
     if :: k < 0 -> resume_one() :: else fi;
     if :: cl -> seal() :: else fi
  fi;
  nput++
}

proctype Get(byte g; bit canc; bit nowait) {
  byte c, v, y, x; int k; bit im, late, got; byte j;
  atomic { late = (immret > 0) };                          /* shutdown(True) returned before this call */
  if
  :: nowait ->
     atomic { k = cnt; if :: k > 0 -> cnt-- :: else fi };
     if :: k <= 0 -> goto FIN :: else fi                   /* QueueEmpty */
  :: else ->
     atomic { k = cnt; cnt-- };
     if
     :: k > 0 -> skip
     :: else ->
        atomic { j = sIdx; sIdx++ };
        atomic { if :: cell[j] == 0 -> cell[j] = 1 + g; got = 0 :: else -> got = 1 fi };
        if
        :: got -> skip
        :: else ->
           if
           :: woken[g] -> skip
           :: canc ->                                      /* cancelled while parked: abort */
              atomic { if :: cell[j] == 1 + g -> cell[j] = 0; got = 0 :: else -> got = 1 fi };
              if
              :: got ->                                    /* granted already: give the item permit back */
#if MUT != 4
                 atomic { k = cnt; cnt++ }; if :: k < 0 -> resume_one() :: else fi
#else
                 skip
#endif
              :: else ->
                 atomic { k = cnt; cnt++ };
                 if
                 :: k < 0 ->
                    atomic { if :: cell[j] == 0 -> cell[j] = 100; got = 0 :: else -> got = 1 fi };
                    if :: got -> resume_one() :: else fi
                 :: else
                 fi
              fi;
              goto FIN
           fi
        fi
     fi
  fi;
  /* holds an item permit */
#ifndef EARLYFLAG
  im = imm;                                                /* a look at the word of its own, as QueueBlock::get has it */
  if :: im -> atomic { k = cnt; cnt++ }; if :: k < 0 -> resume_one() :: else fi; nsd++; goto FIN
     :: else fi;
#endif
  trypop(x);
  if
  :: x == 0 -> assert(closed); assert(seals == 1 || imm); nsd++;      /* QueueShutDown only after shutdown */
#ifndef EARLYFLAG
#if MUT != 5
     atomic { k = cnt; cnt++ }; if :: k < 0 -> resume_one() :: else fi
#endif
#endif
  :: else -> assert(!taken[x] && !dropped[x]); taken[x]++; assert(!late);
     u_sub(1)                                              /* task_done by the consumer */
  fi;
FIN: nget++
}

proctype Shutdown(bit im_) {
  byte c, v, y; int k; bit o, oi, z, sealed, im;
#ifdef EARLYFLAG
  atomic { o = closed; z = (infl == 0); if :: !o -> imm = im_ :: else fi; closed = 1 };
  if :: !o && z -> seal() :: else fi;
#else
  atomic { o = closed; oi = imm; z = (infl == 0); sealed = (cnt > BIG / 2); closed = 1; imm = imm | im_ };
  if
  :: !o && z -> seal()
#if MUT != 6
  :: o && im_ && !oi && sealed -> drain()       /* sealed before: I drain; not sealed: the sealer will see the flag */
#endif
  :: else -> skip
  fi;
#endif
  atomic { nshut++; if :: im_ -> immret++ :: else fi }
}

proctype Join() {
  bit z;
  atomic { z = (unf == 0); if :: !z -> tick++ :: else fi };
  if :: z -> skip :: else -> jdone fi;
  njoin++
}

init {
  byte i = 1, t = 0, d = 0, cc = 0;
  atomic {
    do :: i <= PUTS -> run Put(i); i++ :: else -> break od; i = 0;
    do :: i < GETS -> run Get(i, (CANC >> i) & 1, (NOWAIT && i == GETS - 1)); i++ :: else -> break od;
    if :: SHUT == 1 -> run Shutdown(0) :: SHUT == 2 -> run Shutdown(1)
       :: SHUT == 3 -> run Shutdown(0); run Shutdown(1) :: else fi;
    if :: JOIN -> run Join() :: else fi
  };
  nput == PUTS && nshut == NSH && nget == GETS;           /* with a shutdown nobody may stay blocked */
  atomic {
    i = 1;
    do
    :: i <= PUTS -> assert(taken[i] + dropped[i] + inC[i] + refused[i] == 1);
                    if :: isput[i] -> assert(!refused[i]) :: else fi;
                    assert(!(imm && inC[i]));              /* immediate: nothing is left behind */
                    cc = cc + inC[i]; i++
    :: else -> break
    od;
    assert(unf == cc && infl == 0);
    assert(!(nsd > 0 && cc > 0));                          /* who was told "shut down" has seen the last item go */
    if :: SHUT != 0 -> assert(seals == 1); 
#ifndef EARLYFLAG
          assert(cnt == BIG + cc)                          /* qsize() = count - BIG when sealed */
#endif
       :: else -> skip fi;
    if :: JOIN && unf == 0 -> assert(tick == 0) :: else fi
  };
  if :: JOIN && unf == 0 -> njoin == 1 :: else fi
}
