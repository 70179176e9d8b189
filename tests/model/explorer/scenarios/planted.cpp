#include "../explore.hpp"

#include <array>
#include <atomic>
#include <memory>

// Not about heddle: faults that the explorer has to find, and their correct twins, in which it must find
// nothing. Run by --self-test; the last member says how the failure begins (none: all executions must be
// right).

namespace heddle::explore {
namespace {

template <std::memory_order Publish>
void publish() {
    int news = 0;  // plain
    std::atomic<bool> told{false};
    parallel({[&] {
                  news = 1;
                  told.store(true, Publish);
              },
              [&] {
                  if (told.load(std::memory_order_acquire)) {
                      require(news == 1, "old news");
                  }
              }});
}
const Register r1{{"planted.publish", "published by a relaxed store", publish<std::memory_order_relaxed>, 2,
                   1, "data race"}};
const Register r2{{"planted.publish_right", "by a release", publish<std::memory_order_release>, 2, 1, ""}};

// Store buffering: x86 does this.
template <std::memory_order Load, bool Rmw>
void both_old() {
    std::array<std::atomic<int>, 2> flag{};
    std::array<int, 2> seen{};
    const auto say = [&](std::size_t i) {
        if constexpr (Rmw) {
            flag[i].exchange(1, std::memory_order_seq_cst);
        } else {
            flag[i].store(1, std::memory_order_release);
        }
        seen[i] = flag[1 - i].load(Load);
    };
    parallel({[&] { say(0); }, [&] { say(1); }});
    require(seen[0] == 1 || seen[1] == 1, "neither saw the other");
}
const Register r3{{"planted.store_buffer", "two flags without a total order",
                   both_old<std::memory_order_acquire, false>, 2, 1, "neither saw the other"}};
const Register r4{
    {"planted.store_buffer_right", "with one", both_old<std::memory_order_seq_cst, true>, 2, 2, ""}};

// Two reads of one variable, the second by somebody whom the first has told: never older.
void coherent() {
    std::atomic<int> value{0};
    std::atomic<bool> told{false};
    parallel({[&] { value.store(1, std::memory_order_relaxed); },
              [&] {
                  if (value.load(std::memory_order_relaxed) == 1) {
                      told.store(true, std::memory_order_release);
                  }
              },
              [&] {
                  if (told.load(std::memory_order_acquire)) {
                      require(value.load(std::memory_order_relaxed) == 1, "older than what was seen before");
                  }
              }});
}
const Register r5{
    {"planted.coherence_right", "reads that are ordered see stores in one order", coherent, 3, 2, ""}};

template <bool Atomic>
void count() {
    std::atomic<int> n{0};
    const auto add = [&] {
        if constexpr (Atomic) {
            n.fetch_add(1, std::memory_order_relaxed);
        } else {
            n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    };
    parallel({add, add});
    require(n == 2, "an update is lost");
}
const Register r6{{"planted.lost_update", "load, add, store", count<false>, 1, 0, "an update is lost"}};
const Register r7{{"planted.lost_update_right", "in one step", count<true>, 2, 2, ""}};

template <bool Exchanged>
void wake_up() {
    std::atomic<int> state{0};  // 1: asleep, 2: told
    parallel({[&] {
                  if constexpr (Exchanged) {
                      int expected = 0;
                      if (state.compare_exchange_strong(expected, 1)) {
                          sleep("until told");
                      }
                  } else if (state.load() == 0) {
                      state.store(1);
                      sleep("until told");
                  }
              },
              [&] {
                  if (state.exchange(2) == 1) {
                      wake(1);
                  }
              }});
}
const Register r8{{"planted.lost_wake_up", "looks, then sleeps", wake_up<false>, 1, 0, "deadlock"}};
const Register r9{{"planted.lost_wake_up_right", "in one step", wake_up<true>, 2, 1, ""}};

void double_wake() {
    std::atomic<int> state{1};
    const auto tell = [&] {
        if (state.load() == 1) {
            state.store(2);
            wake(1);
        }
    };
    parallel({[&] { sleep("until told"); }, tell, tell});
}
const Register r10{
    {"planted.double_wake", "two find it asleep", double_wake, 2, 0, "a thread was woken twice"}};

// A stack of three nodes, linked by number, whose head has no tag.
template <unsigned Tag>
void aba() {
    std::array<std::atomic<unsigned>, 4> next{};
    next[1] = 2;
    next[2] = 3;
    std::atomic<unsigned> head{1};
    std::array<std::atomic<int>, 4> taken{};
    const auto pop = [&] {
        unsigned seen = head.load();
        while (seen % 8 != 0 && !head.compare_exchange_strong(seen, (seen / 8 + Tag) * 8 + next[seen % 8])) {
        }
        require(seen % 8 == 0 || ++taken[seen % 8] == 1, "one node for two");
        return seen % 8;
    };
    const auto push = [&](unsigned node) {
        unsigned seen = head.load();
        --taken[node];
        do {
            next[node] = seen % 8;
        } while (!head.compare_exchange_strong(seen, (seen / 8 + Tag) * 8 + node));
    };
    parallel({[&] { pop(); },
              [&] {
                  const unsigned first = pop();
                  pop();
                  if (first != 0) {
                      push(first);
                  }
              }});
    while (pop() != 0) {
    }
}
const Register r11{{"planted.aba", "a head without a tag", aba<0>, 2, 0, "one node for two"}};
const Register r12{{"planted.aba_right", "with one", aba<1>, 2, 1, ""}};

void use_after_free() {
    std::atomic<int*> shared{new int(1)};
    parallel({[&] {
                  if (const int* seen = shared.load()) {
                      require(*seen == 1, "garbage");
                  }
              },
              [&] { delete shared.exchange(nullptr); }});
}
const Register r13{{"planted.use_after_free", "read while another frees", use_after_free, 1, 0, "data race"}};

// Found, freed, and read when it is known to be freed: no race.
void use_after_free_later() {
    int* const shared = new int(1);
    std::atomic<bool> freed{false};
    parallel({[&] {
                  if (freed.load(std::memory_order_acquire)) {
                      require(*shared == 1, "garbage");
                  }
              },
              [&] {
                  delete shared;
                  freed.store(true, std::memory_order_release);
              }});
}
const Register r19{
    {"planted.use_after_free_later", "found, freed, read", use_after_free_later, 1, 0, "use after free"}};

void double_free() {
    std::atomic<int*> shared{new int(1)};
    const auto drop = [&] {
        int* seen = shared.load();
        shared.store(nullptr);
        delete seen;
    };
    parallel({drop, drop});
}
const Register r14{
    {"planted.double_free", "two free what they both found", double_free, 1, 0, "double free"}};

void leak() {
    std::atomic<int*> shared{nullptr};
    const auto put = [&] {
        if (shared.load() == nullptr) {
            shared.store(new int(1));
        }
    };
    parallel({put, put});
    delete shared.load();
}
const Register r15{{"planted.leak", "two make what only one keeps", leak, 1, 0, "leak"}};

void overrun() {
    const std::unique_ptr<std::atomic<int>[]> cells(
        new std::atomic<int>[2]{});  // NOLINT: its size is the point
    std::atomic<unsigned> used{0};
    const auto add = [&] { cells[used.fetch_add(1)].store(1); };
    parallel({add, add, add});
}
const Register r16{{"planted.overrun", "three use an array of two", overrun, 0, 0, "access outside"}};

void deadlock() {
    std::array<std::atomic<bool>, 2> locked{};
    const auto take_both = [&](std::size_t first) {
        while (locked[first].exchange(true)) {
            while (locked[first].load()) {
            }
        }
        while (locked[1 - first].exchange(true)) {
            while (locked[1 - first].load()) {
            }
        }
        locked[0].store(false);
        locked[1].store(false);
    };
    parallel({[&] { take_both(0); }, [&] { take_both(1); }});
}
const Register r17{
    {"planted.deadlock", "two spin locks, taken the other way round", deadlock, 1, 0, "livelock"}};

void asleep() {
    parallel({[] { sleep("until told"); }, [] {}});
}
const Register r18{{"planted.asleep", "nobody tells", asleep, 0, 0, "deadlock"}};

}  // namespace
}  // namespace heddle::explore
