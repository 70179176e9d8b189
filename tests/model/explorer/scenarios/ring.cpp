#include "../seam.hpp"

#include <sched/run_queue.hpp>

#include <array>
#include <vector>

// The ready ring, of four slots: each task is run once, whoever takes it, and with all that was written
// before it was pushed.

namespace heddle::explore {
namespace {

using detail::ReadyRing;
using detail::TaskControl;

struct Job {
    int written = 0;  // plain: before the push
    int ran = 0;      // plain: by whoever has taken it
};

struct Lanes {
    ReadyRing mine;
    ReadyRing others;
    std::array<Job, 12> jobs;
    std::vector<std::size_t> spilled;  // plain: only the owner spills

    void push(std::size_t i) {
        jobs[i].written = 1;
        mine.push(reinterpret_cast<TaskControl*>(&jobs[i]), [&](TaskControl* const* tasks, std::size_t n) {
            for (std::size_t t = 0; t < n; ++t) {
                spilled.push_back(static_cast<std::size_t>(reinterpret_cast<Job*>(tasks[t]) - jobs.data()));
            }
        });
    }
    static bool run(TaskControl* task) {
        if (task == nullptr) {
            return false;
        }
        Job& job = *reinterpret_cast<Job*>(task);
        require(job.written == 1 && ++job.ran == 1, "run twice, or not written");
        return true;
    }
    void steal() {
        if (run(mine.steal_into(others))) {
            while (run(others.pop())) {
            }
        }
    }
    void finish(std::size_t n) {
        while (run(mine.pop()) || run(others.pop())) {
        }
        for (const std::size_t i : spilled) {
            require(++jobs[i].ran == 1, "run twice");
        }
        for (std::size_t i = 0; i < n; ++i) {
            require(jobs[i].ran == 1, "a task is lost");
        }
    }
};

void pop_steal() {
    Lanes lanes;
    for (std::size_t i = 0; i < 3; ++i) {
        lanes.push(i);
    }
    parallel({[&] {
                  Lanes::run(lanes.mine.pop());
                  lanes.push(3);
                  Lanes::run(lanes.mine.pop());
              },
              [&] { lanes.steal(); }});
    lanes.finish(4);
}
const Register r1{{"ring.pop_steal", "the owner pops and pushes, a thief takes half", pop_steal, 4, 1}};

void last() {
    Lanes lanes;
    parallel({[&] {
                  lanes.push(0);
                  Lanes::run(lanes.mine.pop());
                  lanes.push(1);
                  Lanes::run(lanes.mine.pop());
              },
              [&] {
                  lanes.steal();
                  lanes.steal();
              }});
    lanes.finish(2);
}
const Register r2{{"ring.last", "the last one: owner and thief", last, 4, 1}};

void two_thieves() {
    Lanes lanes;
    ReadyRing third;
    for (std::size_t i = 0; i < 4; ++i) {
        lanes.push(i);
    }
    parallel({[&] {
                  Lanes::run(lanes.mine.pop());
                  lanes.push(4);
              },
              [&] { lanes.steal(); },
              [&] {
                  if (Lanes::run(lanes.mine.steal_into(third))) {
                      while (Lanes::run(third.pop())) {
                      }
                  }
              }});
    lanes.finish(5);
}
const Register r3{{"ring.two_thieves", "two thieves at a full ring", two_thieves, 2, 1}};

void spill() {
    Lanes lanes;
    for (std::size_t i = 0; i < 4; ++i) {
        lanes.push(i);
    }
    parallel({[&] {
                  for (std::size_t i = 4; i < 8; ++i) {
                      lanes.push(i);
                  }
                  Lanes::run(lanes.mine.pop());
              },
              [&] {
                  lanes.steal();
                  lanes.steal();
              }});
    lanes.finish(8);
}
const Register r4{
    {"ring.spill", "the owner goes on pushing into a full ring, a thief is at it", spill, 3, 1}};

// The thief's own ring is stolen from meanwhile: what it has put there is complete.
void chain() {
    Lanes lanes;
    ReadyRing third;
    for (std::size_t i = 0; i < 4; ++i) {
        lanes.push(i);
    }
    parallel({[&] { Lanes::run(lanes.mine.steal_into(lanes.others)); },
              [&] {
                  Lanes::run(lanes.others.steal_into(third));
                  while (Lanes::run(third.pop())) {
                  }
              }});
    lanes.finish(4);
}
const Register r5{{"ring.chain", "one steals from a thief", chain, 4, 1}};

// The thief's own ring is nearly full, and somebody is copying out of it.
void little_room() {
    Lanes lanes;
    ReadyRing third;
    for (std::size_t i = 0; i < 4; ++i) {
        lanes.push(i);
    }
    for (std::size_t i = 4; i < 8; ++i) {
        lanes.jobs[i].written = 1;
        lanes.others.push(reinterpret_cast<TaskControl*>(&lanes.jobs[i]), [](auto* tasks, std::size_t n) {
            static_cast<void>(tasks);
            static_cast<void>(n);
            require(false, "there is room for four");
        });
    }
    parallel({[&] {
                  Lanes::run(lanes.mine.steal_into(lanes.others));
                  Lanes::run(lanes.others.pop());
                  Lanes::run(lanes.mine.steal_into(lanes.others));
              },
              [&] {
                  Lanes::run(lanes.others.steal_into(third));
                  while (Lanes::run(third.pop())) {
                  }
              }});
    lanes.finish(8);
}
const Register r6{{"ring.little_room", "a thief whose own ring is nearly full", little_room, 3, 1}};

}  // namespace
}  // namespace heddle::explore
