// asyncio's waiter, five times: one signal lets all of them go on.

#include "../gallery.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/task.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<void> waiter(heddle::Event& signal, int n) {
    print("Waiter ", n, " waits");
    co_await signal.wait();
    print("Waiter ", n, " goes on");
}

heddle::Coro<void> run() {
    heddle::Event signal;
    std::vector<heddle::Task<void>> waiters;
    for (int n = 1; n <= 5; ++n) {
        waiters.push_back(heddle::create_task(waiter(signal, n)));
    }
    co_await sleep(1s);
    print("Signal");
    signal.set();
    co_await heddle::gather(std::move(waiters));
}

const Program program("event/five_waiters", 1s, run);

}  // namespace
}  // namespace gallery
