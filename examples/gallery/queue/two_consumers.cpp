// asyncio's producer with two consumers that run for ever: join() says when all items are done, then the
// consumers are cancelled.

#include "../gallery.hpp"
#include <heddle/error.hpp>
#include <heddle/gather.hpp>
#include <heddle/queue.hpp>
#include <heddle/task.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<void> producer(heddle::Queue<int>& queue) {
    for (int item = 1; item <= 6; ++item) {
        print("Produced ", item);
        co_await queue.put(item);
        co_await sleep(0.3s);
    }
}

heddle::Coro<void> consumer(heddle::Queue<int>& queue, int n) {
    try {
        for (;;) {
            const int item = co_await queue.get();
            co_await sleep(0.7s);
            print("Consumer ", n, " has done ", item);
            queue.task_done();
        }
    } catch (const heddle::CancelledError&) {
        print("Consumer ", n, " is cancelled");
        throw;
    }
}

heddle::Coro<void> run() {
    heddle::Queue<int> queue;
    std::vector<heddle::Task<void>> consumers;
    for (int n = 1; n <= 2; ++n) {
        consumers.push_back(heddle::create_task(consumer(queue, n)));
    }
    co_await producer(queue);
    co_await queue.join();
    print("All items are done");
    for (const auto& consumer : consumers) {
        consumer.cancel();
    }
    co_await heddle::gather(heddle::return_exceptions, std::move(consumers));
    print("The end");
}

const Program program("queue/two_consumers", 2.4s, run);

}  // namespace
}  // namespace gallery
