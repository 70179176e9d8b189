#include "../seam.hpp"
#include <heddle/error.hpp>
#include <heddle/queue.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

// Queue, as a whole: no item is lost or doubled, whoever is cancelled or shut out gives back what it had.

namespace heddle::explore {
namespace {

constexpr int none = 0;  // cancelled
constexpr int shut = -1;

template <class Q>
int get(Q& queue) {
    try {
        return await(queue.get());
    } catch (const CancelledError&) {
        return none;
    } catch (const QueueShutDown&) {
        return shut;
    }
}
/// As get(): `value` if it is in.
template <class Q>
int put(Q& queue, int value) {
    try {
        await(queue.put(value));
        return value;
    } catch (const CancelledError&) {
        return none;
    } catch (const QueueShutDown&) {
        return shut;
    }
}
/// What was put has been got, or is still there.
template <class Q>
void balance(Q& queue, std::vector<int> in, std::vector<int> out) {
    const auto drop = [](std::vector<int>& v) { std::erase_if(v, [](int i) { return i <= 0; }); };
    while (queue.qsize() > 0) {
        out.push_back(*queue.try_get());
    }
    drop(in);
    drop(out);
    require(std::ranges::is_permutation(in, out), "an item is lost or doubled");
}

/// Empty again, a bounded queue has all its places.
template <class Q>
void all_places(Q& queue) {
    for (std::ptrdiff_t i = 0; i < queue.maxsize(); ++i) {
        require(queue.try_put(1), "a place is lost");
    }
    require(!queue.try_put(1), "a place too many");
}

void handoff() {
    Queue<int> queue;
    std::array<int, 2> got{};
    parallel({[&] { got[0] = get(queue); }, [&] { got[1] = get(queue); },
              [&] {
                  put(queue, 1);
                  put(queue, 2);
              }});
    balance(queue, {1, 2}, {got[0], got[1]});
}
const Register r1{{"queue.handoff", "two get, one puts two", handoff, 2, 1}};

void cancelled_get() {
    Queue<int> queue;
    std::array<int, 2> got{};
    parallel({[&] { got[0] = get(queue); }, [&] { got[1] = get(queue); },
              [&] {
                  put(queue, 1);
                  put(queue, 2);
              },
              [&] { cancel(1); }});
    require(got[1] > 0, "left out");
    balance(queue, {1, 2}, {got[0], got[1]});
}
const Register r2{
    {"queue.cancelled_get", "a get is cancelled under the put that has chosen it", cancelled_get, 2, 0}};

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

void bounded() {
    Queue<int> queue(1);
    std::array<int, 2> in{};
    std::array<int, 2> got{};
    parallel({[&] { in[0] = put(queue, 1); }, [&] { in[1] = put(queue, 2); }, [&] { got[0] = get(queue); },
              [&] { got[1] = get(queue); }});
    balance(queue, {in[0], in[1]}, {got[0], got[1]});
    all_places(queue);
}
const Register r7{{"queue.bounded", "two put, two get, one place", bounded, 2, 0}};

void cancelled_put() {
    Queue<int> queue(1);
    put(queue, 1);
    std::array<int, 2> in{};
    std::array<int, 2> got{};
    parallel({[&] { in[0] = put(queue, 2); }, [&] { in[1] = put(queue, 3); }, [&] { cancel(1); },
              [&] {
                  got[0] = get(queue);
                  got[1] = get(queue);
              }});
    require(in[1] == 3 && got[0] > 0 && got[1] > 0, "left out");
    balance(queue, {1, in[0], in[1]}, {got[0], got[1]});
    all_places(queue);
}
const Register r8{{"queue.cancelled_put", "a put that waits for a place is cancelled", cancelled_put, 2, 0}};

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

void join() {
    Queue<int> queue;
    int done = 0;  // plain: written before task_done()
    parallel({[&] {
                  put(queue, 1);
                  await(queue.join());
                  require(done == 1, "joined too early");
              },
              [&] {
                  done = get(queue);
                  queue.task_done();
              }});
}
const Register r10{{"queue.join", "join ends when all is done", join, 3, 1}};

void put_many() {
    Queue<int> queue(2);
    std::vector<int> values{1, 2, 3};
    std::array<int, 3> got{};
    parallel({[&] { await_unless_cancelled(queue.put_many(values)); }, [&] { cancel(1); },
              [&] {
                  got[0] = get(queue);
                  cancel(4);
              },
              [&] { got[1] = get(queue); }});
    std::vector<int> in{1, 2, 3};
    std::erase_if(in, [&](int i) { return std::ranges::find(values, i) != values.end(); });
    balance(queue, in, {got[0], got[1], got[2]});
    all_places(queue);
}
const Register r11{{"queue.put_many", "many are put where few fit, and it is cancelled", put_many, 2, 0}};

// Who gives up with a slot in hand passes it on to who waits behind.
void put_many_gives_up() {
    Queue<int> queue(1);
    put(queue, 1);
    std::vector<int> values{2, 3};
    std::array<int, 2> in{};
    std::array<int, 2> got{};
    const auto batch = [&] {
        try {
            await_unless_cancelled(queue.put_many(values));
        } catch (const QueueShutDown&) {
            require(!values.empty(), "refused, and put");
        }
    };
    parallel({batch, [&] { in[0] = put(queue, 4); }, [&] { in[1] = put(queue, 5); }, [&] { cancel(1); },
              [&] {
                  got[0] = get(queue);
                  got[1] = get(queue);
                  static_cast<void>(get(queue));
                  queue.shutdown();  // the batch may have been faster
              }});
}
const Register r24{{"queue.put_many_gives_up", "it is cancelled when it has a slot, others wait behind",
                    put_many_gives_up, 1, 0}};

void get_many() {
    Queue<int> queue;
    std::vector<int> got;
    int one = 0;
    parallel({[&] {
                  got = await(queue.get_many(2));
                  require(!got.empty() && got.size() <= 2, "not 1 or 2");
              },
              [&] {
                  put(queue, 1);
                  put(queue, 2);
                  put(queue, 3);
              },
              [&] { one = get(queue); }});
    got.push_back(one);
    balance(queue, {1, 2, 3}, got);
}
const Register r12{{"queue.get_many", "one gets several at once, another one, a third puts", get_many, 2, 0}};

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

// The getter destroys the queue while the put that woke it is still inside.
void destroyed() {
    auto queue = std::make_unique<Queue<int>>();
    Queue<int>& shared = *queue;
    parallel({[&] {
                  require(get(shared) == 1, "not the item");
                  queue.reset();
                  reclaim();
              },
              [&] {
                  auto wait = shared.put(1);
                  await(wait);
              }});
}
const Register r14{{"queue.destroyed", "who gets the last item destroys the queue", destroyed, 4, 1}};

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

// A get that comes to a cell before its item spoils it; then the others of the batch must not overtake.
void batch_in_order() {
    Queue<int> queue;
    std::array<int, 2> got{};
    std::vector<int> values{1, 2, 3};
    parallel({[&] { await(queue.put_many(values)); }, [&] { put(queue, 4); },
              [&] { got[0] = queue.try_get().value_or(none); },
              [&] { got[1] = queue.try_get().value_or(none); }});
    std::vector<int> rest;
    while (queue.qsize() > 0) {
        rest.push_back(*queue.try_get());
    }
    std::vector<int> batch = rest;
    std::erase(batch, 4);
    require(std::ranges::is_sorted(batch), "the batch has lost its order");
    for (const int i : got) {
        require(i == none || i == 4 || batch.empty() || i < batch.front(), "taken from the middle");
    }
    rest.insert(rest.end(), got.begin(), got.end());
    balance(queue, {1, 2, 3, 4}, rest);
}
const Register r20{{"queue.batch_in_order", "three are put at once, one besides, two take what is there",
                    batch_in_order, 2, 0}};

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

void lifo() {
    LifoQueue<int> queue(2);
    std::array<int, 2> got{};
    std::array<int, 2> in{};
    parallel({[&] { in[0] = put(queue, 1); }, [&] { in[1] = put(queue, 2); }, [&] { got[0] = get(queue); },
              [&] { got[1] = get(queue); }, [&] { cancel(3); }});
    balance(queue, {in[0], in[1]}, {got[0], got[1]});
}
const Register r15{{"queue.lifo", "last in, first out, with a cancelled get", lifo, 2, 0}};

}  // namespace
}  // namespace heddle::explore
