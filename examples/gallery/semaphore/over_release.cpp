// Semaphore against BoundedSemaphore: the first takes a surplus release for one permit more, the second
// refuses it (ValueError, here std::invalid_argument).

#include "../gallery.hpp"
#include <heddle/semaphore.hpp>

#include <stdexcept>

namespace gallery {
namespace {

/// How many permits there are to take.
heddle::Coro<int> take_all(auto& semaphore) {
    int taken = 0;
    while (!semaphore.locked()) {
        co_await semaphore.acquire();
        ++taken;
    }
    co_return taken;
}

heddle::Coro<void> run() {
    heddle::Semaphore semaphore(2);
    co_await semaphore.acquire();
    semaphore.release();
    semaphore.release();
    int permits = co_await take_all(semaphore);
    print("Semaphore(2) has now ", permits, " permits");

    heddle::BoundedSemaphore bounded(2);
    co_await bounded.acquire();
    bounded.release();
    try {
        bounded.release();
    } catch (const std::invalid_argument& error) {
        print("BoundedSemaphore(2): ", error.what());
    }
    permits = co_await take_all(bounded);
    print("BoundedSemaphore(2) still has ", permits, " permits");
}

const Program program("semaphore/over_release", 0s, run);

}  // namespace
}  // namespace gallery
