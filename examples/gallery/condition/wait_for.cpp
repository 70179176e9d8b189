// asyncio's wait_for(predicate): two consumers wait until there is an item; both are notified of each, the
// one that finds none goes on waiting.

#include "../gallery.hpp"
#include <heddle/condition.hpp>
#include <heddle/gather.hpp>

#include <deque>

namespace gallery {
namespace {

struct Shared {
    heddle::Condition condition;
    std::deque<int> items;  // under the condition's lock
};

heddle::Coro<void> consumer(Shared& shared, int n) {
    auto held = co_await shared.condition.scoped();
    print("Consumer ", n, " waits for an item");
    const auto has_item = [&] { return !shared.items.empty(); };
    co_await shared.condition.wait_for(has_item);
    print("Consumer ", n, " got ", shared.items.front());
    shared.items.pop_front();
}

heddle::Coro<void> producer(Shared& shared) {
    for (int item = 1; item <= 2; ++item) {
        co_await sleep(1s);
        auto held = co_await shared.condition.scoped();
        shared.items.push_back(item);
        print("Produced ", item);
        shared.condition.notify_all();
    }
}

heddle::Coro<void> run() {
    Shared shared;
    co_await heddle::gather(consumer(shared, 1), consumer(shared, 2), producer(shared));
}

const Program program("condition/wait_for", 2s, run);

}  // namespace
}  // namespace gallery
