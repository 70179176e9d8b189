#include "../seam.hpp"
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/task.hpp>

#include <atomic>

// The end of a task: who waits for it goes on once and sees the result; cancelling, leaving, callbacks and
// the last handle meet it at any step.

namespace heddle::explore {
namespace {

using detail::ControlRef;
using detail::JoinWait;
using detail::TaskControl;

/// A handle of the task that `thread` plays.
Task<int> handle(unsigned thread) {
    task_of(thread).add_ref();
    return Task<int>(ControlRef(&task_of(thread)));
}
/// The calling thread's task ends; it waits for nothing any more.
void end_with(int value) {
    TaskControl& control = task_of(self());
    detail::store_value(control, value);
    detail::complete_control(control);
}
void end_cancelled() {
    TaskControl& control = task_of(self());
    detail::store_exception(control, detail::Outcome::cancelled, nullptr);
    detail::complete_control(control);
}
/// Waits, and leaves the task alone when cancelled.
bool joined(unsigned thread) {
    struct Leaving : JoinWait {
        explicit Leaving(TaskControl& target) : JoinWait(target, OnCancel::leave) {}
        void await_resume() { finish(); }
    };
    return await_unless_cancelled(Leaving(task_of(thread)));
}

void join() {
    parallel({[&] { require(await(handle(2)) == 7, "not the result"); }, [&] { end_with(7); }});
}
const Register r1{{"task.join", "one waits for the other's end", join, 4, 1}};

void three_joiners() {
    const auto wait = [] { require(await(handle(4)) == 7, "not the result"); };
    parallel({wait, wait, wait, [&] { end_with(7); }});
}
const Register r2{{"task.joiners", "three wait: one in the block, two in the extras", three_joiners, 2, 0}};

void leave() {
    parallel({[&] {
                  if (joined(3)) {
                      require(handle(3).result() == 7, "not the result");
                  }
              },
              [&] { require(joined(3), "cancelled by nobody"); }, [&] { end_with(7); }, [&] { cancel(1); }});
}
const Register r3{{"task.leave", "one of two joiners gives up at the end of the task", leave, 2, 1}};

void rejoin() {
    parallel({[&] {
                  joined(3);
                  require(joined(3) || handle(3).done(), "gave up twice");
              },
              [&] { joined(3); }, [&] { end_with(7); },
              [&] {
                  cancel(1);
                  cancel(2);
              }});
}
const Register r4{{"task.rejoin", "the cell in the block is left and taken again", rejoin, 2, 0}};

// Cancelling who waits for a task cancels the task: its end decides how the wait ends.
void forward() {
    Event event;
    parallel({[&] {
                  try {
                      require(await(handle(2)) == 7, "not the result");
                  } catch (const CancelledError&) {
                      require(handle(2).done(), "left before the end");
                  }
              },
              [&] {
                  if (await_unless_cancelled(event.wait())) {
                      end_with(7);
                  } else {
                      end_cancelled();
                  }
              },
              [&] { cancel(1); }, [&] { event.set(); }});
}
const Register r5{
    {"task.forward", "a request goes on to the task that is waited for, which ends", forward, 2, 1}};

// A request that comes too late for the task that is waited for is the waiter's own, with what was said.
void refused() {
    parallel({[&] {
                  try {
                      require(await(handle(2)) == 7, "not the result");
                  } catch (const CancelledError& error) {
                      require(error.message() == "why", "the request has lost its text");
                  }
              },
              [&] { end_with(7); }, [&] { detail::cancel_control(task_of(1), "why", 3); }});
}
const Register r12{{"task.refused", "a request for a task that is ending", refused, 3, 1}};

void messages() {
    Event event;
    parallel({[&] {
                  try {
                      await(event.wait());
                  } catch (const CancelledError& error) {
                      const std::string& message = error.message();
                      require(message == "a" || message == "b" || message.empty(), "garbage");
                  }
              },
              [&] { detail::cancel_control(task_of(1), "a", 1); },
              [&] { detail::cancel_control(task_of(1), "b", 1); }, [&] { event.set(); }});
}
const Register r6{{"task.messages", "two cancel with a message", messages, 2, 0}};

void uncancel() {
    Event event;
    bool ended = false;
    parallel({[&] { ended = await_unless_cancelled(event.wait()); },
              [&] {
                  cancel(1);
                  detail::uncancel_control(task_of(1));
              },
              [&] { event.set(); }});
    require(detail::cancel_count(task_of(1)) == 0, "a request is left over");
}
const Register r7{{"task.uncancel", "a request is taken back, perhaps too late", uncancel, 3, 1}};

// A future is decided once; who waits is woken; the callback comes once.
void future() {
    std::atomic<int> called{0};
    Future<int> future;
    std::atomic<int> decided{0};
    const auto decide = [&](int value) {
        try {
            future.set_result(value);
            ++decided;
        } catch (const InvalidStateError&) {
            return;
        }
    };
    parallel({[&] { decide(1); }, [&] { decide(2); },
              [&] {
                  const int value = await(future);
                  require(value == 1 || value == 2, "garbage");
              },
              [&] {
                  future.add_done_callback([&] { ++called; });
                  work();
              }});
    require(decided == 1 && called == 1, "not once");
}
const Register r8{{"task.future", "two decide a future, one waits, one adds a callback", future, 2, 0}};

void future_cancelled() {
    Future<int> future;
    parallel({[&] { future.cancel(); },
              [&] {
                  try {
                      future.set_result(1);
                  } catch (const InvalidStateError&) {
                      return;
                  }
              },
              [&] {
                  try {
                      require(await(future) == 1, "garbage");
                  } catch (const CancelledError&) {
                      require(future.cancelled(), "cancelled by nobody");
                  }
              }});
}
const Register r9{
    {"task.future_cancel", "one decides a future, one cancels it, one waits", future_cancelled, 3, 1}};

// A whole task: created, run by another worker, cancelled, waited for, and its handles dropped.
void whole() {
    parallel({[&] {
                  Event event;
                  const auto body = [](Event& gate) -> Coro<int> {
                      co_await gate.wait();
                      co_return 7;
                  };
                  Task<int> task = create_task(body(event));
                  event.set();
                  task.cancel();
                  try {
                      require(await(std::move(task)) == 7, "not the result");
                  } catch (const CancelledError&) {
                      return;
                  }
              },
              [&] { work(); }, [&] { work(); }});
}
const Register r10{{"task.whole", "a task is created, run elsewhere, cancelled and waited for", whole, 2, 1}};

// Handles are dropped while the task ends: the last one frees the block.
void last_handle() {
    parallel({[&] {
                  const auto body = []() -> Coro<std::string> { co_return std::string(100, 'x'); };
                  const Task<std::string> task = create_task(body());
                  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): a second handle
                  const Task<std::string> copy = task;
              },
              [&] { work(); }});
}
const Register r11{{"task.last_handle", "nobody waits, the handles go while it runs", last_handle, 3, 1}};

}  // namespace
}  // namespace heddle::explore
