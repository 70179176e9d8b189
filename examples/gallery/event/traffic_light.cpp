// asyncio's traffic_light and car: the light sets and clears an event for ever, cars wait for it, and a
// timeout of five seconds ends the scene.

#include "../gallery.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/timeout.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<void> traffic_light(heddle::Event& green) {
    for (;;) {
        green.clear();
        print("Red");
        co_await sleep(2s);
        print("Green");
        green.set();
        co_await sleep(2s);
    }
}

heddle::Coro<void> car(heddle::Event& green, int n, Seconds arrival) {
    co_await sleep(arrival);
    print("Car ", n, " arrives");
    co_await green.wait();
    print("Car ", n, " drives on");
}

heddle::Coro<void> run() {
    heddle::Event green;
    auto scene = [&](heddle::Timeout& /*timeout*/) -> heddle::Coro<void> {
        co_await heddle::gather(traffic_light(green), car(green, 1, 1s), car(green, 2, 3s),
                                car(green, 3, 4.5s));
    };
    try {
        co_await heddle::timeout(scaled(5s), std::move(scene));
    } catch (const heddle::TimeoutError&) {
        print("Five seconds are over");
    }
}

const Program program("event/traffic_light", 5s, run);

}  // namespace
}  // namespace gallery
