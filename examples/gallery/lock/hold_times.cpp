// asyncio's worker with a stopwatch: three workers tell how long they waited for the lock and how long they
// held it.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

namespace gallery {
namespace {

heddle::Coro<void> worker(heddle::Lock& lock, int n) {
    const Stopwatch waiting;
    auto guard = co_await lock.scoped();
    print("Worker ", n, " got the lock after ", waiting.elapsed(), " s");
    const Stopwatch held;
    co_await sleep(1s);
    print("Worker ", n, " held it for ", held.elapsed(), " s");
}

heddle::Coro<void> run() {
    heddle::Lock lock;
    const Stopwatch total;
    co_await heddle::gather(worker(lock, 1), worker(lock, 2), worker(lock, 3));
    print("All done after ", total.elapsed(), " s");
}

const Program program("lock/hold_times", 3s, run);

}  // namespace
}  // namespace gallery
