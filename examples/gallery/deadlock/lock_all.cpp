// asyncio's deadlock mended by a lock_all helper: the tasks name the locks in different orders, lock_all()
// takes them in the same.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/lock_all.hpp>

namespace gallery {
namespace {

heddle::Coro<void> task(int n, heddle::Lock& first, heddle::Lock& second) {
    auto held = co_await heddle::lock_all(first, second);
    print("Task ", n, " has both locks");
    co_await sleep(0.5s);
    print("Task ", n, " is done");
}

heddle::Coro<void> run() {
    heddle::Lock a;
    heddle::Lock b;
    co_await heddle::gather(task(1, a, b), task(2, b, a));
}

const Program program("deadlock/lock_all", 1s, run);

}  // namespace
}  // namespace gallery
