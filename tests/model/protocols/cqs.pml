/* Semaphore and Lock: lib/wait/permits.cpp on lib/wait/wait_queue.cpp and segment.hpp. Three-state cells in linked segments,
 * one elected maintainer, reclamation by epochs, destruction by the last owner.
 *
 * -DCELLS=n     cells per segment (1 or 2)            -DPERMITS=k  permits; they are held by k holder processes at the start
 * -DTASKS=n     tasks that acquire once               -DHOLD=k     holders that release once (PERMITS of them hold at start)
 * -DCANC=m      tasks 0..m-1 get a canceller          -DDESTROY    an owner that is alone destroys the primitive at once
 * -DORDERED     task t+1 starts only when task t has enqueued (makes deep queues cheap to reach)
 * Reclamation is the most eager one that any epoch scheme may perform: an object is freed at the instant the last process
 * that was pinned when it was retired unpins.  Everything else (mutants) is at the M_ macros.
 */
#ifndef CELLS
#define CELLS 2
#endif
#ifndef PERMITS
#define PERMITS 1
#endif
#ifndef HOLD
#define HOLD PERMITS
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef CANC
#define CANC 1
#endif
#ifndef THR
#define THR 1
#endif
#define NSEG  7
#define NIL   255
#define EMPTY 0
#define DONE  1
#define WAITER(t) (2+(t))
#define NP (TASKS+HOLD)

#define LIVE 1
#define RETIRED 2
#define FREED 3

/* the primitive */
bool palive = true; short S; byte pq = 0;           /* pq: 0 = no queue yet, 1 = queue */
/* the queue block */
byte qmem = 0; byte sIdx, rIdx; byte ptr0, ptr1;    /* ptr0 = sSeg, ptr1 = rSeg */
bit maint; byte dead; byte base;
/* segments */
byte mem[NSEG]; byte sid[NSEG]; byte nxt[NSEG]; byte cleaned[NSEG]; byte pins[NSEG]; bit removed[NSEG];
byte cell[NSEG*CELLS]; byte nalloc;
/* epochs */
bit pinned[NP]; byte rset[NSEG]; byte qrset;
/* tasks */
#define ACT 0
#define SUSP 1
#define CLAIMED 2
byte tw[TASKS]; bit pend[TASKS];
/* ghosts */
byte owners; bit live[NP]; bit enq[TASKS]; byte ndone; bit gcan[NSEG*CELLS];

#define USEG(k) assert(mem[k]!=FREED && mem[k]!=0)
#define UQ      assert(qmem!=FREED)
#define UP      assert(palive)

inline newseg(k, theid) { assert(nalloc < NSEG); k = nalloc; nalloc++; mem[k]=LIVE; sid[k]=theid; nxt[k]=NIL; }

inline do_free() {      /* free everything that is retired and no longer covered by a pin */
  g = 0;
  do :: g < NSEG -> if :: mem[g]==RETIRED && rset[g]==0 -> mem[g]=FREED :: else fi; g++ :: else -> break od;
  if :: qmem==RETIRED && qrset==0 -> qmem=FREED; g = base;
        do :: g!=NIL -> assert(mem[g]==LIVE); mem[g]=FREED; g = nxt[g] :: else -> break od
     :: else fi; g = 0
}
#define MASK(m) m = 0; g = 0; do :: g<NP -> if :: pinned[g] -> m = m | (1<<g) :: else fi; g++ :: else -> break od; g = 0
inline retire_seg(z) { assert(mem[z]==LIVE); mem[z]=RETIRED; MASK(rset[z]); do_free() }

inline pin()   { d_step { pinned[me]=1 } }
inline unpin() { d_step { pinned[me]=0; g=0;
   do :: g<NSEG -> rset[g] = rset[g] & (255-(1<<me)); g++ :: else -> break od; qrset = qrset & (255-(1<<me)); do_free() } }

inline get_or_create() { d_step { UP; if :: pq==0 -> pq=1; qmem=LIVE; newseg(nn,0); base=nn; nn=0; ptr0=base; ptr1=base; pins[base]=2 :: else fi } }

/* locate: result in seg */
inline locate(st, id) {
  seg = st;
  do
  :: d_step { USEG(seg);
      if :: sid[seg]>=id && !removed[seg] -> fl=1
         :: else -> fl=0; if :: nxt[seg]==NIL -> newseg(nn, sid[seg]+1); nxt[seg]=nn; nn=0 :: else fi; nn = nxt[seg]; seg = nn; nn=0 fi };
     if :: fl -> break :: else fi
  od
}
inline drop(k) { d_step { USEG(k); pins[k]--; if :: cleaned[k]==CELLS && pins[k]==0 -> dead++; mm=1 :: else fi } }
inline advance(PTR) {     /* fl = 1 ok, 0 = removed */
  do
  :: d_step { UQ; cur = PTR; USEG(cur); fl = (sid[cur] >= sid[seg]) };
     if :: fl -> break :: else fi;
     d_step { USEG(seg);
#ifdef M_PINREMOVED
       pins[seg]++; fl=1
#else
       if :: removed[seg] -> fl=0 :: else -> pins[seg]++; fl=1 fi
#endif
     };
     if :: !fl -> break :: else fi;
     d_step { UQ; if :: PTR==cur -> PTR=seg; fl=1 :: else fl=0 fi };
     if :: fl -> drop(cur); break :: else drop(seg) fi
  od
}
inline reach(PTR, st, id) { locate(st,id); do :: advance(PTR); if :: fl -> break :: else locate(seg,id) fi od; skip }

inline maintain() {
  d_step { UQ; fl = !maint; maint = 1 };
  if :: fl ->
     d_step { lim = sid[ptr0] };
#ifdef M_ONEPTR
     skip;
#else
     d_step { if :: sid[ptr1] < lim -> lim = sid[ptr1] :: else fi };
#endif
     do :: d_step { fl = sid[base] < lim }; if :: fl -> d_step { k = base; base = nxt[k]; retire_seg(k) } :: else -> break fi od; skip;
     d_step { dead = 0; p = base; USEG(p); c = nxt[p] };
     do
     :: d_step {
#ifdef M_TAIL
          fl = (c!=NIL);
#else
          fl = (c!=NIL); if :: fl -> USEG(c); fl = (nxt[c]!=NIL) :: else fi
#endif
        };
        if :: fl -> 
           d_step { USEG(c); if :: cleaned[c]==CELLS && pins[c]==0 -> assert(!removed[c]); removed[c]=1; fl=1 :: else fl=0 fi };
           if :: fl -> d_step { USEG(p); nxt[p] = nxt[c] }; d_step { retire_seg(c) }
              :: else -> p = c fi;
           d_step { USEG(p); c = nxt[p] }
        :: else -> break fi
     od; skip;
     d_step { UQ; maint = 0; p=0; c=0; lim=0; k=0 }
  :: else fi;
  mm = 0
}

inline resume_one() {
  tok = NIL;
  do
  ::
#ifdef M_SWAPR
     d_step { UQ; i = rIdx; rIdx++ };
     d_step { UQ; start = ptr1 };
#else
     d_step { UQ; start = ptr1 };
     d_step { UQ; i = rIdx; rIdx++ };
#endif
     reach(ptr1, start, i/CELLS);
     mm = 1;
     if :: sid[seg] > i/CELLS ->
           d_step { UQ; if :: rIdx==i+1 -> g=i; do :: g<sid[seg]*CELLS -> assert(gcan[g]); g++ :: else -> break od; g=0; rIdx = sid[seg]*CELLS
                           :: else fi; assert(gcan[i]) }
        :: else ->
           d_step { USEG(seg); x = cell[seg*CELLS + i%CELLS]; cell[seg*CELLS + i%CELLS] = DONE };
           if :: x==EMPTY -> break
              :: x==DONE -> skip
              :: else -> tok = x-2; break fi
     fi
  od;
  x = 0; start = 0; seg = 0; i = 0; cur = 0
}

inline wake(t) {
  if :: t!=NIL -> d_step { if :: tw[t]!=CLAIMED -> tw[t]=CLAIMED :: else fi; t = NIL } :: else fi
}

inline release() {      /* last access to the primitive = its RMW on S */
  do
  :: d_step { UP; old = S };
     if :: old>=0 -> d_step { UP; if :: S==old -> S++; live[me]=0; fl=1 :: else fl=0 fi }; if :: fl -> break :: else fi
        :: else ->
#ifndef M_NOPIN
           pin();
#endif
#ifdef M_QLATE
           d_step { UP; old = S; S++; live[me]=0 };
           if :: old<0 -> get_or_create(); resume_one() :: else -> tok = NIL fi;
#else
           get_or_create();
           d_step { UP; old = S; S++; live[me]=0 };
           if :: old<0 -> resume_one() :: else -> tok = NIL fi;
#endif
           wake(tok);
           if :: mm -> maintain() :: else fi;
#ifndef M_NOPIN
           unpin();
#endif
           break
     fi
  od
}

inline owner() {       /* I own a permit */
  d_step { owners++; assert(owners<=HOLD) };
  d_step { owners--; fl = 0;
#ifdef DESTROY
    g = 0; fl = 1; do :: g<NP -> if :: g!=me && live[g] -> fl=0 :: else fi; g++ :: else -> break od; g = 0;
    if :: fl -> UP; palive = 0; live[me] = 0; if :: pq -> qmem=RETIRED; MASK(qrset); do_free() :: else fi :: else fi
#endif
  };
  if :: fl -> skip :: else -> release() fi
}

proctype Task(byte me) {
  byte g, nn, k, p, c, lim, i, seg, cur, start, x, tok = NIL, mi, ms; short old; bit fl, mm;
#ifdef ORDERED
  if :: me>0 -> enq[me-1] :: else fi;
#endif
  d_step { UP; old = S; S-- };
  if :: old>0 -> enq[me]=1; goto own :: else fi;
  pin(); get_or_create();
#ifdef M_SWAPS
  d_step { UQ; i = sIdx; sIdx++ };
  d_step { UQ; start = ptr0 };
#else
  d_step { UQ; start = ptr0 };
  d_step { UQ; i = sIdx; sIdx++ };
#endif
  reach(ptr0, start, i/CELLS);
  assert(sid[seg]==i/CELLS);
  d_step { USEG(seg); if :: cell[seg*CELLS+i%CELLS]==EMPTY -> cell[seg*CELLS+i%CELLS]=WAITER(me); fl=1 :: else -> assert(cell[seg*CELLS+i%CELLS]==DONE); fl=0 fi; mi=i; ms=seg; enq[me]=1;
           i=0; seg=0; start=0; cur=0 };
  x = fl;
  if :: mm -> maintain() :: else fi;
  unpin(); fl = x; x = 0;
  if :: !fl -> goto own :: else fi;
  /* park: one CAS */
  d_step { if :: pend[me] -> tw[me]=CLAIMED :: else -> if :: tw[me]==ACT -> tw[me]=SUSP :: else fi fi };
  tw[me]==CLAIMED;
  if :: !pend[me] -> goto own :: else fi;
  /* abort */
  pin();
  d_step { UP; assert(pq==1) };
#ifdef M_NOHEAD
  fl = 0;
#else
  d_step { UQ; USEG(ptr1); fl = sid[ptr1] > mi/CELLS };
#endif
  if :: !fl -> d_step { USEG(ms); x = cell[ms*CELLS+mi%CELLS]; if :: x==WAITER(me) -> cell[ms*CELLS+mi%CELLS]=EMPTY; fl=0 :: else -> assert(x==DONE); fl=1 fi; x=0 } :: else fi;
  if :: fl -> unpin(); mi=0; ms=0; release(); goto fin     /* granted: give it back */
     :: else fi;
  d_step { UP; old = S; S++; live[me]=0 };
  if :: old<0 ->
        d_step { USEG(ms); if :: cell[ms*CELLS+mi%CELLS]==EMPTY -> cell[ms*CELLS+mi%CELLS]=DONE; gcan[mi]=1; fl=1 :: else fl=0 fi };
        if :: fl -> d_step { USEG(ms); cleaned[ms]++; if :: cleaned[ms]==CELLS && pins[ms]==0 -> dead++; if :: dead>=THR -> mm=1 :: else fi :: else fi }
           :: else ->
#ifdef M_NOHANDOFF
              skip
#else
              resume_one(); wake(tok)
#endif
        fi
     :: else ->
#ifdef M_CLEANALL
        d_step { USEG(ms); cell[ms*CELLS+mi%CELLS]=DONE; gcan[mi]=1; cleaned[ms]++ };
#endif
        skip
  fi;
  if :: mm -> maintain() :: else fi;
  unpin(); goto fin;
own:
  owner();
fin:
  ndone++
}

proctype Holder(byte me; bit holds) {
  byte g, nn, k, p, c, lim, i, seg, cur, start, x, tok = NIL; short old; bit fl, mm;
  if :: holds -> owners-- :: else fi;
  release(); ndone++
}
proctype Canceller(byte t) { d_step { pend[t]=1; if :: tw[t]==SUSP -> tw[t]=CLAIMED :: else fi } }

init {
  byte q, n;
  atomic {
    S = 0; owners = PERMITS;
    q = 0; do :: q<NP -> live[q]=1; q++ :: else -> break od;
    q = 0; do :: q<TASKS -> run Task(q); q++ :: else -> break od;
    q = 0; do :: q<HOLD -> run Holder(TASKS+q, (q<PERMITS)); q++ :: else -> break od;
    q = 0; do :: q<CANC -> run Canceller(q); q++ :: else -> break od;
  }
  _nr_pr==1;
  d_step {
  assert(ndone==NP); assert(!palive || S==HOLD);
  assert(owners==0);
  /* linked segments at quiescence */
  if :: palive && pq -> n=0; q=base; do :: q!=NIL -> n++; assert(mem[q]==LIVE); q=nxt[q] :: else -> break od;
#ifdef BOUND
     assert(n<=BOUND)
#endif
  :: else fi;
  /* everything retired has been freed */
  q=0; do :: q<NSEG -> assert(mem[q]!=RETIRED); q++ :: else -> break od; assert(qmem!=RETIRED)
  }
}
