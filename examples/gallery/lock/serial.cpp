// asyncio's modify_shared_resource: three tasks change a shared variable, one after the other because each
// holds the lock while it works.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

namespace gallery {
namespace {

heddle::Coro<void> modify_shared_resource(heddle::Lock& lock, int& resource) {
    auto held = co_await lock.scoped();
    print("Resource before modification: ", resource);
    ++resource;
    co_await sleep(1s);
    print("Resource after modification: ", resource);
}

heddle::Coro<void> run() {
    heddle::Lock lock;
    int resource = 0;
    co_await heddle::gather(modify_shared_resource(lock, resource), modify_shared_resource(lock, resource),
                            modify_shared_resource(lock, resource));
}

const Program program("lock/serial", 3s, run);

}  // namespace
}  // namespace gallery
