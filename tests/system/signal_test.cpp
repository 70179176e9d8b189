#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "workload.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

// Signals interrupt every system call there is: EINTR everywhere.

namespace heddle::test {
namespace {

std::atomic<std::uint64_t> handled{0};

void on_signal(int signal) {
    static_cast<void>(signal);
    handled.fetch_add(1);
}

/// While it exists, every thread of the process is hit by SIGUSR1 again and again; system calls are not
/// restarted.
class Bombardment {
public:
    Bombardment() {
        handled = 0;
        struct sigaction action{};
        action.sa_handler = &on_signal;
        sigemptyset(&action.sa_mask);
        sigaction(SIGUSR1, &action, &before_);
        gun_ = std::thread([this] { fire(); });
    }
    Bombardment(const Bombardment&) = delete;
    Bombardment& operator=(const Bombardment&) = delete;
    Bombardment(Bombardment&&) = delete;
    Bombardment& operator=(Bombardment&&) = delete;
    ~Bombardment() {
        stop_ = true;
        gun_.join();
        // What is on its way still finds the handler: a thread that has a signal pending takes it with its
        // next instruction, and who ignores it from then on drops the rest.
        struct sigaction ignore{};
        ignore.sa_handler = SIG_IGN;
        sigaction(SIGUSR1, &ignore, nullptr);
        sigaction(SIGUSR1, &before_, nullptr);
    }

private:
    void fire() {
        const int me = gettid();
        while (!stop_) {
            for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
                const std::string name = entry.path().filename();
                int id = 0;
                std::from_chars(name.data(), name.data() + name.size(), id);
                if (id != me) {
                    tgkill(getpid(), id, SIGUSR1);  // a thread that has ended meanwhile: ESRCH
                }
            }
            std::this_thread::yield();
        }
    }

    struct sigaction before_{};
    std::atomic<bool> stop_{false};
    std::thread gun_;
};

class Signals : public OverWorkers {};
HEDDLE_OVER_WORKERS(Signals);

TEST_P(Signals, every_wait_ends_exactly_when_it_should) {
    const Bombardment bombardment;
    for (int round = 0; round < 3; ++round) {
        Runtime runtime(options());
        Workload work(runtime);
        work.finish();
    }
    EXPECT_GT(handled, 0U);
}

TEST_P(Signals, also_where_workers_sleep_between_any_two_tasks) {
    const Bombardment bombardment;
    RuntimeOptions eager = options();
    eager.spin_ns = 0;
    Runtime runtime(eager);
    Workload work(runtime);
    work.finish();
    EXPECT_GT(handled, 0U);
}

TEST_P(Signals, an_idle_runtime_stays_idle) {
    // Hit in its sleep, a worker sleeps on: nothing runs and nothing ends.
    Runtime runtime(options());
    Event go;
    auto waits = [&]() -> Coro<void> { co_await go.wait(); };
    const Task<void> task = runtime.spawn(waits());
    until_parked_blocking(task);
    {
        const Bombardment bombardment;
        until_blocking([&] { return handled > 1000; });
        EXPECT_FALSE(task.done());
    }
    go.set();
    task.wait_blocking();
}

}  // namespace
}  // namespace heddle::test
