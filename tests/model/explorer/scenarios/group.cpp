#include "../seam.hpp"
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/task_group.hpp>

#include <stdexcept>

// Tasks that belong together: a TaskGroup and gather end when all their children have, whoever runs those,
// and a failure or a cancellation reaches each of them once.

namespace heddle::explore {
namespace {

Coro<void> waits(Event& event) { co_await event.wait(); }
Coro<int> gives(int value) { co_return value; }
Coro<int> waits_then(Event& event, int value) {
    co_await event.wait();
    co_return value;
}
Coro<int> fails() {
    throw std::runtime_error("on purpose");
    co_return 0;
}

void group() {
    parallel({[&] {
                  int sum = 0;  // plain: the children's results are seen after the group
                  const auto body = [&](TaskGroup& tasks) -> Coro<int> {
                      const Task<int> a = tasks.create_task(gives(1));
                      const Task<int> b = tasks.create_task(gives(2));
                      co_return co_await a + co_await b;
                  };
                  sum = await(task_group(body));
                  require(sum == 3, "not the results");
              },
              [&] { work(); }, [&] { work(); }});
}
const Register r1{{"group.two", "two children on two workers", group, 2, 0}};

// Late: the other child is made after the one that fails. While the group is being aborted it must not be
// forgotten.
template <bool Late>
void group_fails() {
    parallel({[&] {
                  Event never_set;
                  const auto body = [&](TaskGroup& tasks) -> Coro<void> {
                      if (Late) {
                          tasks.create_task(fails());
                      }
                      tasks.create_task(waits(never_set));
                      if (!Late) {
                          tasks.create_task(fails());
                      }
                      co_return;
                  };
                  try {
                      await(task_group(body));
                      fail("no error");
                  } catch (const ExceptionGroup&) {
                      return;
                  }
              },
              [&] { work(); }, [&] { work(); }});
}
const Register r2{{"group.fails", "one child fails, which cancels the other", group_fails<false>, 2, 0}};
const Register r7{{"group.late", "a child is made while its sibling fails", group_fails<true>, 2, 0}};

void group_cancelled() {
    bool through = false;
    parallel({[&] {
                  Event event;
                  const auto body = [&](TaskGroup& tasks) -> Coro<void> {
                      tasks.create_task(waits(event));
                      event.set();
                      co_return;
                  };
                  through = await_unless_cancelled(task_group(body));
              },
              [&] { work(); }, [&] { cancel(1); }});
}
const Register r3{{"group.cancel", "the parent is cancelled while the child ends", group_cancelled, 2, 0}};

void in_line() {
    parallel({[&] {
                  auto [a, b] = await(gather(gives(1), gives(2)));
                  require(a == 1 && b == 2, "not the results");
              },
              [&] { steal_child(1); }});
}
const Register r4{{"gather.steal", "two children, one may be stolen", in_line, 4, 1}};

void suspending() {
    Event event;
    parallel({[&] {
                  auto [a, b, c] = await(gather(waits_then(event, 1), gives(2), waits_then(event, 3)));
                  require(a == 1 && b == 2 && c == 3, "not the results");
              },
              [&] {
                  steal_child(1);
                  work();
              },
              [&] { event.set(); }});
}
const Register r5{{"gather.suspends", "children wait, are stolen and go on elsewhere", suspending, 2, 0}};

void gather_cancelled() {
    Event event;
    parallel({[&] { await_unless_cancelled(gather(waits_then(event, 1), waits_then(event, 2))); },
              [&] {
                  steal_child(1);
                  work();
              },
              [&] { cancel(1); }, [&] { event.set(); }});
}
const Register r6{
    {"gather.cancel", "the parent is cancelled while children start, wait and end", gather_cancelled, 2, 0}};

// Nothing but the cancellation ends these children, whether they wait already or are about to.
void gather_only_cancelled() {
    Event never_set;
    parallel({[&] {
                  require(!await_unless_cancelled(gather(waits_then(never_set, 1), waits_then(never_set, 2))),
                          "through");
              },
              [&] {
                  steal_child(1);
                  work();
              },
              [&] {
                  while (!parked(1)) {
                  }
                  cancel(1);
              }});
}
const Register r8{{"gather.only_cancelled", "the cancellation reaches children at their start",
                   gather_only_cancelled, 2, 0}};

// Both that fail may be under way before either tells; nothing but the failure ends the third.
void gather_fails() {
    Event never_set;
    parallel({[&] {
                  try {
                      await(gather(waits_then(never_set, 1), fails(), fails()));
                      fail("no error");
                  } catch (const std::runtime_error&) {
                      return;
                  }
              },
              [&] {
                  steal_child(1);
                  work();
              },
              [&] {
                  steal_child(1);
                  work();
              }});
}
const Register r11{
    {"gather.fails", "two children fail, perhaps at once, and end the third", gather_fails, 2, 0}};

// The thief of a grandchild makes the block of a child in line, which then waits itself.
Coro<int> gathers_and_waits(Event& event) {
    auto [a, b, c] = co_await gather(gives(1), waits_then(event, 2), gives(3));
    co_return a + b + c;
}
void nested() {
    Event event;
    parallel({[&] {
                  auto [a, b] = await(gather(gathers_and_waits(event), gives(4)));
                  require(a == 6 && b == 4, "not the results");
              },
              [&] {
                  steal_child(1);
                  steal_child(1);
                  work();
              },
              [&] { event.set(); }});
}
const Register r10{{"gather.nested", "children of a child are stolen, and one waits", nested, 2, 0}};

// In a frame on the heap, so that whoever joins too late is seen to use it.
Coro<int> gathers() {
    auto [a, b] = co_await gather(gives(1), gives(2));
    co_return a + b;
}
void in_frame() {
    parallel({[&] { require(await(gathers()) == 3, "not the results"); }, [&] { steal_child(1); }});
}
const Register r9{
    {"gather.frame", "the parent goes on, and its frame goes, while a thief joins", in_frame, 3, 1}};

}  // namespace
}  // namespace heddle::explore
