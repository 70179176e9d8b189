#include "../seam.hpp"
#include <heddle/detail/task/fork.hpp>

#include <array>

// The deque of forked children, with room for two until it grows: each child is run once.

namespace heddle::explore {
namespace {

using detail::ForkChild;
using detail::ForkDeque;

struct Children {
    ForkDeque deque;
    std::array<ForkChild, 6> all;
    std::array<int, 6> written{};  // plain
    std::array<int, 6> ran{};      // plain

    void push(std::size_t i) {
        written[i] = 1;
        deque.push(&all[i]);
    }
    void push_both(std::size_t i) {
        written[i] = written[i + 1] = 1;
        deque.reserve(2);
        deque.push_reserved(2, [next = &all[i]]() mutable { return next++; });
    }
    bool run(ForkChild* child) {
        if (child == nullptr) {
            return false;
        }
        const auto i = static_cast<std::size_t>(child - all.data());
        require(written[i] == 1 && ++ran[i] == 1, "run twice, or not written");
        return true;
    }
    void finish(std::size_t n) {
        while (run(deque.pop())) {
        }
        for (std::size_t i = 0; i < n; ++i) {
            require(ran[i] == 1, "a child is lost");
        }
    }
};

void last() {
    Children c;
    c.push(0);
    parallel({[&] { c.run(c.deque.pop()); }, [&] { c.run(c.deque.steal()); }});
    c.finish(1);
}
const Register r1{{"fork_deque.last", "owner and thief at the last one", last, 4, 2}};

void two_thieves() {
    Children c;
    c.push(0);
    c.push(1);
    parallel({[&] {
                  c.run(c.deque.pop());
                  c.run(c.deque.pop());
              },
              [&] { c.run(c.deque.steal()); }, [&] { c.run(c.deque.steal()); }});
    c.finish(2);
}
const Register r2{{"fork_deque.two_thieves", "two children, their owner and two thieves", two_thieves, 3, 1}};

void at_once() {
    Children c;
    parallel({[&] {
                  c.push_both(0);
                  c.run(c.deque.pop());
                  c.run(c.deque.pop());
              },
              [&] {
                  c.run(c.deque.steal());
                  c.run(c.deque.steal());
              }});
    c.finish(2);
}
const Register r6{{"fork_deque.at_once", "two that are published together, and a thief", at_once, 3, 1}};

void push_again() {
    Children c;
    c.push(0);
    parallel({[&] {
                  c.run(c.deque.pop());
                  c.push(1);
                  c.push(2);
                  c.run(c.deque.pop());
              },
              [&] {
                  c.run(c.deque.steal());
                  c.run(c.deque.steal());
              }});
    c.finish(3);
}
const Register r3{{"fork_deque.push_again", "slots are used again under a thief", push_again, 3, 1}};

void grows() {
    Children c;
    parallel({[&] {
                  for (std::size_t i = 0; i < 5; ++i) {
                      c.push(i);
                  }
                  c.run(c.deque.pop());
              },
              [&] {
                  c.run(c.deque.steal());
                  c.run(c.deque.steal());
              },
              [&] { c.run(c.deque.steal()); }});
    c.finish(5);
}
const Register r4{{"fork_deque.grows", "it grows twice under two thieves", grows, 2, 1}};

}  // namespace
}  // namespace heddle::explore
