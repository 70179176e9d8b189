// asyncio's increment: ten tasks read a counter, wait, and write it back incremented. Without a lock their
// updates are lost, with one none is.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

#include <atomic>
#include <utility>

namespace gallery {
namespace {

// The counter is atomic because the tasks without a lock run in parallel, and a plain int would make that
// undefined. It does not make the increment atomic: between the read and the write other tasks have theirs.
using Counter = std::atomic<int>;

heddle::Coro<void> increment(Counter& counter) {
    const int value = counter.load(std::memory_order_relaxed);
    co_await sleep(0.1s);
    counter.store(value + 1, std::memory_order_relaxed);
}

heddle::Coro<void> increment_with_lock(heddle::Lock& lock, Counter& counter) {
    auto held = co_await lock.scoped();
    co_await increment(counter);
}

heddle::Coro<void> run() {
    Counter counter = 0;
    std::vector<heddle::Coro<void>> tasks;
    for (int n = 0; n < 10; ++n) {
        tasks.push_back(increment(counter));
    }
    co_await heddle::gather(std::move(tasks));
    print("Without a lock: ", counter.load());

    counter = 0;
    heddle::Lock lock;
    std::vector<heddle::Coro<void>> locking;
    for (int n = 0; n < 10; ++n) {
        locking.push_back(increment_with_lock(lock, counter));
    }
    co_await heddle::gather(std::move(locking));
    print("With a lock: ", counter.load());
}

const Program program("lock/lost_update", 1.1s, run);

}  // namespace
}  // namespace gallery
