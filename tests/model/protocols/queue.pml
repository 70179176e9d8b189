/* Queue: include/heddle/detail/queue/{core,join_word,fifo,basic_queue}.hpp and lib/primitives/queue_core.cpp. The two words
 * {count, number, flags}, shutdown, seal, join, cancelled getters. The items are permits with explicit three-state cells of
 * waiters. The container is the FIFO, a cell for each number, which a get may spoil; or with -DPILE=1 a bag of numbered items.
 * The counts of slots are left out (an unbounded queue): queue_slots.pml.
 *
 *   -DPUTS=n (items are 1..n, one putter each) -DGETS=n -DCANC=bitmask (getter i may abort) -DSHUT=0 none, 1 graceful,
 *   2 immediate, 3 graceful || immediate by two callers   -DNOWAIT=1 one getter uses get_nowait   -DJOIN=1   -DPILE=1
 *   -DMUT=n mutants: 1 (PILE=1) seals with puts under way, 2 a spoilt put takes no new number, 3 a spoilt number is not counted as
 *      done, 4 (CANC=1) permit granted to a cancelled getter lost, 5 a failing getter keeps its permit, 6 (SHUT=3) second
 *      shutdown(immediate) ignored, 7 (NOWAIT=1) get_nowait does not help to close
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
#ifndef PILE
#define PILE 0
#endif
#ifndef MUT
#define MUT 0
#endif
#define BIG 64
#define SPOILT 99
#define NUMBERS (PUTS * (GETS + 2))
#define NSH (SHUT == 0 -> 0 : (SHUT == 3 -> 2 : 1))

byte begun = 0; bit closing = 0;                           /* slots, one word: every access below is one atomic step */
int  cnt = 0; byte num = 0; bit closed = 0, imm = 0;       /* items, one word: num is the next cell, or counts puts ended */
byte done = 0, tick = 0;                                   /* open, one word */
bit  jdone = 0;                                            /* the joiner was resumed */
byte cells[NUMBERS + 1];                                   /* FIFO: 0 empty, an item, SPOILT: taken or spoilt */
bit  inC[PUTS + 1];                                        /* pile: the container */
byte sIdx = 0, rIdx = 0;
byte cell[GETS + 1];                                       /* waiters: 0 EMPTY, 1+g WAITER(g), 100 DONE */
bit  woken[GETS], isput[PUTS + 1], refused[PUTS + 1];
byte taken[PUTS + 1], dropped[PUTS + 1];
byte nsd = 0, nshut = 0, nput = 0, nget = 0, njoin = 0, seals = 0, immret = 0, refret = 0;

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
inline count_down() {                                      /* the word, then the other one, then an RMW that validates the first */
  do
  :: atomic { d = done; tk = tick }; b = begun; assert(b > d);
     atomic { if :: done == d && tick == tk -> done++; ok = 1; if :: b == done && tick > 0 -> jdone = 1; tick = 0 :: else fi
                 :: else -> ok = 0 fi };
     if :: ok -> break :: else fi
  od
}
/* x := the item of the next number, 0: none. all: also when it was shut down immediately; stops at the last put. */
inline pop(x, all) {
  x = 0;
#if PILE
  atomic { if :: (all || !imm) -> if :: inC[1] -> inC[1] = 0; x = 1
                                     :: PUTS >= 2 && inC[2 % (PUTS + 1)] -> x = 2; inC[2 % (PUTS + 1)] = 0 :: else fi
              :: else fi }
#else
  do
  :: atomic { if :: (closed || all) && ((imm && !all) || num == begun) -> ok = 0
                 :: else -> assert(num < begun); h = num; num++; ok = 1 fi };
     if :: !ok -> break :: else fi;
     atomic { x = cells[h]; cells[h] = SPOILT };
     if :: x != 0 && x != SPOILT -> break :: else -> x = 0 fi
  od
#endif
}
inline drain() {
  do :: pop(y, 1); if :: y == 0 -> break :: else -> assert(!dropped[y] && !taken[y]); dropped[y]++;
                         atomic { cnt-- }; count_down() fi od
}
inline after_seal() {                                      /* k, im: the word as it was before */
  atomic { seals++; assert(seals == 1) };
  if :: im -> drain() :: else fi;
  do :: k < 0 -> resume_one(); k++ :: else -> break od
}
inline close_items() {
  atomic {
    z = 0;
    if :: !closed -> closed = 1; k = cnt; im = imm;
#if PILE && MUT != 1
          z = (num == begun);
#else
          z = 1;
#endif
          if :: z -> cnt = cnt + BIG :: else fi
       :: else fi };
  if :: z -> after_seal() :: else fi
}

proctype Put(byte x) {
  byte c, v, y, t, h, d, tk, b; int k; bit cl, im, ok, z;
  atomic { cl = closing; if :: !cl -> t = begun; begun++ :: else fi };
  if :: cl -> goto REFUSED :: else fi;
#if PILE
  atomic { inC[x] = 1 };
  atomic { k = cnt; cnt++; num++; im = imm; z = (closed && num == begun); if :: z -> cnt = cnt + BIG :: else fi };
  isput[x] = 1;
  if :: z && MUT != 1 -> after_seal() :: else -> if :: k < 0 -> resume_one() :: else fi fi;
#else
  do
  :: atomic { if :: cells[t] == 0 -> cells[t] = x; ok = 1 :: else -> ok = 0 fi };
     if :: ok -> break :: else fi;
#if MUT == 2
     atomic { t = begun };
#else
     atomic { cl = closing; if :: !cl -> t = begun; begun++ :: else fi };
#if MUT != 3
     count_down();                                         /* the number that was spoilt */
#endif
     if :: cl -> goto REFUSED :: else fi
#endif
  od;
  atomic { k = cnt; cnt++ };
  isput[x] = 1;
  if :: k < 0 -> resume_one() :: else fi;
#endif
  goto FIN;
REFUSED: refused[x] = 1; refret++;
FIN: nput++
}

proctype Get(byte g; bit canc; bit nowait) {
  byte c, v, y, x, h, d, tk, b; int k; bit im, late, told, got, ok, z; byte j;
  atomic { late = (immret > 0); told = (refret > 0) };     /* shutdown(True), a refused put, returned before this call */
  if
  :: nowait ->
     do
     :: atomic { k = cnt; if :: k > 0 -> cnt-- :: else fi; z = closed };
        if :: k > 0 || z -> break :: else fi;
#if MUT == 7
        break;
#endif
        if :: !closing -> break :: else -> close_items() fi
     od;
     if :: k <= 0 -> assert(!told || (PILE && closed)); goto FIN :: else fi   /* QueueEmpty */
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
  pop(x, 0);
  if
  :: x == 0 -> assert(closed || imm); nsd++;               /* QueueShutDown only after shutdown */
#if MUT != 5
     atomic { k = cnt; cnt++ }; if :: k < 0 -> resume_one() :: else fi
#endif
  :: else -> assert(!taken[x] && !dropped[x]); taken[x]++; assert(!late);
     count_down()                                          /* task_done by the consumer */
  fi;
FIN: nget++
}

proctype Shutdown(bit im_) {
  byte c, v, y, h, d, tk, b; int k; bit oi, z, sealed, im, ok;
  atomic { closing = 1 };
  if
  :: im_ -> atomic { oi = imm; sealed = (closed && cnt > BIG / 2); imm = 1 };
#if MUT != 6
     if :: sealed && !oi -> drain() :: else fi             /* sealed before: I drain; else the sealer will see the flag */
#endif
  :: else
  fi;
  close_items();
  atomic { nshut++; if :: im_ -> immret++ :: else fi }
}

proctype Join() {
  byte d, tk, b; bit ok = 0;
  do
  :: atomic { d = done; tk = tick }; b = begun;
     if :: b == d -> break :: else fi;
     atomic { if :: done == d && tick == tk -> tick++; ok = 1 :: else fi };
     if :: ok -> jdone; break :: else fi
  od;
  njoin++
}

init {
  byte i = 1, cc = 0;
  atomic {
    do :: i <= PUTS -> run Put(i); i++ :: else -> break od; i = 0;
    do :: i < GETS -> run Get(i, (CANC >> i) & 1, (NOWAIT && i == GETS - 1)); i++ :: else -> break od;
    if :: SHUT == 1 -> run Shutdown(0) :: SHUT == 2 -> run Shutdown(1)
       :: SHUT == 3 -> run Shutdown(0); run Shutdown(1) :: else fi;
    if :: JOIN -> run Join() :: else fi
  };
  nput == PUTS && nshut == NSH && nget == GETS;           /* with a shutdown nobody may stay blocked */
  atomic {
#if !PILE
    i = 0; do :: i < begun -> if :: cells[i] != 0 && cells[i] != SPOILT -> inC[cells[i]] = 1 :: else fi; i++ :: else -> break od;
#endif
    i = 1;
    do
    :: i <= PUTS -> assert(taken[i] + dropped[i] + inC[i] + refused[i] == 1);
                    if :: isput[i] -> assert(!refused[i]) :: else fi;
                    assert(!(imm && inC[i]));              /* immediate: nothing is left behind */
                    cc = cc + inC[i]; i++
    :: else -> break
    od;
    assert(begun - done == cc);
    assert(!(nsd > 0 && cc > 0));                          /* who was told "shut down" has seen the last item go */
    if :: SHUT != 0 -> assert(seals == 1);
          assert(cnt == BIG + cc)                          /* qsize() = count - BIG when sealed */
       :: else -> skip fi;
    if :: JOIN && begun == done -> assert(tick == 0 || jdone) :: else fi
  };
  if :: JOIN && begun == done -> njoin == 1 :: else fi
}
