#include "../seam.hpp"
#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/sync/tiny_lock.hpp>

#include <atomic>
#include <memory>

// What sleeps in a futex: the parker of a worker, and the four-byte lock.

namespace heddle::explore {
namespace {

using detail::never;
using detail::Parker;
using detail::TinyLock;
using detail::TinyLockHold;

void park() {
    Parker parker;
    int news = 0;  // plain
    parallel({[&] {
                  require(parker.park(never), "woken by nobody");
                  require(news == 1, "woken before it was told");
              },
              [&] {
                  news = 1;
                  parker.unpark();
              }});
}
const Register r1{{"parker.park", "one parks, one wakes it", park, 4, 2}};

void deadline() {
    Parker parker;
    int news = 0;  // plain
    bool notified = false;
    parallel({[&] {
                  notified = parker.park(1000);
                  if (notified) {
                      require(news == 1, "woken before it was told");
                  } else {
                      require(parker.park(never), "the notification is lost");
                  }
              },
              [&] {
                  news = 1;
                  parker.unpark();
              }});
}
const Register r4{{"parker.deadline", "the deadline and a notification come together", deadline, 4, 2}};

void lock() {
    TinyLock mutex;
    int inside = 0;  // plain: two at once would be a data race
    const auto hold = [&] {
        const TinyLockHold held(mutex);
        ++inside;
        require(inside == 1, "two hold it");
        --inside;
    };
    parallel({hold, hold, hold});
}
const Register r5{{"tiny_lock.three", "three hold it, one after the other", lock, 2, 1}};

void destroyed() {
    auto mutex = std::make_unique<TinyLock>();
    TinyLock& shared = *mutex;
    int count = 0;  // plain
    const auto leave = [&] {
        bool last = false;
        {
            shared.lock();
            last = ++count == 2;
            shared.unlock();
        }
        if (last) {
            mutex.reset();
        }
    };
    parallel({leave, leave});
}
const Register r6{{"tiny_lock.destroyed", "the last one to leave destroys it", destroyed, 3, 1}};

}  // namespace
}  // namespace heddle::explore
