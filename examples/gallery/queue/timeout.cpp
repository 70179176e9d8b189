// asyncio's consumers that give up: each leaves when nothing has come for two seconds; join() at the end
// finds all items done.

#include "../gallery.hpp"
#include <heddle/error.hpp>
#include <heddle/gather.hpp>
#include <heddle/queue.hpp>
#include <heddle/timeout.hpp>

#include <optional>

namespace gallery {
namespace {

heddle::Coro<void> producer(heddle::Queue<int>& queue) {
    for (int item = 1; item <= 5; ++item) {
        co_await queue.put(item);
        print("Produced ", item);
        co_await sleep(0.5s);
    }
}

heddle::Coro<void> consumer(heddle::Queue<int>& queue, int n) {
    for (;;) {
        std::optional<int> item;
        try {
            item = co_await heddle::wait_for(queue.get(), scaled(2s));
        } catch (const heddle::TimeoutError&) {
            print("Consumer ", n, " leaves: nothing for 2 s");
        }
        if (!item) {
            break;
        }
        print("Consumer ", n, " took ", *item);
        co_await sleep(0.7s);
        queue.task_done();
    }
}

heddle::Coro<void> run() {
    heddle::Queue<int> queue;
    co_await heddle::gather(producer(queue), consumer(queue, 1), consumer(queue, 2));
    co_await queue.join();
    print("All items are done");
}

const Program program("queue/timeout", 4.7s, run);

}  // namespace
}  // namespace gallery
