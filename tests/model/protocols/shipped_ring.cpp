// The shipped ready ring, lib/sched/run_queue.hpp, on Relacy's atomics (alias/). 4 slots.
//
// Worker 0 pushes NT tasks and pops in between; the others steal twice into their own ring, also from each
// other. Each task must run exactly once, and its runner must see what the pusher wrote to it. The ring's
// slots are plain pointers, which Relacy does not see: what it cannot find for that reason is found by
// ready_ring.cpp and by the explorer.
#include "relacy_main.hpp"

#include <sched/run_queue.hpp>

namespace heddle::detail {
struct TaskControl {
    rl::var<int> content;
    int number = 0;
};
}  // namespace heddle::detail
using namespace heddle::detail;
#ifndef NT
#define NT 7
#endif
#ifndef THIEVES
#define THIEVES 2
#endif
struct Test : rl::test_suite<Test, THIEVES + 1> {
    ReadyRing ring[THIEVES + 1];
    TaskControl task[NT];
    int ran[NT];
    int total = 0;
    void before() {
        for (int i = 0; i < NT; ++i) {
            task[i].number = i;
            ran[i] = 0;
            task[i].content($) = 0;
        }
        total = 0;
    }
    void run(TaskControl* t) {
        RL_ASSERT(t->content($) == t->number + 1);
        RL_ASSERT(++ran[t->number] == 1);
        ++total;
    }
    void push(int i) {
        task[i].content($) = i + 1;
        ring[0].push(&task[i], [&](auto first, auto n) {
            if constexpr (true)
                for (unsigned k = 0; k < (unsigned)n; ++k) run(*(first + k));
        });
    }
    void thread(unsigned i) {
        if (i == 0) {
            for (int t = 0; t < NT; ++t) {
                push(t);
                if (t % 3 == 2)
                    if (TaskControl* x = ring[0].pop()) run(x);
            }
            while (TaskControl* x = ring[0].pop()) run(x);
        } else {
            for (int k = 0; k < 2; ++k) {
                if (TaskControl* x = ring[k == 1 && THIEVES > 1 ? (i == 1 ? 2 : 0) : 0].steal_into(ring[i]))
                    run(x);
            }
            while (TaskControl* x = ring[i].pop()) run(x);
        }
    }
    void after() { RL_ASSERT(total == NT); }
};
int main(int argc, char** argv) { return relacy_main<Test>(argc, argv); }
