// asyncio's producer with two consumers over a buffer of three. All are waiting on one condition, so all are
// notified: notify() alone might wake a consumer when the producer is meant.

#include "../gallery.hpp"
#include <heddle/condition.hpp>
#include <heddle/gather.hpp>

#include <deque>

namespace gallery {
namespace {

struct Shared {
    heddle::Condition condition;
    std::deque<int> buffer;  // under the condition's lock
};

heddle::Coro<void> producer(Shared& shared) {
    for (int item = 1; item <= 6; ++item) {
        {
            auto held = co_await shared.condition.scoped();
            while (shared.buffer.size() == 3) {
                co_await shared.condition.wait();
            }
            shared.buffer.push_back(item);
            print("Produced ", item, ", ", shared.buffer.size(), " in the buffer");
            shared.condition.notify_all();
        }
        co_await sleep(0.1s);
    }
}

heddle::Coro<void> consumer(Shared& shared, int n) {
    for (int taken = 0; taken < 3; ++taken) {
        {
            auto held = co_await shared.condition.scoped();
            while (shared.buffer.empty()) {
                co_await shared.condition.wait();
            }
            const int item = shared.buffer.front();
            shared.buffer.pop_front();
            print("Consumer ", n, " took ", item, ", ", shared.buffer.size(), " left");
            shared.condition.notify_all();
        }
        co_await sleep(0.8s);
    }
}

heddle::Coro<void> run() {
    Shared shared;
    co_await heddle::gather(producer(shared), consumer(shared, 1), consumer(shared, 2));
}

const Program program("condition/two_consumers", 2.5s, run);

}  // namespace
}  // namespace gallery
