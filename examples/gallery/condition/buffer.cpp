// asyncio's producer and consumer over a buffer of three, with one condition for "not full" and "not empty".

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
            shared.condition.notify();
        }
        co_await sleep(0.1s);
    }
}

heddle::Coro<void> consumer(Shared& shared) {
    for (int taken = 0; taken < 6; ++taken) {
        {
            auto held = co_await shared.condition.scoped();
            while (shared.buffer.empty()) {
                co_await shared.condition.wait();
            }
            const int item = shared.buffer.front();
            shared.buffer.pop_front();
            print("Consumed ", item, ", ", shared.buffer.size(), " left");
            shared.condition.notify();
        }
        co_await sleep(0.5s);
    }
}

heddle::Coro<void> run() {
    Shared shared;
    co_await heddle::gather(producer(shared), consumer(shared));
}

const Program program("condition/buffer", 3s, run);

}  // namespace
}  // namespace gallery
