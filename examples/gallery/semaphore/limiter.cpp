// asyncio's request with a limit of 100: of a thousand requests never more than a hundred run at a time.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/semaphore.hpp>

#include <atomic>
#include <utility>

namespace gallery {
namespace {

struct Requests {
    heddle::Semaphore limit{100};
    std::atomic<int> running = 0;
    std::atomic<int> most = 0;
    std::atomic<int> done = 0;
};

heddle::Coro<void> request(Requests& requests) {
    auto permit = co_await requests.limit.scoped();
    const int now = ++requests.running;
    int most = requests.most;
    while (most < now && !requests.most.compare_exchange_weak(most, now)) {
    }
    co_await sleep(0.1s);
    --requests.running;
    ++requests.done;
}

heddle::Coro<void> run() {
    Requests requests;
    const Stopwatch stopwatch;
    std::vector<heddle::Coro<void>> tasks;
    for (int n = 0; n < 1000; ++n) {
        tasks.push_back(request(requests));
    }
    co_await heddle::gather(std::move(tasks));
    print(requests.done.load(), " requests, at most ", requests.most.load(), " at a time, in ",
          stopwatch.elapsed(), " s");
}

const Program program("semaphore/limiter", 1s, run);

}  // namespace
}  // namespace gallery
