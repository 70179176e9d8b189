// asyncio's rate-limited downloader: ten URLs, three at a time, with the time that it took.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/semaphore.hpp>

#include <numeric>
#include <utility>

namespace gallery {
namespace {

heddle::Coro<std::size_t> download(heddle::Semaphore& limit, std::string url) {
    auto permit = co_await limit.scoped();
    print("Downloading ", url);
    co_await sleep(0.5s);
    co_return url.size();
}

heddle::Coro<void> run() {
    heddle::Semaphore limit(3);
    const Stopwatch stopwatch;
    std::vector<heddle::Coro<std::size_t>> downloads;
    for (int n = 1; n <= 10; ++n) {
        downloads.push_back(download(limit, "https://example.com/" + std::to_string(n)));
    }
    const auto sizes = co_await heddle::gather(std::move(downloads));
    const auto bytes = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
    print(sizes.size(), " downloads, ", bytes, " bytes, ", stopwatch.elapsed(), " s");
}

const Program program("semaphore/downloader", 2s, run);

}  // namespace
}  // namespace gallery
