// asyncio's rate-limited call_api: nine calls of a second each, three at a time, take three seconds.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/semaphore.hpp>

#include <utility>

namespace gallery {
namespace {

heddle::Coro<int> call_api(heddle::Semaphore& limit, int n) {
    auto permit = co_await limit.scoped();
    print("Calling API ", n);
    co_await sleep(1s);
    co_return n * 10;
}

heddle::Coro<void> run() {
    heddle::Semaphore limit(3);
    const Stopwatch stopwatch;
    std::vector<heddle::Coro<int>> calls;
    for (int n = 1; n <= 9; ++n) {
        calls.push_back(call_api(limit, n));
    }
    const auto results = co_await heddle::gather(std::move(calls));
    print("Results: ", results);
    print("9 calls took ", stopwatch.elapsed(), " s");
}

const Program program("semaphore/api_calls", 3s, run);

}  // namespace
}  // namespace gallery
