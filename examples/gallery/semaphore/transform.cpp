// asyncio's fetch_from_db, fetch_from_api and transform: a semaphore that starts at 0 makes one task wait for
// the work of two others.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/semaphore.hpp>

namespace gallery {
namespace {

heddle::Coro<void> fetch_from_db(heddle::Semaphore& fetched) {
    print("Fetching from the database");
    co_await sleep(1s);
    print("Fetched from the database");
    fetched.release();
}

heddle::Coro<void> fetch_from_api(heddle::Semaphore& fetched) {
    print("Fetching from the API");
    co_await sleep(2s);
    print("Fetched from the API");
    fetched.release();
}

heddle::Coro<void> transform(heddle::Semaphore& fetched) {
    print("Waiting for both");
    co_await fetched.acquire();
    co_await fetched.acquire();
    print("Transforming");
}

heddle::Coro<void> run() {
    heddle::Semaphore fetched(0);
    co_await heddle::gather(transform(fetched), fetch_from_db(fetched), fetch_from_api(fetched));
}

const Program program("semaphore/transform", 2s, run);

}  // namespace
}  // namespace gallery
