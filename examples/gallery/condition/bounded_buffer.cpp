// asyncio's Buffer class: two conditions on one lock, so that a put wakes only getters and a get only
// putters.

#include "../gallery.hpp"
#include <heddle/condition.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

#include <deque>
#include <tuple>

namespace gallery {
namespace {

class Buffer {
public:
    explicit Buffer(std::size_t size) : size_(size) {}

    heddle::Coro<void> put(int item) {
        auto held = co_await lock_.scoped();
        const auto has_room = [this] { return items_.size() < size_; };
        co_await not_full_.wait_for(has_room);
        items_.push_back(item);
        print("Put ", item, ": ", items_.size(), " of ", size_);
        not_empty_.notify();
    }

    heddle::Coro<int> get() {
        auto held = co_await lock_.scoped();
        const auto has_item = [this] { return !items_.empty(); };
        co_await not_empty_.wait_for(has_item);
        const int item = items_.front();
        items_.pop_front();
        print("Got ", item, ": ", items_.size(), " of ", size_);
        not_full_.notify();
        co_return item;
    }

private:
    heddle::Lock lock_;
    heddle::Condition not_full_{lock_};
    heddle::Condition not_empty_{lock_};
    std::deque<int> items_;
    std::size_t size_;
};

heddle::Coro<void> producer(Buffer& buffer) {
    for (int item = 1; item <= 5; ++item) {
        co_await buffer.put(item);
    }
}

heddle::Coro<int> consumer(Buffer& buffer) {
    int total = 0;
    for (int taken = 0; taken < 5; ++taken) {
        co_await sleep(0.5s);
        const int item = co_await buffer.get();
        total += item;
    }
    co_return total;
}

heddle::Coro<void> run() {
    Buffer buffer(2);
    const auto results = co_await heddle::gather(producer(buffer), consumer(buffer));
    print("Total: ", std::get<1>(results));
}

const Program program("condition/bounded_buffer", 2.5s, run);

}  // namespace
}  // namespace gallery
