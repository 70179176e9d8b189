// asyncio's modify_shared_resource with its last print outside the critical section. The original reads the
// shared variable there, which is safe only because no other task can run yet. Here another task may already
// change it: what is needed after the release is copied before.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

namespace gallery {
namespace {

heddle::Coro<void> modify_shared_resource(heddle::Lock& lock, int& resource) {
    auto held = co_await lock.scoped();
    print("Resource before modification: ", resource);
    const int mine = ++resource;
    co_await sleep(1s);
    held.release();
    print("Resource after modification: ", mine);
}

heddle::Coro<void> run() {
    heddle::Lock lock;
    int resource = 0;
    co_await heddle::gather(modify_shared_resource(lock, resource), modify_shared_resource(lock, resource),
                            modify_shared_resource(lock, resource));
}

const Program program("lock/print_outside", 3s, run);

}  // namespace
}  // namespace gallery
