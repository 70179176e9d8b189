// How an event loop interleaves two tasks: each sleep(0) gives the other a turn. With one worker they
// alternate exactly, as in asyncio; with more they run side by side.

#include "../gallery.hpp"
#include <heddle/gather.hpp>

#include <string_view>

namespace gallery {
namespace {

heddle::Coro<void> count(std::string_view name) {
    for (int step = 1; step <= 3; ++step) {
        print(name, ": step ", step);
        co_await sleep(0s);
    }
    print(name, ": done");
}

heddle::Coro<void> run() { co_await heddle::gather(count("A"), count("B")); }

const Program program("loop/interleaving", 0s, run);

}  // namespace
}  // namespace gallery
