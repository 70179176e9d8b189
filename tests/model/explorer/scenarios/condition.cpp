#include "../seam.hpp"
#include <heddle/condition.hpp>
#include <heddle/error.hpp>

#include <atomic>

// Condition: the lock is held whenever a wait has ended, a notification reaches somebody who does not give
// up, and those who are notified return in the order in which they came to wait.

namespace heddle::explore {
namespace {

struct Buffer {
    Condition changed;
    int items = 0;   // plain: guarded by the lock
    int inside = 0;  // plain: two holders at once would be a data race
    int got = 0;
    std::atomic<int> waiting{0};

    void enter() {
        ++inside;
        require(inside == 1 && changed.locked(), "the lock is not held after a wait");
    }
    void leave() { --inside; }
};

void get(Buffer& b) {
    await(b.changed.acquire());
    b.enter();
    try {
        while (b.items == 0) {
            b.leave();
            ++b.waiting;
            try {
                await(b.changed.wait());
            } catch (...) {
                b.enter();
                throw;
            }
            b.enter();
        }
        --b.items;
        ++b.got;
    } catch (const CancelledError&) {
        b.leave();
        b.changed.release();
        throw;
    }
    b.leave();
    b.changed.release();
}
void try_get(Buffer& b) {
    try {
        get(b);
    } catch (const CancelledError&) {
        return;
    }
}
void put(Buffer& b, int n) {
    await(b.changed.acquire());
    b.items += n;
    b.changed.notify(n);
    b.changed.release();
}

const Register notify{{"condition.notify", "one waits, one notifies",
                       [] {
                           Buffer b;
                           parallel({[&] { get(b); }, [&] { put(b, 1); }});
                           require(b.got == 1 && !b.changed.locked(), "the item is still there");
                       },
                       3, 1}};

const Register two{{"condition.notify_two", "two wait, one notifies both",
                    [] {
                        Buffer b;
                        parallel({[&] { get(b); }, [&] { get(b); }, [&] { put(b, 2); }});
                        require(b.got == 2 && !b.changed.locked(), "an item is still there");
                    },
                    2, 0}};

// The notification goes to one of two; if that one gives up, the other must have it.
const Register passed_on{{"condition.cancel", "notify meets the cancellation of a waiter",
                          [] {
                              Buffer b;
                              parallel({[&] { try_get(b); }, [&] { get(b); }, [&] { put(b, 1); },
                                        [&] {
                                            cancel(1);
                                            // the other one must end even if the cancelled one got the item
                                            put(b, 1);
                                        }});
                              require(b.got >= 1 && b.got + b.items == 2 && !b.changed.locked(),
                                      "an item or the lock is lost");
                          },
                          2, 0}};

// One item, one notification: it must not end with the waiter that gives up.
void swallow() {
    Buffer b;
    parallel({[&] {
                  bool had_it = false;
                  try {
                      get(b);
                      had_it = true;
                      put(b, 1);  // for the other one
                  } catch (const CancelledError&) {
                      if (had_it) {
                          put(b, 1);
                      }
                  }
              },
              [&] { get(b); }, [&] { put(b, 1); }, [&] { cancel(1); }});
    require(b.items == 0 && !b.changed.locked(), "an item or the lock is lost");
}
const Register swallowed{
    {"condition.swallow", "the only notification meets the waiter that gives up", swallow, 2, 0}};

const Register cancelled{{"condition.cancel_alone", "a waiter gives up while another holds the lock",
                          [] {
                              Buffer b;
                              parallel({[&] { try_get(b); }, [&] { cancel(1); },
                                        [&] {
                                            await(b.changed.acquire());
                                            b.enter();
                                            b.leave();
                                            b.changed.notify_all();
                                            b.changed.release();
                                            put(b, 1);
                                        }});
                              require(b.got + b.items == 1 && !b.changed.locked(), "the lock is lost");
                          },
                          2, 1}};

const Register order{{"condition.order", "those who were notified return in the order of waiting",
                      [] {
                          Condition condition;
                          int next = 1;
                          const auto wait = [&](int place) {
                              await(condition.acquire());
                              // takes its place in line: the one before it wakes it
                              if (place == 1) {
                                  wake(2);
                              } else {
                                  wake(3);
                              }
                              await(condition.wait());
                              require(next == place, "overtaken");
                              ++next;
                              condition.release();
                          };
                          parallel({[&] { wait(1); },
                                    [&] {
                                        sleep("for its turn");
                                        wait(2);
                                    },
                                    [&] {
                                        sleep("for its turn");
                                        await(condition.acquire());
                                        condition.notify_all();
                                        condition.release();
                                        await(condition.acquire());
                                        require(next == 3, "overtook those who were notified");
                                        condition.release();
                                    }});
                      },
                      3, 0}};

const Register blocking{{"condition.blocking", "a plain thread waits, a task notifies",
                         [] {
                             Buffer b;
                             parallel({[&] {
                                           const PlainThread plain;
                                           b.changed.acquire_blocking();
                                           while (b.items == 0) {
                                               b.changed.wait_blocking();
                                           }
                                           --b.items;
                                           b.changed.release();
                                       },
                                       [&] { put(b, 1); }});
                             require(b.items == 0 && !b.changed.locked(), "the item is still there");
                         },
                         3, 1}};

}  // namespace
}  // namespace heddle::explore
