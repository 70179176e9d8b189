// asyncio's task with acquire() and release() by hand. In Python a try/finally makes sure of the release; C++
// has no finally, which is why scoped() is the form to prefer.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/semaphore.hpp>

namespace gallery {
namespace {

heddle::Coro<void> task(heddle::Semaphore& semaphore, int n) {
    co_await sleep(n * 0.2s);
    print("Task ", n, " asks");
    co_await semaphore.acquire();
    print("Task ", n, " works");
    co_await sleep(1s);
    print("Task ", n, " is done");
    semaphore.release();
}

heddle::Coro<void> run() {
    heddle::Semaphore semaphore(2);
    co_await heddle::gather(task(semaphore, 0), task(semaphore, 1), task(semaphore, 2));
    print("Locked at the end: ", semaphore.locked());
}

const Program program("semaphore/acquire_release", 2s, run);

}  // namespace
}  // namespace gallery
