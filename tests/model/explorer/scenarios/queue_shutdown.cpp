#include "../seam.hpp"
#include "queue_support.hpp"
#include <heddle/queue.hpp>

#include <array>
#include <memory>
#include <vector>

// Queue and its shutdown: what was put before it is got, what is refused is nowhere, everybody ends.

namespace heddle::explore {
namespace {

// put ‖ shutdown ‖ last get ‖ cancelled get
template <class Q, bool Immediate>
void shutdown() {
    Q queue;
    std::array<int, 2> got{};
    int in = 0;
    parallel({[&] { in = put(queue, 1); }, [&] { queue.shutdown(Immediate); }, [&] { got[0] = get(queue); },
              [&] { got[1] = get(queue); }, [&] { cancel(4); }});
    require(got[0] != none, "cancelled by nobody");
    require(get(queue) == shut || !Immediate, "there is something in a queue that was emptied");
    if (!Immediate) {
        balance(queue, {in}, {got[0], got[1]});
    }
}
const Register r3{
    {"queue.shutdown", "put, shutdown, the last get and a cancelled one", shutdown<Queue<int>, false>, 2, 0}};
const Register r4{
    {"queue.shutdown_now", "the same with an immediate shutdown", shutdown<Queue<int>, true>, 2, 0}};
const Register r22{
    {"queue.shutdown_lifo", "a pile: whose last put seals", shutdown<LifoQueue<int>, false>, 2, 0}};
const Register r23{
    {"queue.shutdown_lifo_now", "a pile, immediately shut down", shutdown<LifoQueue<int>, true>, 2, 0}};

// What was put before the shutdown is there, also for who had looked before the put.
void shutdown_nowait() {
    Queue<int> queue;
    int got = none;
    parallel({[&] {
                  try {
                      got = queue.try_get().value_or(none);
                  } catch (const QueueShutDown&) {
                      got = shut;
                  }
              },
              [&] {
                  put(queue, 1);
                  queue.shutdown();
              }});
    require(got != shut, "shut down, with an item in the queue");
    balance(queue, {1}, {got});
}
const Register r18{{"queue.shutdown_nowait", "one looks for an item, another one puts it and shuts down",
                    shutdown_nowait, 2, 1}};

void shutdown_twice() {
    Queue<int> queue;
    put(queue, 1);
    int got = 0;
    parallel({[&] { queue.shutdown(); }, [&] { queue.shutdown(true); }, [&] { got = get(queue); },
              [&] { await(queue.closed()); }});
    require(got == 1 || got == shut, "what is that?");
    require(get(queue) == shut && queue.qsize() == 0, "there is something in a queue that was emptied");
    if (got == 1) {
        queue.task_done();
    }
    await(queue.join());  // what was dropped is done
}
const Register r5{
    {"queue.shutdown_twice", "shut down, and at the same time immediately", shutdown_twice, 2, 1}};

void shutdown_join() {
    Queue<int> queue;
    put(queue, 1);
    parallel({[&] { await(queue.join()); }, [&] { queue.shutdown(true); },
              [&] {
                  if (get(queue) == 1) {
                      queue.task_done();
                  }
              }});
}
const Register r6{
    {"queue.shutdown_join", "what an immediate shutdown drops counts as done", shutdown_join, 2, 1}};

void bounded_shutdown() {
    Queue<int> queue(1);
    put(queue, 1);
    std::array<int, 2> in{};
    int got = 0;
    parallel({[&] { in[0] = put(queue, 2); }, [&] { in[1] = put(queue, 3); }, [&] { queue.shutdown(); },
              [&] { got = get(queue); }});
    balance(queue, {1, in[0], in[1]}, {got});
}
const Register r9{
    {"queue.bounded_shutdown", "two wait for a place, one gets, one shuts down", bounded_shutdown, 2, 0}};

void get_many_shutdown() {
    Queue<int> queue;
    put(queue, 1);
    std::vector<int> got;
    int in = 0;
    parallel({[&] {
                  try {
                      got = await(queue.get_many(3));
                  } catch (const QueueShutDown&) {
                      got.clear();
                  }
              },
              [&] { in = put(queue, 2); }, [&] { queue.shutdown(); }});
    balance(queue, {1, in}, got);
    require(get(queue) == shut, "not shut down");
}
const Register r13{
    {"queue.get_many_shutdown", "several are wanted while it is shut down", get_many_shutdown, 2, 1}};

// A put that completes the shutdown has still to open the gates for all getters when its item is got already.
void destroyed_after_shutdown() {
    auto queue = std::make_unique<Queue<int>>();
    Queue<int>& shared = *queue;
    parallel({[&] { put(shared, 1); },
              [&] {
                  shared.shutdown();
                  if (get(shared) == 1) {
                      queue.reset();
                      reclaim();
                  }
              }});
}
const Register r16{{"queue.destroyed_after_shutdown", "the put is the last one of a queue that was shut down",
                    destroyed_after_shutdown, 3, 1}};

// Who was told that the queue is shut down is not told later that it is only empty.
template <class Q>
void closed_is_closed() {
    Q queue;
    int in = 0;
    int got = none;
    parallel({[&] { queue.shutdown(); },
              [&] {
                  in = put(queue, 1);
                  try {
                      got = queue.try_get().value_or(none);
                  } catch (const QueueShutDown&) {
                      got = shut;
                  }
              }});
    require(in == 1 ? got == 1 : got == shut, "shut down for put, open for get");
}
const Register r17{
    {"queue.closed", "a refused put, and then a look for an item", closed_is_closed<Queue<int>>, 4, 1}};
const Register r19{{"queue.closed_lifo", "the same with a pile", closed_is_closed<LifoQueue<int>>, 4, 1}};

// Whoever looks into a queue that is being closed may close it, with who waits and what is left.
template <class Q>
void closed_by_another() {
    Q queue;
    put(queue, 1);
    const auto until_shut = [&] {
        while (get(queue) != shut) {
        }
    };
    parallel({[&] { queue.shutdown(true); }, until_shut, until_shut,
              [&] {
                  try {
                      require(queue.try_get_many(2).size() <= 1, "there was only one");
                  } catch (const QueueShutDown&) {
                      require(queue.qsize() == 0, "something is left");
                  }
              }});
}
const Register r25{{"queue.closed_by_another", "two get, one shuts down, one looks: who closes it?",
                    closed_by_another<Queue<int>>, 2, 0}};
const Register r26{
    {"queue.closed_lifo_by_another", "the same with a pile", closed_by_another<LifoQueue<int>>, 2, 0}};

// The last put is in a segment of its own, and under way when the queue is shut down.
void shutdown_segment() {
    Queue<int> queue;
    put(queue, 1);
    put(queue, 2);
    int in = 0;
    std::vector<int> out;
    parallel({[&] { in = put(queue, 3); },
              [&] {
                  queue.shutdown();
                  for (int i = get(queue); i != shut; i = get(queue)) {
                      out.push_back(i);
                  }
              }});
    balance(queue, {1, 2, in}, out);
}
const Register r27{{"queue.shutdown_segment", "shut down and emptied while a put is making a segment",
                    shutdown_segment, 3, 1}};

// A put whose cell is spoilt while the queue is closed is refused, and its place is nobody's.
void refused_late() {
    Queue<int> queue(2);
    std::array<int, 2> in{};
    std::array<int, 2> got{};
    parallel({[&] { in[0] = put(queue, 1); }, [&] { in[1] = put(queue, 2); },
              [&] {
                  got[0] = get(queue);
                  if (got[0] > 0) {
                      queue.task_done();
                  }
              },
              [&] { queue.shutdown(); }});
    while (got[1] != shut) {
        got[1] = get(queue);
        if (got[1] > 0) {
            require(got[1] == in[0] || got[1] == in[1], "what was refused is there");
            queue.task_done();
        }
    }
    await(queue.join());
}
const Register r21{
    {"queue.refused_late", "two puts, a get and a shutdown; all is done then", refused_late, 2, 0}};

}  // namespace
}  // namespace heddle::explore
