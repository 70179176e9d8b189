// asyncio's two-phase computation: each worker adds up its part; behind the barrier everyone uses the parts
// of all.

#include "../gallery.hpp"
#include <heddle/barrier.hpp>
#include <heddle/gather.hpp>

#include <array>
#include <numeric>

namespace gallery {
namespace {

using Parts = std::array<int, 3>;

heddle::Coro<void> worker(heddle::Barrier& barrier, Parts& parts, int n) {
    co_await sleep((n + 1) * 0.5s);
    const int first = 3 * n + 1;
    int& part = parts.at(static_cast<std::size_t>(n));
    part = first + (first + 1) + (first + 2);
    print("Worker ", n, ": partial sum ", part);
    co_await barrier.wait();
    // Each has written its own part before the barrier, so all may read all of them behind it.
    const int total = std::accumulate(parts.begin(), parts.end(), 0);
    co_await sleep((3 - n) * 0.5s);
    print("Worker ", n, ": ", 100 * part / total, " % of ", total);
}

heddle::Coro<void> run() {
    heddle::Barrier barrier(3);
    Parts parts{};
    co_await heddle::gather(worker(barrier, parts, 0), worker(barrier, parts, 1), worker(barrier, parts, 2));
}

const Program program("barrier/two_phases", 3s, run);

}  // namespace
}  // namespace gallery
