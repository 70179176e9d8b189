#include "../seam.hpp"
#include <heddle/error.hpp>
#include <heddle/lock.hpp>
#include <heddle/semaphore.hpp>

#include <atomic>
#include <memory>

// Lock and Semaphore: the permit is in one pair of hands, whoever waits gets it, whoever gives up gives it
// back, and the object may go as soon as its last user knows that it is the last.

namespace heddle::explore {
namespace {

struct Guarded {
    Lock lock;
    int inside = 0;  // plain: two holders at once would be a data race
    int done = 0;
};

void hold(Guarded& g) {
    await(g.lock.acquire());
    ++g.inside;
    require(g.inside == 1, "two hold the lock");
    --g.inside;
    ++g.done;
    g.lock.release();
}
void try_hold(Guarded& g) {
    try {
        hold(g);
    } catch (const CancelledError&) {
        return;  // without the lock
    }
}

const Register two{{"lock.two", "two tasks, one lock",
                    [] {
                        Guarded g;
                        parallel({[&] { hold(g); }, [&] { hold(g); }});
                        require(g.done == 2 && !g.lock.locked(), "not both had it");
                    },
                    4, 2}};

const Register three{{"lock.three", "three tasks, one lock", [] {
                          Guarded g;
                          parallel({[&] { hold(g); }, [&] { hold(g); }, [&] { hold(g); }});
                          require(g.done == 3 && !g.lock.locked(), "not all had it");
                      }}};

const Register cancelled{
    {"lock.cancel", "release, abort and another acquire meet", [] {
         Guarded g;
         await(g.lock.acquire());
         parallel({[&] { try_hold(g); }, [&] { g.lock.release(); }, [&] { cancel(1); }, [&] { hold(g); }});
         require(g.done >= 1 && !g.lock.locked(), "the permit is lost");
     }}};

const Register cancel_two{{"lock.cancel_both", "two waiters give up while the holder releases", [] {
                               Guarded g;
                               await(g.lock.acquire());
                               parallel({[&] { try_hold(g); }, [&] { try_hold(g); },
                                         [&] {
                                             cancel(1);
                                             cancel(2);
                                         },
                                         [&] { g.lock.release(); }});
                               require(!g.lock.locked(), "the permit is lost");
                           }}};

// The segments have two cells here: the third waiter needs another one, and dead ones are unlinked.
const Register segments{{"lock.segments", "three waiters over two segments, one gives up",
                         [] {
                             Guarded g;
                             await(g.lock.acquire());
                             parallel({[&] { try_hold(g); }, [&] { hold(g); }, [&] { hold(g); },
                                       [&] {
                                           cancel(1);
                                           g.lock.release();
                                       }});
                             require(g.done >= 2 && !g.lock.locked(), "somebody was left out");
                         },
                         2, 0}};

const Register churn{{"lock.churn", "cancelled waiters pass through while one holds: segments come and go",
                      [] {
                          Guarded g;
                          await(g.lock.acquire());
                          parallel({[&] {
                                        for (int i = 0; i < 3; ++i) {
                                            try_hold(g);
                                        }
                                    },
                                    [&] {
                                        for (int i = 0; i < 3; ++i) {
                                            cancel(1);
                                        }
                                    },
                                    [&] { hold(g); }, [&] { g.lock.release(); }});
                          require(!g.lock.locked(), "the permit is lost");
                      },
                      2, 0}};

// API rule 5: who gets the lock and knows that nobody else will come may destroy it, although the releaser
// may still be inside of release().
const Register destroyed{{"lock.destroyed", "the last user takes the lock with it",
                          [] {
                              auto g = std::make_unique<Guarded>();
                              await(g->lock.acquire());
                              Lock& lock = g->lock;
                              parallel({[&] {
                                            await(lock.acquire());
                                            g->lock.release();
                                            g.reset();
                                            reclaim();
                                        },
                                        [&] { lock.release(); }});
                          },
                          4, 1}};

const Register destroyed_after_abort{{"lock.destroyed_after_abort",
                                      "the only waiter gives up under the releaser; the next user destroys",
                                      [] {
                                          auto g = std::make_unique<Guarded>();
                                          Lock& lock = g->lock;
                                          await(lock.acquire());
                                          bool gone = false;
                                          parallel({[&] {
                                                        try {
                                                            await(lock.acquire());
                                                            lock.release();
                                                        } catch (const CancelledError&) {
                                                            gone = true;
                                                        }
                                                        wake(3);
                                                    },
                                                    [&] {
                                                        cancel(1);
                                                        lock.release();
                                                    },
                                                    [&] {
                                                        sleep("until the waiter is through");
                                                        await(lock.acquire());
                                                        g.reset();
                                                        reclaim();
                                                    }});
                                          static_cast<void>(gone);
                                      },
                                      2, 1}};

const Register permits{{"semaphore.two_permits", "three tasks, two permits, one cancelled",
                        [] {
                            Semaphore semaphore(2);
                            std::atomic<int> done{0};
                            const auto use = [&] {
                                try {
                                    await(semaphore.acquire());
                                } catch (const CancelledError&) {
                                    return;
                                }
                                ++done;
                                semaphore.release();
                            };
                            parallel({use, use, use, [&] { cancel(2); }});
                            require(semaphore.value() == 2, "permits were lost or made");
                            require(done >= 2, "somebody was left out");
                        },
                        1, 0}};

const Register batch{{"semaphore.release_many", "one release wakes two, one of whom gives up", [] {
                          Semaphore semaphore(0);
                          const auto use = [&] {
                              try {
                                  await(semaphore.acquire());
                              } catch (const CancelledError&) {
                                  return;
                              }
                              semaphore.release();
                          };
                          parallel({use, use, [&] { semaphore.release(2); }, [&] { cancel(1); }});
                          require(semaphore.value() == 2, "permits were lost or made");
                      }}};

const Register blocking{{"lock.blocking", "a plain thread and a task",
                         [] {
                             Guarded g;
                             parallel({[&] {
                                           const PlainThread plain;
                                           g.lock.acquire_blocking();
                                           ++g.done;
                                           g.lock.release();
                                       },
                                       [&] { hold(g); }});
                             require(g.done == 2 && !g.lock.locked(), "not both had it");
                         },
                         3, 1}};

}  // namespace
}  // namespace heddle::explore
