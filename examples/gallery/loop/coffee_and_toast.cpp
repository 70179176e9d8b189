// asyncio's brew_coffee and toast_bread: what one task waits for is the other's time, so breakfast takes as
// long as its longest part.

#include "../gallery.hpp"
#include <heddle/gather.hpp>

namespace gallery {
namespace {

heddle::Coro<std::string> brew_coffee() {
    print("Brewing coffee");
    co_await sleep(2s);
    print("Coffee is ready");
    co_return "coffee";
}

heddle::Coro<std::string> toast_bread() {
    print("Toasting bread");
    co_await sleep(1s);
    print("Toast is ready");
    co_return "toast";
}

heddle::Coro<void> run() {
    const Stopwatch stopwatch;
    auto both = co_await heddle::gather(brew_coffee(), toast_bread());
    auto& [coffee, toast] = both;
    print("Breakfast: ", coffee, " and ", toast, " after ", stopwatch.elapsed(), " s");
}

const Program program("loop/coffee_and_toast", 2s, run);

}  // namespace
}  // namespace gallery
