#include "../seam.hpp"
#include "queue_support.hpp"
#include <heddle/queue.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

// Queue, as a whole: no item is lost or doubled, whoever is cancelled gives back what it had.

namespace heddle::explore {
namespace {

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

// Its get finds the items as its put has left them: nobody has been there, and yet somebody waits for the
// place.
void own_item() {
    Queue<int> queue(1);
    std::array<int, 2> got{};
    parallel({[&] {
                  put(queue, 1);
                  got[0] = get(queue);
              },
              [&] { put(queue, 2); }, [&] { got[1] = get(queue); }});
    balance(queue, {1, 2}, {got[0], got[1]});
    all_places(queue);
}
const Register r29{{"queue.own_item", "one puts and gets, another waits for the place", own_item, 2, 0}};

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
