// asyncio's deadlock mended by order: both tasks take lock A first, so nobody waits for A while holding B.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

namespace gallery {
namespace {

heddle::Coro<void> task(int n, heddle::Lock& a, heddle::Lock& b) {
    {
        auto held_a = co_await a.scoped();
        print("Task ", n, " has lock A");
        co_await sleep(0.5s);
        auto held_b = co_await b.scoped();
        print("Task ", n, " has both locks");
        co_await sleep(0.5s);
    }
    print("Task ", n, " is done");
}

heddle::Coro<void> run() {
    heddle::Lock a;
    heddle::Lock b;
    co_await heddle::gather(task(1, a, b), task(2, a, b));
}

const Program program("deadlock/consistent_order", 2s, run);

}  // namespace
}  // namespace gallery
