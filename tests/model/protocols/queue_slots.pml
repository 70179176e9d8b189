/* The slots of a bounded queue, lib/primitives/queue_core.cpp: permits (three-state cells), blocked putters, shutdown's add(BIG),
 * cancelled putters, a getter that frees slots. The items word is reduced to {closed, number of items}.
 *   -DNP=putters -DCAP=slots -DCANC=bitmask of putters that may abort   -DNOSHUT no shutdown   
 *   -DMUT=n mutants: 1 (NOSHUT CANC=1) a slot granted to a putter that was cancelled is lost, 2 shutdown wakes only those it counted */
#ifndef NP
#define NP 3
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef CANC
#define CANC 0
#endif
#ifndef MUT
#define MUT 0
#endif
#define BIG 32
int S = CAP; byte sIdx = 0, rIdx = 0, cell[NP + 2]; bit woken[NP];
bit closed = 0; byte items = 0, put = 0, refused = 0, cancelled = 0, taken = 0, nfin = 0; bit down = 0;

inline resume_one() {
  do
  :: atomic { c = rIdx; rIdx++ }; assert(c < NP + 2);
     atomic { v = cell[c]; cell[c] = 100 };
     if :: v == 100 -> skip :: v == 0 -> break
        :: else -> atomic { assert(!woken[v - 1]); woken[v - 1] = 1 }; break fi
  od
}
inline release(n) { atomic { k = S; S = S + (n) }; j = 0; do :: k < 0 && j < (n) -> resume_one(); k++; j++ :: else -> break od }

proctype Putter(byte g; bit canc) {
  byte c, v, i, j; int k; bit got, late = down;
  atomic { k = S; S-- };
  if
  :: k > 0 -> skip
  :: else ->
     atomic { i = sIdx; sIdx++ };
     atomic { if :: cell[i] == 0 -> cell[i] = 1 + g; got = 0 :: else -> got = 1 fi };
     if
     :: got -> skip
     :: else ->
        if
        :: woken[g] -> skip
        :: canc ->
           atomic { if :: cell[i] == 1 + g -> cell[i] = 0; got = 0 :: else -> got = 1 fi };
           if
           :: got ->
#if MUT != 1
              release(1)
#else
              skip
#endif
           :: else ->
              atomic { k = S; S++ };
              if :: k < 0 -> atomic { if :: cell[i] == 0 -> cell[i] = 100; got = 0 :: else -> got = 1 fi };
                             if :: got -> resume_one() :: else fi
                 :: else fi
           fi;
           cancelled++; goto OUT
        fi
     fi
  fi;
  atomic { got = closed; if :: !got -> items++; put++; assert(items <= CAP) :: else fi };
  if :: got -> refused++ :: else -> assert(!late || !closed) fi;
OUT: nfin++
}
proctype Getter() {
  byte c, v, j; int k; bit g;
  end0: do
  :: atomic { items > 0 -> items--; taken++ }; release(1)
  od
}
proctype Shutdown() {
  byte c, v, j; int k;
#ifdef NOSHUT
  down = 1; goto OUT;                                    /* then the getter alone must release everybody */
#endif
  atomic { closed = 1 };
#if MUT == 2
  atomic { k = S }; j = 0; do :: k < 0 -> release(1); k = S :: else -> break od;    /* wakes those seen now only */
#else
  release(BIG);
#endif
  down = 1;
OUT: skip
}
init { byte i = 0;
  atomic { do :: i < NP -> run Putter(i, (CANC >> i) & 1); i++ :: else -> break od; run Getter(); run Shutdown() };
  nfin == NP && down;                                    /* everybody blocked is released */
  assert(put + refused + cancelled == NP);
  timeout -> assert(items == 0 && taken == put)
}
