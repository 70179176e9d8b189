/* Completion of a task seen by several joiners (lib/task/control_block.cpp), and the fork-join word (lib/task/fork.cpp).
 * -DPART=1: inline join cell with the EXTRAS bit, event {tickets, SET} of the extras, NJ joiners, each may be cancelled while it waits.
 *   do not work: -DPLAINSEQ  seq is a plain field of the shared cell, written before the CAS
 *                -DDEKKER    the completer looks for extras after the cell, in a word of its own
 * -DPART=2: join word {seq of the waiting parent, count} in the parent's frame, NJ children, the parent may be cancelled and
 *   frees the block as soon as it leaves.
 *   does not work: -DTOKENLATE  the last child reads the token from the block after its RMW
 *   -DMUT=1  (PART=2) the child touches the block after its RMW
 */
#ifndef PART
#define PART 1
#endif
#ifndef NJ
#define NJ 2
#endif
#ifndef MUT
#define MUT 0
#endif
#if PART == 1
#define CANC(j) ((j) == 0)      /* joiner 0 may be cancelled */
#else
#define CANC(j) ((j) == NJ)     /* the parent may be cancelled */
#endif
#define EMPTY 0
#define BUSY 1
#define DONE 2
#define W(j) (3 + (j))
byte phase[NJ + 1], seq[NJ + 1], sched[NJ + 1], nfin = 0;       /* task words: phase 0 ACTIVE, 1 SUSP; claim = seq + 1 */
bit  fdone = 0;

inline wake(j, t) {
  atomic { if :: seq[j] == t -> seq[j]++; if :: phase[j] == 1 -> phase[j] = 0; g = 1 :: else -> g = 0 fi
              :: else -> g = 0 fi };
  if :: g -> atomic { assert(sched[j] == 0); sched[j] = 1 } :: else fi
}
/* park; ends when somebody advanced seq; the canceller of the model is the second branch */
inline park(j, s) {
  can = 0;
  atomic { if :: seq[j] == s -> phase[j] = 1; g = 1 :: else -> g = 0 fi };
  if
  :: !g -> skip
  :: else ->
     if
     :: atomic { sched[j] == 1 -> sched[j] = 0 }
     :: atomic { phase[j] == 1 && CANC(j) -> phase[j] = 0; seq[j]++; can = 1 }     /* cancel() claims and schedules */
     fi
  fi
}
#if PART == 1
byte cell = EMPTY, cseq = 0, tcell[NJ];      /* shared inline cell; overflow cells */
byte tickets = 0; bit oset = 0, oexists = 0; /* event word {tickets, SET}; oexists: the EXTRAS bit, beside the cell */
byte oseq[NJ];

proctype Completer() {
  byte c, t, i, n, x; bit g, ext;
  fdone = 1;                                            /* complete(): the word is DONE */
#ifdef DEKKER
  atomic { c = cell; cell = DONE }; 
  t = cseq;
#else
  atomic { c = cell; cell = DONE; ext = oexists; t = cseq };    /* one exchange; seq belongs to the cell's winner */
#endif
#ifdef PLAINSEQ
  t = cseq;
#endif
  if :: c >= W(0) -> wake(c - W(0), t) :: else fi;
#ifdef DEKKER
  if :: oexists -> atomic { n = tickets; oset = 1 } :: else -> n = 0 fi;
#else
  if :: ext -> atomic { n = tickets; oset = 1 } :: else -> n = 0 fi;
#endif
  i = 0;
  do
  :: i < n -> atomic { x = tcell[i]; tcell[i] = DONE };
              if :: x >= W(0) -> wake(x - W(0), oseq[i]) :: else fi; i++
  :: else -> break
  od;
  nfin++
}
proctype Joiner(byte j) {
  byte s, o, i; bit g, can = 0, tries = 0;
AGAIN:
  s = seq[j]; can = 0;
#ifdef PLAINSEQ
  if :: cell == EMPTY -> cseq = s :: else fi;
  atomic { o = cell; if :: cell == EMPTY -> cell = W(j) :: else fi };
#else
  atomic { o = cell; if :: cell == EMPTY -> cell = BUSY :: else fi };
  if :: o == EMPTY -> cseq = s;
        atomic { if :: cell == BUSY -> cell = W(j) :: else -> assert(cell == DONE); o = DONE fi } :: else fi;
#endif
  if
  :: o == DONE -> goto OUT
  :: o == EMPTY ->
     park(j, s);
     if :: can -> atomic { if :: cell == W(j) -> cell = EMPTY :: else -> assert(cell == DONE) fi } :: else -> assert(fdone) fi
  :: else ->                                            /* taken: overflow */
#ifdef DEKKER
     oexists = 1;
     atomic { i = tickets; g = oset; if :: !g -> tickets++ :: else fi };
#else
     atomic { oexists = 1; g = (cell == DONE) };        /* fetch_or(EXTRAS) */
     if :: g -> goto OUT :: else fi;
     atomic { i = tickets; g = oset; if :: !g -> tickets++ :: else fi };
#endif
     if :: g -> goto OUT :: else fi;
     oseq[i] = s;
     atomic { if :: tcell[i] == EMPTY -> tcell[i] = W(j); g = 1 :: else -> g = 0 fi };
     if :: !g -> goto OUT :: else fi;
     park(j, s);
     if :: can -> atomic { if :: tcell[i] == W(j) -> tcell[i] = DONE :: else fi } :: else -> assert(fdone) fi
  fi;
  if :: can && !tries -> tries = 1; goto AGAIN :: else fi;       /* caught, awaits once more: same cell, next seq */
OUT: nfin++
}
init { byte i = 0;
  atomic { run Completer(); do :: i < NJ -> run Joiner(i); i++ :: else -> break od };
  nfin == NJ + 1
}
#else
#define P NJ
byte cnt = NJ, wseq = 0;       /* one word: children still running, seq+1 of the parked parent (0: nobody) */
byte btok = 0; bit freed = 0;

proctype Child() {
  byte o, t; bit g;
  assert(!freed);              /* reads the parent's TCB address from the block before the RMW */
  atomic { assert(!freed); o = cnt; t = wseq; cnt--; if :: o == 1 -> fdone = 1 :: else fi };
#if MUT == 1
  assert(!freed);
#endif
#ifdef TOKENLATE
  if :: o == 1 && t != 0 -> assert(!freed); t = btok; wake(P, t) :: else fi;
#else
  if :: o == 1 && t != 0 -> wake(P, t - 1) :: else fi;
#endif
  nfin++
}
proctype Parent() {
  byte s, n = 0; bit g, can = 0, z;
  do
  :: s = seq[P]; btok = s;
     atomic { z = (cnt == 0); if :: !z -> wseq = s + 1 :: else fi };
     if :: z -> break :: else fi;
     park(P, s);
     if
     :: can -> atomic { z = (cnt == 0); wseq = 0 };     /* abort: takes its seq out; count 0: the wake-up is stale, all done */
               if :: z -> break :: else fi
     :: else -> assert(cnt == 0); break
     fi; n++; if :: n == 2 -> cnt == 0; break :: else fi
  od;
  assert(fdone); freed = 1; nfin++
}
init { byte i = 0;
  atomic { run Parent(); do :: i < NJ -> run Child(); i++ :: else -> break od };
  nfin == NJ + 1; assert(sched[P] == 0)
}
#endif
