// asyncio's deadlock: two tasks take the same two locks in opposite orders and each holds what the other
// wants. A timeout ends it. The originals sleep after the first lock and so meet nearly always; here a
// barrier makes it certain.

#include "../gallery.hpp"
#include <heddle/barrier.hpp>
#include <heddle/error.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/timeout.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<void> task(int n, heddle::Lock& first, heddle::Lock& second, heddle::Barrier& both) {
    auto held_first = co_await first.scoped();
    print("Task ", n, " has its first lock");
    co_await both.wait();
    auto held_second = co_await second.scoped();
    print("Task ", n, " has both locks");
}

heddle::Coro<void> run() {
    heddle::Lock a;
    heddle::Lock b;
    heddle::Barrier both(2);
    auto body = [&](heddle::Timeout& /*timeout*/) -> heddle::Coro<void> {
        co_await heddle::gather(task(1, a, b, both), task(2, b, a, both));
    };
    try {
        co_await heddle::timeout(scaled(2s), std::move(body));
    } catch (const heddle::TimeoutError&) {
        print("Deadlock: nothing happened for 2 s");
    }
}

const Program program("deadlock/inconsistent_order", 2s, run);

}  // namespace
}  // namespace gallery
