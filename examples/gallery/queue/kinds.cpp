// Queue, LifoQueue and PriorityQueue side by side: the same items in three orders.

#include "../gallery.hpp"
#include <heddle/priority_queue.hpp>
#include <heddle/queue.hpp>

#include <string_view>

namespace gallery {
namespace {

heddle::Coro<void> show(std::string_view name, auto& queue) {
    for (const int item : {3, 1, 2}) {
        co_await queue.put(item);
    }
    std::vector<int> items;
    while (!queue.empty()) {
        const int item = co_await queue.get();
        items.push_back(item);
    }
    print(name, ": ", items);
}

heddle::Coro<void> run() {
    heddle::Queue<int> fifo;
    co_await show("Queue", fifo);
    heddle::LifoQueue<int> lifo;
    co_await show("LifoQueue", lifo);
    heddle::PriorityQueue<int> priority;
    co_await show("PriorityQueue", priority);
}

const Program program("queue/kinds", 0s, run);

}  // namespace
}  // namespace gallery
