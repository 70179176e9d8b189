/* Event: the word {tickets, SET} of lib/primitives/event.cpp, on a cell array in segments of CELLS cells; broadcast resume.
 * (JoinWord is the same with a count in place of SET.)
 * Cells: EMPTY / WAITER / DONE.  Segment memory: seg k is "passed" (reusable) once both pointers are beyond it and no process
 * is pinned that was pinned at that instant (most eager epoch scheme).
 * Programs: WAITERS waiters (the first CANC of them have a canceller), SETS setters, one optional PULSE process: set(); clear().
 * -DM_QNULL    set() takes the queue as it finds it, which is what lib does: no error
 * -DLATEQ      does not work: the waiter draws its ticket first and finds or creates the queue afterwards
 * -DDESTROY    the last waiter to return destroys the event at once, while setters may still be inside set()
 */
#ifndef CELLS
#define CELLS 1
#endif
#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef CANC
#define CANC 1
#endif
#ifndef PULSES
#define PULSES 1
#endif
#ifndef SETS
#define SETS 1
#endif
#define NP (WAITERS+PULSES+SETS)
#define NS 5
#define EMPTY 0
#define DONE 1
#define ACT 0
#define SUSP 1
#define CLAIMED 2
bit palive = 1; bit SET; byte tickets; bit pq;                 /* P: word {tickets,SET}, pointer to Q */
bit qfreed, qret; byte qmask; byte rIdx, sSeg, rSeg;            /* Q */
byte cell[NS*CELLS]; byte base; byte rmask[NS]; bit fre[NS]; bit ret[NS];
byte pins;                                                     /* bit mask of pinned processes */
byte tw[WAITERS]; bit pend[WAITERS]; bit must[WAITERS]; bit mustnot[WAITERS]; bit drew[WAITERS]; bit woken[WAITERS];
byte ndone; byte wleft = WAITERS; byte setleft = PULSES + SETS; byte g_;

#define UP assert(palive)
#define UQ assert(!qfreed)
#define USEG(k) assert(!fre[k])
inline free_() { g_=0; do :: g_<NS -> if :: ret[g_] && rmask[g_]==0 -> fre[g_]=1 :: else fi; g_++ :: else -> break od; g_=0; if :: qret && qmask==0 -> qfreed=1 :: else fi }
inline pin()   { d_step { pins = pins | (1<<me) } }
inline unpin() { d_step { pins = pins & (255-(1<<me)); g_=0; do :: g_<NS -> rmask[g_]=rmask[g_]&(255-(1<<me)); g_++ :: else -> break od; qmask=qmask&(255-(1<<me)); free_() } }
/* passing: in the implementation the maintainer does this; here it happens as early as it may */
inline pass() { do :: base < sSeg && base < rSeg -> ret[base]=1; rmask[base]=pins; base++ :: else -> break od; free_() }
inline create() { d_step { UP; pq = 1 } }

inline resume_all(n) {
  d_step { UQ; st = rSeg; USEG(st) };
  d_step { UQ; lo = rIdx; hi = n; if :: rIdx < n -> rIdx = n :: else hi = lo fi };
  i = lo;
  do
  :: d_step { fl = i < hi };
     if :: fl ->
       assert(i/CELLS >= st);
       d_step { USEG(i/CELLS); x = cell[i]; cell[i] = DONE };
       if :: x>=2 -> wl = wl | (1<<(x-2)) :: else fi;
       i++
     :: else -> break
     fi
  od; skip;
  d_step { if :: hi>lo -> UQ; if :: rSeg < (hi-1)/CELLS -> rSeg = (hi-1)/CELLS; pass() :: else fi :: else fi; i=0; x=0; lo=0; hi=0; st=0 }
}
inline wake_all() {     /* after unpin; wake_claim is one CAS on the task word */
  i = 0;
  do :: i<WAITERS -> d_step { if :: (wl>>i)&1 -> if :: tw[i]!=CLAIMED -> tw[i]=CLAIMED :: else fi :: else fi; i++ } :: else -> break od; i=0; wl=0
}
inline set_() {
  pin();
  do
  :: d_step { UP; w = tickets; fl = SET };
     if :: fl -> break :: else fi;
#ifdef M_QNULL
     d_step { UP; q = pq };
#else
     d_step { UP; q = 1; if :: w>0 -> pq=1 :: else q = pq fi };
#endif
#ifdef M_TWOSTEP     /* decide by fetch_or, but read the ticket count in a second access */
     d_step { UP; SET=1; fl=1 }; d_step { UP; w = tickets };
#else
     d_step { UP; if :: tickets==w && !SET -> SET=1; fl=1; setleft--;
                g_=0; do :: g_<WAITERS -> if :: drew[g_] && !mustnot[g_] -> must[g_]=1 :: else fi; g_++ :: else -> break od; g_=0
              :: else fl=0 fi };
#endif
     if :: fl -> if :: q && w>0 -> resume_all(w) :: else fi; break :: else fi
  od; skip;
  unpin(); wake_all()
}
proctype Waiter(byte me) {
  byte i, st, t, x, w; bit fl, q;
  pin();
  do
  :: d_step { UP; w = tickets; fl = SET };
     if :: fl -> goto out1 :: else fi;
#ifndef LATEQ
     create();
     d_step { UQ; st = sSeg; USEG(st) };
#endif
     d_step { UP; if :: tickets==w && !SET -> t = tickets; tickets++; drew[me]=1; fl=1 :: else fl=0 fi };
     if :: fl -> break :: else fi
  od; skip;
#ifdef LATEQ
  create();
  d_step { UQ; st = sSeg; USEG(st) };
#endif
  assert(st <= t/CELLS);            /* the start segment is not beyond my cell */
  d_step { UQ; if :: sSeg < t/CELLS -> sSeg = t/CELLS; pass() :: else fi };
  d_step { USEG(t/CELLS); if :: cell[t]==EMPTY -> cell[t]=2+me; fl=1 :: else fl=0 fi };
  unpin();
  if :: !fl -> woken[me]=1; goto out2 :: else fi;
  d_step { if :: pend[me] -> tw[me]=CLAIMED :: else -> if :: tw[me]==ACT -> tw[me]=SUSP :: else fi fi };
endpark:
  tw[me]==CLAIMED;
  if :: !pend[me] -> woken[me]=1; goto out2 :: else fi;
  /* abort */
  pin();
#ifndef M_NOHEAD
  d_step { UP; UQ; fl = rSeg > t/CELLS };
  if :: fl -> goto out1 :: else fi;
#endif
#ifdef M_ABORTSTORE
  d_step { USEG(t/CELLS); x = cell[t] }; d_step { if :: x>=2 -> cell[t]=EMPTY :: else fi };
#else
  d_step { USEG(t/CELLS); if :: cell[t]==2+me -> cell[t]=DONE :: else fi };
#endif
out1:
  skip;
  unpin();
out2:
  skip;
  d_step { ndone++; wleft--; drew[me]=drew[me];
#ifdef DESTROY
    if :: wleft==0 && setleft==0 -> palive=0; qret=1; qmask=pins; g_=0; do :: g_<NS -> if :: !ret[g_] -> ret[g_]=1; rmask[g_]=pins :: else fi; g_++ :: else -> break od; free_() :: else fi
#endif
  }
}
proctype Setter(byte me; bit pulse) {
  byte i, lo, hi, x, w, wl, st; bit fl, q;
  set_();
  if :: pulse -> d_step { UP; SET = 0 } :: else fi;
  ndone++
}
proctype Canceller(byte k) { d_step { pend[k]=1; if :: tw[k]==SUSP -> tw[k]=CLAIMED :: else fi } }
init { byte n;
  atomic {
    n=0; do :: n<WAITERS -> run Waiter(n); n++ :: else -> break od;
    n=0; do :: n<PULSES -> run Setter(WAITERS+n,1); n++ :: else -> break od;
    n=0; do :: n<SETS -> run Setter(WAITERS+PULSES+n,0); n++ :: else -> break od;
    n=0; do :: n<CANC -> run Canceller(n); n++ :: else -> break od;
  }
  /* quiescence: nobody can move any more */
  timeout;
  d_step {
    n=0; do :: n<WAITERS ->
        /* parked although a set() came after its ticket, or although the event is set */
        assert(!(tw[n]==SUSP && must[n])); assert(!(tw[n]==SUSP && SET));
        /* returned as woken although no set() came after its ticket */
        assert(!(woken[n] && !must[n])); n++
      :: else -> break od
  }
end: false
}
