// asyncio's waiter on a Condition, five times: notify_all() lets all of them go on, one at a time because
// each takes the lock again. They wait for `ready`, not for the notification: whoever comes late must not
// wait for a call that has been made.

#include "../gallery.hpp"
#include <heddle/condition.hpp>
#include <heddle/gather.hpp>
#include <heddle/task.hpp>

#include <utility>

namespace gallery {
namespace {

struct Shared {
    heddle::Condition condition;
    bool ready = false;  // under the condition's lock
};

heddle::Coro<void> waiter(Shared& shared, int n) {
    auto held = co_await shared.condition.scoped();
    print("Waiter ", n, " waits");
    while (!shared.ready) {
        co_await shared.condition.wait();
    }
    print("Waiter ", n, " goes on");
}

heddle::Coro<void> run() {
    Shared shared;
    std::vector<heddle::Task<void>> waiters;
    for (int n = 1; n <= 5; ++n) {
        waiters.push_back(heddle::create_task(waiter(shared, n)));
    }
    co_await sleep(1s);
    {
        auto held = co_await shared.condition.scoped();
        print("Notifying all");
        shared.ready = true;
        shared.condition.notify_all();
    }
    co_await heddle::gather(std::move(waiters));
}

const Program program("condition/notify_all", 1s, run);

}  // namespace
}  // namespace gallery
