// asyncio's worker at a Barrier: three workers arrive at different times and go on together.

#include "../gallery.hpp"
#include <heddle/barrier.hpp>
#include <heddle/gather.hpp>

namespace gallery {
namespace {

heddle::Coro<void> worker(heddle::Barrier& barrier, int n) {
    print("Worker ", n, " starts");
    co_await sleep(n * 0.5s);
    print("Worker ", n, " is at the barrier");
    co_await barrier.wait();
    print("Worker ", n, " goes on");
}

heddle::Coro<void> run() {
    heddle::Barrier barrier(3);
    co_await heddle::gather(worker(barrier, 1), worker(barrier, 2), worker(barrier, 3));
}

const Program program("barrier/three_workers", 1.5s, run);

}  // namespace
}  // namespace gallery
