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

}  // namespace
}  // namespace heddle::explore
