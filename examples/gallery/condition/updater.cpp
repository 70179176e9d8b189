// asyncio's updater: a reader waits on a Condition until a shared value has been written.

#include "../gallery.hpp"
#include <heddle/condition.hpp>
#include <heddle/gather.hpp>

namespace gallery {
namespace {

heddle::Coro<void> reader(heddle::Condition& condition, const int& value) {
    auto held = co_await condition.scoped();
    print("Reader waits, the value is ", value);
    const auto is_written = [&] { return value != 0; };
    co_await condition.wait_for(is_written);
    print("Reader sees ", value);
}

heddle::Coro<void> updater(heddle::Condition& condition, int& value) {
    co_await sleep(1s);
    auto held = co_await condition.scoped();
    value = 42;
    print("Updater has written 42");
    condition.notify();
}

heddle::Coro<void> run() {
    heddle::Condition condition;
    int value = 0;
    co_await heddle::gather(reader(condition, value), updater(condition, value));
}

const Program program("condition/updater", 1s, run);

}  // namespace
}  // namespace gallery
