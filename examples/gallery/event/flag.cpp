// An Event as a flag: is_set(), set() and clear().

#include "../gallery.hpp"
#include <heddle/event.hpp>

namespace gallery {
namespace {

heddle::Coro<void> run() {
    heddle::Event event;
    print("New: ", event.is_set());
    event.set();
    print("After set(): ", event.is_set());
    const bool waited = co_await event.wait();
    print("wait() gives ", waited, " at once");
    event.clear();
    print("After clear(): ", event.is_set());
    event.set();
    event.set();
    print("Set twice: ", event.is_set());
}

const Program program("event/flag", 0s, run);

}  // namespace
}  // namespace gallery
