// Semaphore/Lock on the three-state CancellableQueueSynchronizer of lib/wait, with its memory orders, real
// epochs, real segments, elected maintainer, lazily created queue block, destroy-after-acquire.  Relacy. A
// parked task is resumed by whoever claimed it (run list of the claiming thread), as a scheduler would do.
#include "relacy_main.hpp"
using rl::mo_acq_rel;
using rl::mo_acquire;
using rl::mo_relaxed;
using rl::mo_release;
#ifndef N
#define N 1
#endif
#ifndef PERMITS
#define PERMITS 1
#endif
#ifndef ACQ
#define ACQ 2  // threads 0..ACQ-1 acquire
#endif
#ifndef CANC
#define CANC 1  // tasks 0..CANC-1 are cancelled by one more thread
#endif
#ifndef ROUNDS
#define ROUNDS 1  // acquires per task
#endif
static const int HOLD = PERMITS;
static int maxseg;
static const int T = ACQ + HOLD + (CANC ? 1 : 0);

#ifdef M_CELL_RELAXED
#define CELL_MO mo_relaxed
#else
#define CELL_MO mo_acq_rel
#endif
#ifdef M_S_RELEASE_RELAXED
#define SREL mo_relaxed
#else
#define SREL mo_release
#endif
#ifdef M_IDX_RELAXED
#define IDX_MO mo_relaxed
#else
#define IDX_MO mo_acq_rel
#endif
#ifdef M_NEXT_RELAXED
#define NEXT_REL mo_relaxed
#define NEXT_ACQ mo_relaxed
#else
#define NEXT_REL mo_release
#define NEXT_ACQ mo_acquire
#endif
#ifdef M_PTR_RELAXED
#define PTR_RMW mo_relaxed
#define PTR_ACQ mo_relaxed
#else
#define PTR_RMW mo_acq_rel
#define PTR_ACQ mo_acquire
#endif
#ifdef M_MAINT_LOAD  // as first written: plain stores to dead and maint
#define RMW_MAINT 0
#else
#define RMW_MAINT 1
#endif

struct Cell {
    rl::atomic<int> st;
    rl::var<int> seq;
};  // 0 EMPTY, 1 DONE, 2+task
struct Seg {
    rl::var<int> id;
    rl::atomic<Seg*> next;
    rl::atomic<unsigned> word;  // cleaned | pins<<8 | REMOVED
    Cell c[N];
    Seg(int i, unsigned w) {
        id($) = i;
        next($).store(0, mo_relaxed);
        word($).store(w, mo_relaxed);
        for (int k = 0; k < N; k++) {
            c[k].st($).store(0, mo_relaxed);
            c[k].seq($) = 0;
        }
    }
};
static const unsigned PIN1 = 256, REMOVED = 1u << 31;
struct Queue {
    rl::atomic<int> sIdx, rIdx;
    rl::atomic<Seg*> ptr[2];
    rl::atomic<int> maint, dead;
    rl::var<Seg*> base;
    rl::var<int> lastLive;
    Queue() {
        Seg* s = new Seg(0, 2 * PIN1);
        sIdx($).store(0, mo_relaxed);
        rIdx($).store(0, mo_relaxed);
        ptr[0]($).store(s, mo_relaxed);
        ptr[1]($).store(s, mo_relaxed);
        maint($).store(0, mo_relaxed);
        dead($).store(0, mo_relaxed);
        base($) = s;
        lastLive($) = 1;
    }
};
struct Sync {
    rl::atomic<int> S;
    rl::atomic<Queue*> q;
    rl::var<int> data;
};

enum { ACT, SUSP };  // task word: seq*4 + pend*2 + phase
struct Limbo {
    Queue* q;
    Seg* s;
    unsigned tag;
};

struct cqs_test : rl::test_suite<cqs_test, T> {
    Sync* P;
    bool palive;  // palive is a ghost
    rl::atomic<unsigned> tw[ACQ];
    int mseq[ACQ];
    Seg* mseg[ACQ];
    int midx[ACQ];
    int rounds[ACQ];
    rl::atomic<unsigned> E;
    rl::atomic<unsigned> rec[T];
    int depth[T];
    Limbo lim[T][64];
    int nl[T];
    int owners, ndone;
    bool live[T];
    bool mmflag[T];
    bool destroyed;
    int parked;
    int run[T][8], nrun[T];

    void before() {
        P = new Sync;
        P->S($).store(PERMITS - HOLD, mo_relaxed);
        P->q($).store(0, mo_relaxed);
        P->data($) = 0;
        palive = true;
        destroyed = false;
        E($).store(4, mo_relaxed);
        owners = HOLD;
        ndone = 0;
        for (int i = 0; i < T; i++) {
            rec[i]($).store(0, mo_relaxed);
            depth[i] = 0;
            nl[i] = 0;
            live[i] = true;
            mmflag[i] = false;
            nrun[i] = 0;
        }
        for (int i = 0; i < ACQ; i++) {
            tw[i]($).store(4, mo_relaxed);
            mseq[i] = 1;
            rounds[i] = ROUNDS;
        }
        if (CANC) live[T - 1] = false;
    }
    // --- epochs
    // -----------------------------------------------------------------------------------------------------
    void pin(int me) {
        if (depth[me]++ == 0) {
            unsigned e = E($).load(mo_acquire);
            rec[me]($).exchange(e << 1 | 1, mo_acq_rel);
        }
    }
    void unpin(int me) {
        if (--depth[me] == 0) {
            rec[me]($).store(0, mo_release);
        }
    }
    void retire(int me, Queue* q, Seg* s) {
        Limbo& l = lim[me][nl[me]++];
        l.q = q;
        l.s = s;
        l.tag = E($).fetch_add(0, mo_acq_rel);
    }
    void advance_epoch() {
        unsigned e = E($).load(mo_acquire);
        for (int i = 0; i < T; i++) {
            unsigned v = rec[i]($).fetch_add(0, mo_acq_rel);
            if ((v & 1) && (v >> 1) != e) return;
        }
        E($).compare_exchange_strong(e, e + 1, mo_acq_rel, mo_relaxed);
    }
    void del(Limbo& l) {
        if (l.s) {
            l.s->id($) = -1;
            delete l.s;
        } else {
            Seg* s = l.q->base($);
            while (s) {
                Seg* n = s->next($).load(mo_acquire);
                s->id($) = -1;
                delete s;
                s = n;
            }
            l.q->base($) = 0;
            delete l.q;
        }
    }
    void collect(int me) {
        if (!nl[me]) return;
        advance_epoch();
        advance_epoch();
        unsigned e = E($).load(mo_acquire);
        int k = 0;
        for (int j = 0; j < nl[me]; j++)
            if (lim[me][j].tag + 2 <= e)
                del(lim[me][j]);
            else
                lim[me][k++] = lim[me][j];
        nl[me] = k;
    }
    // --- segments
    // ---------------------------------------------------------------------------------------------------
    Queue* get_q(Sync* p) {
        Queue* q = p->q($).load(mo_acquire);
        if (!q) {
            Queue* n = new Queue;
            if (p->q($).compare_exchange_strong(q, n, mo_acq_rel, mo_acquire))
                q = n;
            else {
                delete n->base($);
                delete n;
            }
        }
        return q;
    }
    Seg* locate(Seg* cur, int id) {
        while (cur->id($) < id || (cur->word($).load(mo_acquire) & REMOVED)) {
            Seg* n = cur->next($).load(NEXT_ACQ);
            if (!n) {
                Seg* f = new Seg(cur->id($) + 1, 0);
                if (cur->next($).compare_exchange_strong(
                        n, f, NEXT_REL == mo_release ? mo_acq_rel : mo_relaxed, NEXT_ACQ))
                    n = f;
                else
                    delete f;
            }
            cur = n;
        }
        return cur;
    }
    void drop(int me, Queue* q, Seg* s) {
        unsigned v = s->word($).fetch_sub(PIN1, mo_acq_rel) - PIN1;
        if (v == N) {
            q->dead($).fetch_add(1, mo_acq_rel);
            mmflag[me] = true;
        }
    }
    bool advance(int me, Queue* q, int side, Seg* s) {
        for (;;) {
            Seg* cur = q->ptr[side]($).load(PTR_ACQ);
            if (cur->id($) >= s->id($)) return true;
            unsigned w = s->word($).load(mo_acquire);
            do {
                if (w & REMOVED) return false;
            } while (!s->word($).compare_exchange_strong(w, w + PIN1, mo_acq_rel, mo_acquire));
            if (q->ptr[side]($).compare_exchange_strong(cur, s, PTR_RMW, PTR_ACQ)) {
                drop(me, q, cur);
                return true;
            }
            drop(me, q, s);
        }
    }
    Seg* reach(int me, Queue* q, int side, Seg* start, int id) {
        Seg* s = locate(start, id);
        while (!advance(me, q, side, s)) s = locate(s, id);
        return s;
    }
    void maintain(int me, Queue* q) {
        mmflag[me] = false;
        for (;;) {
            if (q->maint($).exchange(1, mo_acq_rel)) return;
            int a = q->ptr[0]($).load(mo_acquire)->id($), b = q->ptr[1]($).load(mo_acquire)->id($);
            int lm = a < b ? a : b;
#ifdef M_ONEPTR
            lm = a;
#endif
            while (q->base($)->id($) < lm) {
                Seg* o = q->base($);
                q->base($) = o->next($).load(mo_acquire);
                retire(me, 0, o);
            }
            if (RMW_MAINT)
                q->dead($).exchange(0, mo_acq_rel);
            else
                q->dead($).store(0, mo_release);
            Seg* p = q->base($);
            Seg* c = p->next($).load(mo_acquire);
            int lv = 1;
            while (c && c->next($).load(mo_acquire)) {
                unsigned w = c->word($).load(mo_acquire);
                if (w == N && c->word($).compare_exchange_strong(w, w | REMOVED, mo_acq_rel, mo_acquire)) {
                    p->next($).store(c->next($).load(mo_acquire), NEXT_REL);
                    retire(me, 0, c);
                } else {
                    p = c;
                    lv++;
                }
                c = p->next($).load(mo_acquire);
            }
            q->lastLive($) = lv;
            int d;
            if (RMW_MAINT) {
                q->maint($).exchange(0, mo_acq_rel);
                d = q->dead($).fetch_add(0, mo_acq_rel);
            } else {
                q->maint($).store(0, mo_release);
                d = q->dead($).load(mo_acquire);
            }
            if (d < 1) return;
        }
    }
    // --- synchronizer
    // -----------------------------------------------------------------------------------------------
    int resume_one(int me, Queue* q) {
        for (;;) {
            Seg* st = q->ptr[1]($).load(PTR_ACQ);
            int i = q->rIdx($).fetch_add(1, IDX_MO);
#ifdef M_SWAPR
            st = q->ptr[1]($).load(PTR_ACQ);
#endif
            Seg* s = reach(me, q, 1, st, i / N);
            mmflag[me] = true;
            if (s->id($) > i / N) {
                int e = i + 1;
                q->rIdx($).compare_exchange_strong(e, s->id($) * N, mo_acq_rel, mo_relaxed);
                continue;
            }
            int x = s->c[i % N].st($).exchange(1, CELL_MO);
            if (x == 0) return -1;
            if (x == 1) continue;
            return (x - 2) << 8 | s->c[i % N].seq($);
        }
    }
    int wake_claim(int tok) {  // returns the task to schedule or -1
        if (tok < 0) return -1;
        int t = tok >> 8;
        unsigned sq = tok & 255;
        unsigned w = tw[t]($).load(mo_acquire);
        for (;;) {
            if (w / 4 != sq) return -1;
            if (tw[t]($).compare_exchange_strong(w, ((w & 2) + (sq + 1) * 4) | ACT, mo_acq_rel, mo_acquire))
                return (w & 1) == SUSP ? t : -1;
        }
    }
    void release(int me, int who) {  // who: ghost identity of the operation
        int w = P->S($).load(mo_relaxed);
        for (;;) {
            RL_ASSERT(palive);
            if (w >= 0) {
                if (P->S($).compare_exchange_strong(w, w + 1, SREL, mo_relaxed)) {
                    live[who] = false;
                    return;
                }
            }  // the ghost changes together with the RMW
            else {
                pin(me);
                Queue* q = get_q(P);
                int old = P->S($).fetch_add(1, mo_acq_rel);
                live[who] = false;
                int t = -1;
                if (old < 0) {
#ifdef M_QLATE
                    q = P->q($).load(mo_acquire);
#endif
                    t = wake_claim(resume_one(me, q));
                    if (mmflag[me]) maintain(me, q);
                }
                unpin(me);
                if (t >= 0) run[me][nrun[me]++] = t;
                collect(me);
                return;
            }
        }
    }
    void owner(int me, int t) {
        owners++;
        RL_ASSERT(owners <= PERMITS);
        if (PERMITS == 1) P->data($) = t;  // plain data protected by the lock
        owners--;
        bool alone = true;
        for (int i = 0; i < T; i++)
            if (i != t && live[i]) alone = false;
        if (rounds[t] > 1) alone = false;
#ifdef DESTROY
        if (alone) {
            live[t] = false;
            palive = false;
            destroyed = true;
            rounds[t] = 0;
            ndone++;
            Queue* q = P->q($).load(mo_acquire);
            P->data($) = -1;
            Sync* p = P;
            if (q) {
                pin(me);
                retire(me, q, 0);
                unpin(me);
            }
            delete p;
            collect(me);
            return;
        }
#endif
        bool more = --rounds[t] > 0;
        if (more) {
            release_more(me, t);
            acquire(me, t);
        } else {
            ndone++;
            release(me, t);
        }
    }
    void release_more(int me, int t) {
        release(me, t);
        live[t] = true;
    }
    void acquire(int me, int t) {
        int old = P->S($).fetch_sub(1, mo_acq_rel);
        if (old > 0) {
            owner(me, t);
            return;
        }
        pin(me);
        Queue* q = get_q(P);
        Seg* st = q->ptr[0]($).load(PTR_ACQ);
        int i = q->sIdx($).fetch_add(1, IDX_MO);
#ifdef M_SWAPS
        st = q->ptr[0]($).load(PTR_ACQ);
#endif
        Seg* s = reach(me, q, 0, st, i / N);
        RL_ASSERT(s->id($) == i / N);
        s->c[i % N].seq($) = mseq[t];
        mseg[t] = s;
        midx[t] = i;
        int e = 0;
        bool ok = s->c[i % N].st($).compare_exchange_strong(e, 2 + t, CELL_MO,
                                                            CELL_MO == mo_relaxed ? mo_relaxed : mo_acquire);
        // queue bookkeeping must be done before parking: after it the task may run elsewhere
        if (mmflag[me]) maintain(me, q);
        unpin(me);
        collect(me);
        if (!ok) {
            owner(me, t);
            return;
        }
        unsigned w = mseq[t] * 4 | ACT;
        if (tw[t]($).compare_exchange_strong(w, mseq[t] * 4 | SUSP, mo_acq_rel, mo_acquire))
            return;  // suspended
        if ((int)(w / 4) == mseq[t]) {
            w = tw[t]($).fetch_add(4, mo_acq_rel) + 4;
            if ((int)(w / 4) != mseq[t] + 1) RL_ASSERT(w & 2);
        }  // PENDING: advance seq myself
        resumed(me, t);
    }
    void resumed(int me, int t) {
        unsigned w = tw[t]($).load(mo_acquire);
        mseq[t] = w / 4;
        if (w & 2) {
            unsigned z = w;
            while (!tw[t]($).compare_exchange_strong(z, z & ~2u, mo_acq_rel, mo_acquire));
            abort_(me, t);
        } else
            owner(me, t);
    }
    void abort_(int me, int t) {
        int i = midx[t];
        bool granted = false;
        int woken = -1;
        pin(me);
        RL_ASSERT(palive);
        Queue* q = P->q($).load(mo_acquire);
#ifndef M_NOHEAD
        granted = q->ptr[1]($).load(PTR_ACQ)->id($) > i / N;
#endif
        if (!granted) {
            Seg* s = mseg[t];
            int e = 2 + t;
            granted = !s->c[i % N].st($).compare_exchange_strong(
                e, 0, CELL_MO, CELL_MO == mo_relaxed ? mo_relaxed : mo_acquire);
            if (!granted) {
                int old = P->S($).fetch_add(1, mo_acq_rel);
                live[t] = false;
                ndone++;
                rounds[t] = 0;
                if (old < 0) {
                    int z = 0;
                    if (s->c[i % N].st($).compare_exchange_strong(
                            z, 1, CELL_MO, CELL_MO == mo_relaxed ? mo_relaxed : mo_acquire)) {
                        if (s->word($).fetch_add(1, mo_acq_rel) + 1 == N) {
                            q->dead($).fetch_add(1, mo_acq_rel);
                            mmflag[me] = true;
                        }
                    }
#ifndef M_NOHANDOFF
                    else
                        woken = wake_claim(resume_one(me, q));
#endif
                }
                if (mmflag[me]) maintain(me, q);
            }
        }
        unpin(me);
        if (woken >= 0) run[me][nrun[me]++] = woken;
        if (granted) {
            ndone++;
            rounds[t] = 0;
            release(me, t);
        }
        collect(me);
    }
    void thread(unsigned me) {
#ifdef MEMTEST  // nobody releases: every acquire is aborted at once; memory must stay bounded
        if (me < ACQ)
            for (int k = 0; k < MEMTEST; k++) {
                acquire(me, me);
                unsigned w = tw[me]($).load(mo_relaxed);
                tw[me]($).compare_exchange_strong(w, (w / 4 + 1) * 4 | ACT, mo_acq_rel, mo_relaxed);
                mseq[me]++;
                abort_(me, me);
            }
        return;
#endif
        if (me < ACQ)
            acquire(me, me);
        else if (me < ACQ + HOLD) {
            owners--;
            if (PERMITS == 1) P->data($) = 100;
            ndone++;
            release(me, me);
        } else
            for (int t = 0; t < CANC; t++) {
                unsigned w = tw[t]($).load(mo_acquire);
                for (;;) {
                    if ((w & 1) == ACT) {
                        if (tw[t]($).compare_exchange_strong(w, w | 2, mo_acq_rel, mo_acquire)) break;
                    } else if (tw[t]($).compare_exchange_strong(w, ((w / 4) + 1) * 4 | 2 | ACT, mo_acq_rel,
                                                                mo_acquire)) {
                        resumed(me, t);
                        break;
                    }
                }
            }
        while (nrun[me]) {
            int t = run[me][--nrun[me]];
            resumed(me, t);
        }
    }
    void after() {
#ifdef MEMTEST
        ndone = ACQ + HOLD;
        owners = 0;
        RL_ASSERT(P->S($).load(mo_relaxed) == 0);
        P->S($).store(PERMITS, mo_relaxed);
#endif
        RL_ASSERT(ndone == ACQ + HOLD);  // nobody is left parked
        RL_ASSERT(owners == 0);
        for (int k = 0; k < 3; k++) advance_epoch();
        for (int i = 0; i < T; i++) {
            collect(i);
            RL_ASSERT(nl[i] == 0);
        }
        if (!destroyed) {
            RL_ASSERT(P->S($).load(mo_relaxed) == PERMITS);
            Queue* q = P->q($).load(mo_relaxed);
            if (q) {
                int n = 0, d = 0;
                for (Seg* s = q->base($); s; s = s->next($).load(mo_relaxed)) {
                    n++;
                    Seg* nx = s->next($).load(mo_relaxed);
                    if (s != q->base($) && nx && s->word($).load(mo_relaxed) == N) d++;
                }
                if (n > maxseg) maxseg = n;
#ifdef BOUND
                RL_ASSERT(n <= BOUND);
#endif
                Limbo l = {q, 0, 0};
                del(l);
            }
            delete P;
        }
    }
};
int main(int argc, char** argv) { return relacy_main<cqs_test>(argc, argv); }
