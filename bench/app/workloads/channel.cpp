// P producers, C consumers, N numbers through one Queue; ends when it is shut down and empty and all tasks
// are joined. numbers: producers, consumers, N, capacity (0: unbounded). op = one element.

#include "app/workloads/workloads.hpp"
#include <heddle/queue.hpp>
#include <heddle/task.hpp>

namespace peer {
namespace {

using heddle::Coro;
using Numbers = heddle::Queue<std::uint64_t>;

Coro<> produce(Numbers& queue, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        co_await queue.put(first + i);
    }
}

Coro<std::uint64_t> consume(Numbers& queue) {
    std::uint64_t sum = 0;
    try {
        for (;;) {
            sum += co_await queue.get();
        }
    } catch (const heddle::QueueShutDown&) {
        co_return sum;
    }
}

}  // namespace

Coro<Measured> channel_root(const Args& args) {
    const std::uint64_t producers = args.number(0, 1);
    const std::uint64_t consumers = args.number(1, 1);
    const std::uint64_t each = args.number(2, 10'000'000) / producers;
    const auto capacity = static_cast<std::ptrdiff_t>(args.number(3, 1024));
    Numbers queue(capacity);
    std::vector<heddle::Task<>> putting;
    std::vector<heddle::Task<std::uint64_t>> getting;

    const Stopwatch watch;
    for (std::uint64_t i = 0; i < producers; ++i) {
        putting.push_back(heddle::create_task(produce(queue, i * each, each)));
    }
    for (std::uint64_t i = 0; i < consumers; ++i) {
        getting.push_back(heddle::create_task(consume(queue)));
    }
    for (const auto& task : putting) {
        co_await task;
    }
    queue.shutdown();
    std::uint64_t sum = 0;
    for (const auto& task : getting) {
        sum += co_await task;
    }
    const std::uint64_t n = producers * each;
    const Measured measured{.ops = n, .wall = watch.elapsed()};
    require(sum == n * (n - 1) / 2, "chan");
    co_return measured;
}

}  // namespace peer
