// asyncio's producer and consumer over Queue(maxsize=2) with random delays; None, here std::nullopt, says
// that nothing more comes.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/queue.hpp>

#include <cstdint>
#include <optional>

namespace gallery {
namespace {

using Items = heddle::Queue<std::optional<int>>;

/// At least `least`, at most 0.4 s more; simple enough that Python can draw the same.
class Delays {
public:
    Delays(std::uint32_t seed, Seconds least) : state_(seed), least_(least) {}
    Seconds next() {
        state_ = (state_ * 1103515245U + 12345U) % 0x80000000U;
        return least_ + 0.4s * (state_ / double{0x80000000U});
    }

private:
    std::uint32_t state_;
    Seconds least_;
};

heddle::Coro<void> producer(Items& queue) {
    Delays delays(10, 0.1s);
    for (int item = 1; item <= 8; ++item) {
        co_await sleep(delays.next());
        co_await queue.put(item);
        print("Put ", item);
    }
    co_await queue.put(std::nullopt);
}

heddle::Coro<void> consumer(Items& queue) {
    Delays delays(2, 0.3s);
    for (;;) {
        const auto item = co_await queue.get();
        if (!item) {
            break;
        }
        print("Got ", *item);
        co_await sleep(delays.next());
    }
}

heddle::Coro<void> run() {
    Items queue(2);
    co_await heddle::gather(producer(queue), consumer(queue));
    print("The end");
}

const Program program("queue/bounded", 4.61s, run);

}  // namespace
}  // namespace gallery
