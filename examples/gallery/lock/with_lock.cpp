// asyncio's with_lock decorator: every call of the decorated coroutine function holds the lock.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/with_lock.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<int> critical(int n) {
    print("Task ", n, " enters");
    co_await sleep(0.5s);
    print("Task ", n, " leaves");
    co_return n* n;
}

heddle::Coro<void> run() {
    heddle::Lock lock;
    const auto guarded = heddle::with_lock(lock, critical);
    std::vector<heddle::Coro<int>> tasks;
    for (int n = 1; n <= 3; ++n) {
        tasks.push_back(guarded(n));
    }
    const auto results = co_await heddle::gather(std::move(tasks));
    print("Results: ", results);
}

const Program program("lock/with_lock", 1.5s, run);

}  // namespace
}  // namespace gallery
