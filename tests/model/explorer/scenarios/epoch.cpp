#include "../seam.hpp"
#include <heddle/detail/sync/epoch.hpp>

#include <atomic>

// Reclamation: nobody who has pinned sees an object go, whatever comes and goes around him; and in the end
// everything has gone. (The explorer finds a use after free by itself.)

namespace heddle::explore {
namespace {

using detail::EpochPin;
using detail::Retired;

struct Node : Retired {
    explicit Node(int v) : value(v) {
        reclaim = [](Retired* self) noexcept { delete static_cast<Node*>(self); };
    }
    int value;  // plain
};

struct Cell {
    Cell() : node(new Node(0)) {}
    ~Cell() { delete node.load(); }
    Cell(const Cell&) = delete;
    Cell& operator=(const Cell&) = delete;
    Cell(Cell&&) = delete;
    Cell& operator=(Cell&&) = delete;
    void read() const {
        const EpochPin pin;
        const Node* seen = node.load(std::memory_order_acquire);
        require(seen->value >= 0, "garbage");
    }
    /// Puts another one in its place and retires it.
    void replace(int value) {
        const EpochPin pin;
        detail::epoch_retire(node.exchange(new Node(value), std::memory_order_acq_rel));
    }
    std::atomic<Node*> node;
};

void readers() {
    Cell cell;
    parallel({[&] { cell.read(); }, [&] { cell.read(); },
              [&] {
                  cell.replace(1);
                  reclaim();
              }});
}
const Register r1{{"epoch.readers", "two read, one replaces and frees", readers, 3, 1}};

void rereader() {
    Cell cell;
    parallel({[&] {
                  cell.read();
                  cell.read();
              },
              [&] {
                  cell.replace(1);
                  cell.replace(2);
                  reclaim();
              }});
}
const Register r2{{"epoch.again", "a reader comes back while the epoch advances", rereader, 4, 1}};

void retirers() {
    Cell cell;
    parallel({[&] { cell.read(); },
              [&] {
                  cell.replace(1);
                  reclaim();
              },
              [&] {
                  cell.replace(2);
                  reclaim();
              }});
}
const Register r3{{"epoch.retirers", "two retire and scan at the same time", retirers, 2, 1}};

// A scan that has loaded the list of records does not visit a newcomer.
void late() {
    Cell cell;
    parallel({[&] {
                  detail::this_thread_epoch =
                      nullptr;  // never pinned before: a record that is not in the list yet
                  cell.read();
              },
              [&] {
                  cell.replace(1);
                  reclaim();
              }});
}
const Register r4{{"epoch.late", "a reader registers during the scan", late, 4, 1}};

void reuse() {
    Cell cell;
    parallel({[&] {
                  cell.read();
                  exit_thread();
              },
              [&] {
                  exit_thread();
                  cell.read();
              },
              [&] {
                  cell.replace(1);
                  reclaim();
              }});
}
const Register r5{{"epoch.reuse", "a thread ends, another one takes over its record", reuse, 3, 1}};

void orphans() {
    Cell cell;
    parallel({[&] {
                  cell.replace(1);
                  exit_thread();
              },
              [&] {
                  cell.replace(2);
                  exit_thread();
              },
              [&] {
                  cell.read();
                  cell.replace(3);
                  reclaim();
              }});
}
const Register r6{{"epoch.orphans", "threads end with something retired; others adopt it", orphans, 2, 1}};

void stalled() {
    Cell cell;
    parallel({[&] {
                  const EpochPin pin;
                  const Node* seen = cell.node.load(std::memory_order_acquire);
                  const int value = seen->value;
                  sleep("pinned, while others go on");
                  require(seen->value == value, "garbage");
              },
              [&] {
                  for (int i = 1; i < 4; ++i) {
                      cell.replace(i);
                      reclaim();
                  }
                  require(detail::epoch_pending() <= 3, "retired more than there was");
                  wake(1);
              },
              [&] { cell.read(); }});
    reclaim();
}
const Register r7{
    {"epoch.stalled", "one stays pinned: others do not wait, nothing it sees goes", stalled, 2, 1}};

// Workers stay announced; whoever finds one behind takes that back, unless it has a pin open.
void stays() {
    Cell cell;
    parallel({[&] {
                  detail::epoch_stay(true);
                  cell.read();
                  detail::epoch_refresh();
                  cell.read();
              },
              [&] {
                  cell.replace(1);
                  reclaim();
              }});
}
const Register r8{{"epoch.stays", "a reader stays announced, one replaces and frees", stays, 3, 1}};

void revoked() {
    Cell cell;
    parallel({[&] {
                  detail::epoch_stay(true);
                  cell.read();
                  cell.read();
                  cell.read();
              },
              [&] {
                  cell.replace(1);
                  reclaim();
                  cell.replace(2);
                  reclaim();
              }});
}
const Register r9{{"epoch.revoked", "a reader that does not announce itself anew for long", revoked, 3, 1}};

void rests() {
    Cell cell;
    parallel({[&] {
                  detail::epoch_stay(true);
                  cell.read();
                  detail::epoch_rest();
                  detail::epoch_rest();
                  cell.read();
                  detail::epoch_stay(false);
              },
              [&] {
                  detail::epoch_stay(true);
                  cell.replace(1);
                  reclaim();
              }});
}
const Register r10{
    {"epoch.rests", "a reader rests and comes back; the one who frees stays as well", rests, 3, 1}};

void ends() {
    Cell cell;
    parallel({[&] {
                  detail::epoch_stay(true);
                  cell.read();
                  exit_thread();
              },
              [&] {
                  exit_thread();
                  cell.read();
              },
              [&] {
                  cell.replace(1);
                  reclaim();
              }});
}
const Register r12{{"epoch.ends", "an announced thread ends, another one takes over its record", ends, 2, 1}};

void long_step() {
    Cell cell;
    parallel({[&] {
                  detail::epoch_stay(true);
                  cell.read();
                  wake(2);
                  sleep("announced, in a long step");
              },
              [&] {
                  sleep("until the other one is in its long step");
                  for (int i = 1; i < 4; ++i) {
                      cell.replace(i);
                      reclaim();
                  }
                  require(detail::epoch_pending() == 0, "held up by a thread without a pin");
                  wake(1);
              }});
}
const Register r11{
    {"epoch.long_step", "an announced thread without a pin holds nothing up", long_step, 2, 1}};

}  // namespace
}  // namespace heddle::explore
