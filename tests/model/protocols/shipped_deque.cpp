// The shipped deque of forked children, fork_deque.hpp and .cpp, on Relacy's atomics (alias/). 2 slots at the
// start.
//
// The owner pushes NT children and pops in between, two thieves steal twice each. Each child must be run
// exactly once, by somebody who sees what the owner wrote to it.
#include "relacy_main.hpp"

#include <task/fork_deque.cpp>

namespace heddle::detail {
struct ForkChild {
    rl::var<int> content;
    int number;
};
}  // namespace heddle::detail
using namespace heddle::detail;
#ifndef NT
#define NT 4
#endif
struct Test : rl::test_suite<Test, 3> {
    ForkDeque deque;
    ForkChild child[NT];
    int ran[NT], total;
    void before() {
        total = 0;
        for (int i = 0; i < NT; ++i) {
            child[i].number = i;
            ran[i] = 0;
            child[i].content($) = 0;
        }
    }
    void run(ForkChild* c) {
        RL_ASSERT(c->content($) == c->number + 1);
        RL_ASSERT(++ran[c->number] == 1);
        ++total;
    }
    void thread(unsigned t) {
        if (t == 0) {
            for (int i = 0; i < NT; ++i) {
                child[i].content($) = i + 1;
                deque.push(&child[i]);
                if (i % 3 == 2)
                    if (auto* c = deque.pop()) run(c);
            }
            while (auto* c = deque.pop()) run(c);
        } else
            for (int k = 0; k < 2; ++k)
                if (auto* c = deque.steal()) run(c);
    }
    void after() { RL_ASSERT(total == NT); }
};
int main(int argc, char** argv) { return relacy_main<Test>(argc, argv); }
