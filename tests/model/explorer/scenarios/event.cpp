#include "../seam.hpp"
#include <heddle/event.hpp>

#include <memory>

// Event: set wakes all who wait, a pulse those who were there before it; who comes later passes.

namespace heddle::explore {
namespace {

void set() {
    Event event;
    int news = 0;  // plain
    const auto wait = [&] {
        await(event.wait());
        require(news == 1, "passed before it was set");
    };
    parallel({wait, wait, [&] {
                  news = 1;
                  event.set();
              }});
}
const Register r1{{"event.set", "two wait, one sets", set, 3, 1}};

void two_setters() {
    Event event;
    parallel({[&] { await(event.wait()); }, [&] { event.set(); }, [&] { event.set(); }});
    require(event.is_set(), "not set");
}
const Register r2{{"event.two_setters", "two set at the same time", two_setters, 3, 1}};

// The waiter gives up, or passes by the pulse, or by the last set.
void pulse() {
    Event event;
    bool passed = false;
    parallel({[&] { passed = await_unless_cancelled(event.wait()); },
              [&] {
                  event.set();
                  event.clear();
              },
              [&] { cancel(1); }, [&] { await_unless_cancelled(event.wait()); },
              [&] {
                  event.set();
                  cancel(4);  // it may have come after the clear() that follows this set()
              }});
    static_cast<void>(passed);
}
const Register r3{{"event.pulse", "set and clear meet waiting and giving up", pulse, 2, 0}};

// Who is seen to wait before the pulse is woken by it.
void pulse_wakes() {
    Event event;
    parallel({[&] { await(event.wait()); }, [&] { await(event.wait()); },
              [&] {
                  while (!parked(1) || !parked(2)) {
                  }
                  event.set();
                  event.clear();
              }});
    require(!event.is_set(), "still set");
}
const Register r4{{"event.pulse_wakes", "a pulse wakes those who wait", pulse_wakes, 3, 1}};

void rounds() {
    Event event;
    parallel({[&] {
                  await(event.wait());
                  event.clear();
                  wake(2);
                  await(event.wait());
              },
              [&] {
                  event.set();
                  sleep("until it is clear");
                  event.set();
              },
              [&] { await_unless_cancelled(event.wait()); }, [&] { cancel(3); }});
}
const Register r5{
    {"event.rounds", "set, cleared and set again under two waiters, one of whom gives up", rounds, 2, 1}};

void destroyed() {
    auto event = std::make_unique<Event>();
    Event& shared = *event;
    parallel({[&] {
                  await(shared.wait());
                  event.reset();
                  reclaim();
              },
              [&] { shared.set(); }});
}
const Register r6{{"event.destroyed", "the last waiter takes the event with it, the setter is still inside",
                   destroyed, 4, 1}};

// The waiter gives up, sees that it is set after all, and is the last one.
void destroyed_after_abort() {
    auto event = std::make_unique<Event>();
    Event& shared = *event;
    parallel({[&] {
                  await_unless_cancelled(shared.wait());
                  if (shared.is_set()) {
                      event.reset();
                      reclaim();
                  }
              },
              [&] { shared.set(); }, [&] { cancel(1); }});
}
const Register r8{{"event.destroyed_after_abort", "a waiter gives up, finds it set and takes it with it",
                   destroyed_after_abort, 3, 1}};

void blocking() {
    Event event;
    parallel({[&] {
                  const PlainThread plain;
                  event.wait_blocking();
              },
              [&] { event.set(); }, [&] { await(event.wait()); }});
}
const Register r7{{"event.blocking", "a plain thread waits, and a task", blocking, 3, 1}};

}  // namespace
}  // namespace heddle::explore
