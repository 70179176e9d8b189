// Several primitives, one after the other: an Event starts three workers, a Semaphore lets two fetch at a
// time, a Barrier ends each phase, a Lock guards the sum, and a Queue carries the result.

#include "../gallery.hpp"
#include <heddle/barrier.hpp>
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/queue.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <utility>

namespace gallery {
namespace {

struct Shared {
    heddle::Event started;
    heddle::Semaphore connections{2};
    heddle::Barrier phase{3};
    heddle::Lock lock;
    int total = 0;  // under the lock
    heddle::Queue<int> results;
};

heddle::Coro<void> worker(Shared& shared, int n) {
    co_await shared.started.wait();
    {
        auto connection = co_await shared.connections.scoped();
        print("Worker ", n, " fetches");
        co_await sleep(1s);
    }
    co_await shared.phase.wait();
    {
        auto held = co_await shared.lock.scoped();
        shared.total += n * 10;
        print("Worker ", n, " adds ", n * 10);
    }
    const int index = co_await shared.phase.wait();
    if (index == 0) {
        co_await shared.results.put(shared.total);
    }
}

heddle::Coro<void> run() {
    Shared shared;
    std::vector<heddle::Task<void>> workers;
    for (int n = 1; n <= 3; ++n) {
        workers.push_back(heddle::create_task(worker(shared, n)));
    }
    co_await sleep(0.5s);
    print("Start");
    shared.started.set();
    const int total = co_await shared.results.get();
    print("Total: ", total);
    co_await heddle::gather(std::move(workers));
}

const Program program("loop/phases", 2.5s, run);

}  // namespace
}  // namespace gallery
