#include "support/watchdog.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

namespace heddle::test {
namespace {

std::atomic<HangDump> hang_dump{nullptr};

[[noreturn]] void report_hang(const std::string& name, int seconds) {
    // The dump may itself wait for what hangs: SIGALRM ends the process then.
    alarm(10);
    std::fprintf(stderr, "\n[watchdog] %s: no end after %d s\n", name.c_str(), seconds);
    std::fflush(stderr);
    if (const HangDump dump = hang_dump.load()) {
        dump();
        std::fflush(stderr);
    }
    std::abort();
}

class Watchdog {
public:
    Watchdog() : thread_([this] { watch(); }) {}

    void arm(std::string name) {
        const std::lock_guard held(mutex_);
        name_ = std::move(name);
        seconds_ = test_timeout_seconds();
        deadline_ = Clock::now() + std::chrono::seconds(seconds_);
        armed_ = true;
        changed_.notify_one();
    }

    void disarm() {
        const std::lock_guard held(mutex_);
        armed_ = false;
        changed_.notify_one();
    }

private:
    using Clock = std::chrono::steady_clock;

    [[noreturn]] void watch() {
        std::unique_lock held(mutex_);
        for (;;) {
            if (!armed_) {
                changed_.wait(held);
            } else if (Clock::now() >= deadline_) {
                report_hang(name_, seconds_);
            } else {
                changed_.wait_until(held, deadline_);
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string name_;
    Clock::time_point deadline_;
    int seconds_ = 0;
    bool armed_ = false;
    std::thread thread_;  // last: starts when the rest is there
};

Watchdog& watchdog() {
    // Never destroyed: it watches static destructors too, and its thread ends with the process.
    static auto* const one = new Watchdog;
    return *one;
}

}  // namespace

HangDump set_hang_dump(HangDump dump) noexcept { return hang_dump.exchange(dump); }

int test_timeout_seconds() {
    const char* text =
        std::getenv("HEDDLE_TEST_TIMEOUT");  // NOLINT(concurrency-mt-unsafe): nobody sets it meanwhile
    const long seconds = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
    return seconds > 0 ? static_cast<int>(seconds) : 60;
}

void arm_watchdog(std::string name) { watchdog().arm(std::move(name)); }
void disarm_watchdog() { watchdog().disarm(); }

}  // namespace heddle::test
