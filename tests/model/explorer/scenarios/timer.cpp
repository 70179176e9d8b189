#include "../seam.hpp"
#include <heddle/detail/structure/timeout_scope.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/sleep.hpp>

#include <array>
#include <exception>
#include <memory>

// Timers: one fires or is taken off, its node goes once, and a timeout that comes late hits nobody.

namespace heddle::explore {
namespace {

using detail::TimeoutScope;
using detail::TimerNode;
using detail::TimerWheel;
using detail::Waiter;

constexpr std::int64_t soon = std::int64_t{1} << 17;
constexpr std::int64_t late = std::int64_t{1} << 20;

struct Wheel {
    Wheel() : wheel(0) { set_wheel(&wheel); }
    TimerWheel wheel;
};

void sleeper() {
    Wheel w;
    parallel({[&] { await(detail::SleepAwaiter(soon)); },
              [&] {
                  while (!parked(1)) {
                  }
                  require(w.wheel.advance(late) == 1, "not due");
              }});
}
const Register r1{{"timer.sleep", "one sleeps, one fires", sleeper, 3, 1}};

void cancelled() {
    Wheel w;
    parallel({[&] { await_unless_cancelled(detail::SleepAwaiter(soon)); },
              [&] { static_cast<void>(w.wheel.advance(late)); }, [&] { cancel(1); }});
}
const Register r2{{"timer.cancel", "firing, cancelling and going to sleep meet", cancelled, 3, 1}};

TimerNode* armed(Waiter& who, std::int64_t when) {
    return detail::arm_timer({&who, who.current_seq()}, when);
}

// A task that has moved to another worker takes its timer off there; two fire at the same time.
void disarmed() {
    Wheel w;
    std::array<Waiter, 2> who;
    std::array<TimerNode*, 2> node{armed(who[0], soon), armed(who[1], soon)};
    parallel({[&] { static_cast<void>(w.wheel.advance(late)); }, [&] { detail::disarm_timer(node[0]); },
              [&] { detail::disarm_timer(node[1]); }});
}
const Register r3{{"timer.disarm", "two are taken off while they are due", disarmed, 3, 1}};

void arming() {
    Wheel w;
    std::array<Waiter, 3> who;
    TimerNode* first = armed(who[0], soon);
    parallel({[&] {
                  TimerNode* second = armed(who[1], soon);
                  detail::disarm_timer(second);
                  detail::disarm_timer(armed(who[2], late * 2));
              },
              [&] { static_cast<void>(w.wheel.advance(late)); }, [&] { detail::disarm_timer(first); }});
}
const Register r4{{"timer.arm", "the owner arms and disarms, others fire and disarm", arming, 2, 1}};

// Whoever finds the wheel taken leaves his timer on a stack: the next deadline must still be known.
void deadline() {
    Wheel w;
    std::array<Waiter, 2> who;
    TimerNode* first = armed(who[0], late * 4);
    TimerNode* second = nullptr;
    parallel({[&] {
                  second = armed(who[1], soon);
                  const bool settled = w.wheel.settled();
                  require(w.wheel.next_deadline() <= soon || !settled, "its owner would sleep through it");
              },
              [&] { static_cast<void>(w.wheel.advance(1)); }, [&] { detail::disarm_timer(first); }});
    require(w.wheel.next_deadline() <= soon, "a deadline is forgotten");
    require(w.wheel.advance(late) == 1, "a timer is forgotten");
    detail::disarm_timer(second);
}
const Register r5{{"timer.deadline", "armed while the wheel is taken: not forgotten", deadline, 3, 1}};

/// How a scope ended: 0 its body was through, 1 TimeoutError, 2 CancelledError.
int within(std::int64_t when, Event& event) {
    TimeoutScope scope(when);
    std::exception_ptr error;
    bool stopped = false;
    try {
        await(event.wait());
    } catch (const CancelledError&) {
        error = std::current_exception();
        stopped = true;
    }
    try {
        scope.leave(error, stopped);
        return 0;
    } catch (const TimeoutError&) {
        return 1;
    } catch (const CancelledError&) {
        return 2;
    }
}

void scope() {
    Wheel w;
    Event event;
    Event next;
    int end = 0;
    parallel({[&] {
                  end = within(soon, event);
                  require(end != 2, "cancelled by nobody");
                  require(await_unless_cancelled(next.wait()), "a timeout hit the wait after its scope");
                  require(next.is_set(), "a timeout woke the wait after its scope");
              },
              [&] { static_cast<void>(w.wheel.advance(late)); },
              [&] {
                  event.set();
                  next.set();
              }});
    require(detail::cancel_count(task_of(1)) == 0, "a request is left over");
}
const Register r6{{"timer.scope", "a timeout fires while its body ends and the task goes on", scope, 2, 1}};

void scope_expires() {
    Wheel w;
    Event never_set;
    parallel({[&] { require(within(soon, never_set) == 1, "no timeout"); },
              [&] {
                  while (!parked(1)) {
                  }
                  require(w.wheel.advance(late) == 1, "not due");
              }});
    require(detail::cancel_count(task_of(1)) == 0, "a request is left over");
}
const Register r7{{"timer.scope_expires", "nothing but the timeout ends the wait", scope_expires, 3, 1}};

void scope_cancelled() {
    Wheel w;
    Event event;
    int end = 0;
    parallel({[&] { end = within(soon, event); }, [&] { static_cast<void>(w.wheel.advance(late)); },
              [&] { cancel(1); }, [&] { event.set(); }});
    require(detail::cancel_count(task_of(1)) == 1, "the request of somebody else is lost, or doubled");
}
const Register r8{
    {"timer.scope_cancel", "a timeout, a cancellation and the end come together", scope_cancelled, 2, 1}};

void nested() {
    Wheel w;
    Event event;
    parallel({[&] {
                  TimeoutScope outer(late);
                  const int end = within(soon, event);
                  require(end != 2 || outer.expired(), "cancelled by nobody");
                  try {
                      outer.leave(end == 2 ? std::make_exception_ptr(CancelledError()) : nullptr, end == 2);
                  } catch (const TimeoutError&) {
                      require(end == 2, "no error to turn into a timeout");
                  }
              },
              [&] { static_cast<void>(w.wheel.advance(late * 2)); }, [&] { event.set(); }});
    require(detail::cancel_count(task_of(1)) == 0, "a request is left over");
}
const Register r9{{"timer.nested", "two scopes expire at once while their body ends", nested, 2, 0}};

}  // namespace
}  // namespace heddle::explore
