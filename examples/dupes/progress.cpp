#include "progress.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>

namespace dupes {

namespace {

// All loads are relaxed: see Progress.
void draw(const Progress& progress) {
    constexpr double megabyte = 1e6;
    std::fprintf(stderr, "\r%llu files, %llu of %llu groups of equal size examined, %.0f MB read ",
                 static_cast<unsigned long long>(progress.files.load(std::memory_order_relaxed)),
                 static_cast<unsigned long long>(progress.done.load(std::memory_order_relaxed)),
                 static_cast<unsigned long long>(progress.groups.load(std::memory_order_relaxed)),
                 static_cast<double>(progress.bytes.load(std::memory_order_relaxed)) / megabyte);
}

struct WipeLine {
    WipeLine() = default;
    WipeLine(const WipeLine&) = delete;
    WipeLine& operator=(const WipeLine&) = delete;
    WipeLine(WipeLine&&) = delete;
    WipeLine& operator=(WipeLine&&) = delete;
    ~WipeLine() { std::fputs("\r\033[K", stderr); }
};

}  // namespace

bool can_show_progress() { return ::isatty(STDERR_FILENO) == 1; }

heddle::Coro<void> show_progress(const Progress& progress) {
    const WipeLine at_end;  // also when sleep() throws CancelledError, which is how this ends
    for (;;) {
        draw(progress);
        co_await heddle::sleep(std::chrono::milliseconds(100));
    }
}

}  // namespace dupes
