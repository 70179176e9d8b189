// Ready ring of lib/sched/run_queue.hpp under Relacy: plain slots, which shipped_ring.cpp cannot see.
//   g++ -std=c++11 -O2 -w [-DMUT=n] ready_ring.cpp -o ring && ./ring [iterations] [s]      (s: context-bound
//   search, else random)
// Thread 0 owns the ring (4 slots): pushes NT tasks, popping in between; overflow takes half of the ring to
// the inject list. Threads 1, 2 steal once or twice into their own ring and pop what they got. Every task
// must be run exactly once.
#include "relacy_main.hpp"
#ifndef MUT
#define MUT 0
#endif
#ifndef THIEVES
#define THIEVES 2
#endif
#ifndef NT
#define NT 7
#endif
typedef unsigned long long u64;
typedef unsigned u32;
static const u32 CAP = 4, HALF = 2;
static u64 mk(u32 st, u32 re) { return (u64(st) << 32) | re; }
static u32 steal_of(u64 h) { return u32(h >> 32); }
static u32 real_of(u64 h) { return u32(h); }

#if MUT == 1  // tail published relaxed
#define O_TAIL rl::memory_order_relaxed
#else
#define O_TAIL rl::memory_order_release
#endif
#if MUT == 2  // thief frees the slots without release
#define O_FREE rl::memory_order_relaxed
#else
#define O_FREE rl::memory_order_acq_rel
#endif
#if MUT == 3  // thief reads tail relaxed
#define O_STAIL rl::memory_order_relaxed
#else
#define O_STAIL rl::memory_order_acquire
#endif
#if MUT == 4  // owner reads head relaxed in push
#define O_PHEAD rl::memory_order_relaxed
#else
#define O_PHEAD rl::memory_order_acquire
#endif

struct Ring {
    rl::atomic<u64> head;
    rl::atomic<u32> tail;
    rl::var<int> buf[CAP];
    // start just below the wrap of the 32-bit indices
    Ring() {
        head.store(mk(0xfffffffeu, 0xfffffffeu), rl::memory_order_relaxed);
        tail.store(0xfffffffeu, rl::memory_order_relaxed);
    }
};

struct Test : rl::test_suite<Test, THIEVES + 1> {
    Ring r[THIEVES + 1];
    rl::atomic<int> seen[NT];
    rl::atomic<int> total;
    void before() {
        for (int i = 0; i < NT; ++i) seen[i].store(0, rl::memory_order_relaxed);
        total.store(0, rl::memory_order_relaxed);
    }
    void ran(int t) {
        RL_ASSERT(t >= 0 && t < NT);
        int o = seen[t].fetch_add(1, rl::memory_order_relaxed);
        RL_ASSERT(o == 0);
        total.fetch_add(1, rl::memory_order_relaxed);
    }

    void push(Ring& q, int t) {
        for (;;) {
            u64 h = q.head.load(O_PHEAD);
            u32 tl = q.tail.load(rl::memory_order_relaxed);
#if MUT == 5
            if (u32(tl - real_of(h)) < CAP) {  // forgets the slots a thief is still copying
#else
            if (u32(tl - steal_of(h)) < CAP) {
#endif
                q.buf[tl % CAP]($) = t;
                q.tail.store(tl + 1, O_TAIL);
                return;
            }
            if (steal_of(h) != real_of(h)) {
                ran(t);
                return;
            }  // to inject (run at once here)
            u32 re = real_of(h);
            if (q.head.compare_exchange_strong(h, mk(re + HALF, re + HALF), rl::memory_order_acq_rel,
                                               rl::memory_order_acquire)) {
                for (u32 i = 0; i < HALF; ++i) ran(q.buf[(re + i) % CAP]($));
                ran(t);
                return;
            }
        }
    }
    int pop(Ring& q) {
        for (;;) {
            u64 h = q.head.load(rl::memory_order_acquire);
            u32 re = real_of(h);
            if (re == q.tail.load(rl::memory_order_relaxed)) return -1;
#if MUT == 6
            u64 n = mk(re + 1, re + 1);  // a pop that forgets a thief at work
#else
            u64 n = steal_of(h) == re ? mk(re + 1, re + 1) : mk(steal_of(h), re + 1);
#endif
            if (q.head.compare_exchange_strong(h, n, rl::memory_order_acq_rel, rl::memory_order_acquire))
                return q.buf[re % CAP]($);
        }
    }
    int steal(Ring& src, Ring& dst) {
        u64 h;
        u32 n, re;
        for (;;) {
            h = src.head.load(rl::memory_order_acquire);
            u32 tl = src.tail.load(O_STAIL);
            re = real_of(h);
#if MUT != 7
            if (steal_of(h) != re) return -1;
#endif
            n = tl - re;
            n -= n / 2;
            if (n == 0) return -1;
            if (n > HALF) {
                rl::yield(1, $);
                continue;
            }  // torn view
            if (src.head.compare_exchange_strong(h, mk(re, re + n), rl::memory_order_acq_rel,
                                                 rl::memory_order_acquire))
                break;
        }
        u32 dt = dst.tail.load(rl::memory_order_relaxed);
        int last = -1;
        for (u32 i = 0; i < n; ++i) {
            int t = src.buf[(re + i) % CAP]($);
            if (i + 1 < n)
                dst.buf[(dt + i) % CAP]($) = t;
            else
                last = t;
        }
        u64 h2 = src.head.load(rl::memory_order_acquire);
        while (!src.head.compare_exchange_strong(h2, mk(real_of(h2), real_of(h2)), O_FREE,
                                                 rl::memory_order_acquire)) {
        }
        if (n > 1) dst.tail.store(dt + n - 1, O_TAIL);
        return last;
    }
    void thread(unsigned i) {
        if (i == 0) {
            for (int t = 0; t < NT; ++t) {
                push(r[0], t);
                if (t % 3 == 2) {
                    int x = pop(r[0]);
                    if (x >= 0) ran(x);
                }
            }
            for (int x; (x = pop(r[0])) >= 0;) ran(x);
        } else {
            for (int k = 0; k < 2; ++k) {
                int x = steal(r[k == 1 && THIEVES > 1 ? (i == 1 ? 2 : 0) : 0], r[i]);
                if (x >= 0) ran(x);
            }
            for (int x; (x = pop(r[i])) >= 0;) ran(x);
        }
    }
    void after() { RL_ASSERT(total.load(rl::memory_order_relaxed) == NT); }
};

int main(int argc, char** argv) { return relacy_main<Test>(argc, argv); }
