// Epoch reclamation with an RMW handshake, checked under the C++ memory model (Relacy).
// g++ -O2 -w -DSCEN=... [-DM_...] ebr.cpp -o ebr && ./ebr random 2000000 | ./ebr bound 2
#include "relacy_main.hpp"

using rl::mo_acq_rel;
using rl::mo_acquire;
using rl::mo_relaxed;
using rl::mo_release;

#ifndef READERS
#define READERS 2
#endif
#ifndef RETIRERS
#define RETIRERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#ifndef PINS
#define PINS 2
#endif
static const int T = READERS + RETIRERS;

#ifdef M_PIN_STORE  // pin publishes with a plain release store
#define PIN(r, v) (r).st($).store(v, mo_release)
#elif defined(M_PIN_RELAXED)
#define PIN(r, v) (r).st($).exchange(v, mo_relaxed)
#else
#define PIN(r, v) (r).st($).exchange(v, mo_acq_rel)
#endif
#ifdef M_UNPIN_RELAXED
#define UNPIN_MO mo_relaxed
#else
#define UNPIN_MO mo_release
#endif
#ifdef M_SCAN_LOAD  // scan with a load instead of an RMW
#define SCAN(r) (r).st($).load(mo_acquire)
#elif defined(M_SCAN_RELAXED)
#define SCAN(r) (r).st($).fetch_add(0, mo_relaxed)
#else
#define SCAN(r) (r).st($).fetch_add(0, mo_acq_rel)
#endif
#ifdef M_SEAL_LOAD
#define SEAL() E($).load(mo_acquire)
#else
#define SEAL() E($).fetch_add(0, mo_acq_rel)
#endif
#ifdef M_ADV_RELAXED
#define ADV_MO mo_relaxed
#else
#define ADV_MO mo_acq_rel
#endif
#ifdef M_GRACE1
#define GRACE 1
#else
#define GRACE 2
#endif
// LATE: readers put their record into the registry inside the run.  HEAD_RMW: the scan reads the registry
// head with an RMW. REG_E_RMW: the first pin after registration reads E with an RMW.

struct Node {
    rl::var<int> v;
    Node() { v($) = 7; }
};

struct Rec {
    rl::atomic<unsigned> st;
    rl::var<int> next;
};

struct ebr_test : rl::test_suite<ebr_test, T> {
    rl::atomic<unsigned> E;
    rl::atomic<int> head;  // registry: index+1 of the first record
    Rec rec[T];
    rl::atomic<Node*> slot;
    Node* bag[T][16];
    unsigned tag[T][16];
    int nb[T];
    int freed;

    void before() {
        E($) = 4;
        head($) = 0;
        freed = 0;
        slot($) = new Node;
        for (int i = 0; i < T; i++) {
            rec[i].st($) = 0;
            rec[i].next($) = 0;
            nb[i] = 0;
        }
#ifdef LATE
        for (int i = READERS; i < T; i++) reg(i);
#else
        for (int i = 0; i < T; i++) reg(i);
#endif
    }
    void reg(int i) {
        int h = head($).load(mo_acquire);
        do rec[i].next($) = h;
        while (!head($).compare_exchange_strong(h, i + 1, mo_acq_rel, mo_acquire));
    }
    void pin(int i, bool first) {
#ifdef REG_E_RMW
        unsigned e = first ? E($).fetch_add(0, mo_acq_rel) : E($).load(mo_acquire);
#else
        unsigned e = E($).load(mo_acquire);
#endif
        PIN(rec[i], e << 1 | 1);
    }
    void unpin(int i) { rec[i].st($).store(0, UNPIN_MO); }
    void advance() {
        unsigned e = E($).load(mo_acquire);
#ifdef HEAD_RMW
        int h = head($).fetch_add(0, mo_acq_rel);
#else
        int h = head($).load(mo_acquire);
#endif
        while (h) {
            unsigned v = SCAN(rec[h - 1]);
#ifndef M_NO_EQ
            if ((v & 1) && (v >> 1) != e) return;
#endif
            h = rec[h - 1].next($);
        }
        E($).compare_exchange_strong(e, e + 1, ADV_MO, mo_relaxed);
    }
    void collect(int i) {
        unsigned e = E($).load(mo_acquire);
        int k = 0;
        for (int j = 0; j < nb[i]; j++)
            if (tag[i][j] + GRACE <= e) {
                bag[i][j]->v($) = 0;
                delete bag[i][j];
                freed++;
            } else {
                bag[i][k] = bag[i][j];
                tag[i][k] = tag[i][j];
                k++;
            }
        nb[i] = k;
    }
    void thread(unsigned i) {
        if (i < READERS) {
#ifdef LATE
            reg(i);
#endif
            for (int k = 0; k < PINS; k++) {
                pin(i, k == 0);
                Node* n = slot($).load(mo_acquire);
                RL_ASSERT(n->v($) == 7);
                RL_ASSERT(n->v($) == 7);
                unpin(i);
            }
        } else {
            for (int k = 0; k < ROUNDS; k++) {
#ifdef RETIRE_PINNED
                pin(i, false);
#endif
                Node* n = slot($).exchange(new Node, mo_acq_rel);
                unsigned t = SEAL();
                bag[i][nb[i]] = n;
                tag[i][nb[i]++] = t;
#ifdef RETIRE_PINNED
                unpin(i);
#endif
                advance();
                advance();
                collect(i);
            }
        }
    }
    void after() {
        for (int k = 0; k < 3; k++) advance();
        for (int i = 0; i < T; i++) {
            collect(i);
            RL_ASSERT(nb[i] == 0);
        }  // limbo empties after quiescence
        delete slot($).load(mo_acquire);
    }
};

int main(int argc, char** argv) { return relacy_main<ebr_test>(argc, argv); }
