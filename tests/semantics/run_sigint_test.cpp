#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>

// SIGINT while run() waits on the main thread, which is the thread that gtest calls us on. asyncio's
// KeyboardInterrupt is here a CancelledError that says "SIGINT".

namespace heddle::test {
namespace {

class RunSigint : public OverWorkers {
protected:
    Event never;

    static void interrupt() { EXPECT_EQ(std::raise(SIGINT), 0); }
    static bool default_handler_is_back() {
        struct sigaction now{};
        return sigaction(SIGINT, nullptr, &now) == 0 && now.sa_handler == SIG_DFL;
    }
};
HEDDLE_OVER_WORKERS(RunSigint);

TEST_P(RunSigint, RUN_13_main_waits) {
    bool awaited_task_cancelled = false;
    auto sleeper = [&]() -> Coro<void> { co_await never.wait(); };
    auto main = [&]() -> Coro<void> {
        const Task<void> me = current_task();
        const Task<void> awaited = create_task(sleeper());
        auto interrupter = [&]() -> Coro<void> {
            co_await until_parked(me, awaited);
            interrupt();
        };
        const Task<void> other = create_task(interrupter());
        const std::string end = co_await ending(awaited);
        EXPECT_EQ(end, "CancelledError: SIGINT");
        awaited_task_cancelled = awaited.cancelled();
        co_await other;
        throw CancelledError("SIGINT");
    };
    EXPECT_EQ(ending_of([&] { run(main()); }), "CancelledError: SIGINT");
    EXPECT_TRUE(awaited_task_cancelled);
    EXPECT_TRUE(default_handler_is_back());
}

TEST_P(RunSigint, RUN_13_main_spins_on_yields) {
    auto main = [&]() -> Coro<void> {
        interrupt();
        for (;;) {
            co_await yield();
        }
    };
    EXPECT_EQ(ending_of([&] { run(main()); }), "CancelledError: SIGINT");
    EXPECT_TRUE(default_handler_is_back());
}

TEST_P(RunSigint, RUN_13_from_another_thread) {
    std::thread interrupter([&] {
        until_waiters_blocking(never, 1);
        interrupt();
    });
    auto main = [&]() -> Coro<void> { co_await never.wait(); };
    EXPECT_EQ(ending_of([&] { run(main()); }), "CancelledError: SIGINT");
    interrupter.join();
}

TEST_P(RunSigint, RUN_14_cancelled_by_somebody_else_as_well) {
    auto main = [&]() -> Coro<void> {
        const Task<void> me = current_task();
        interrupt();
        auto asked = [&] { return me.cancelling() == 1; };
        // Notices the signal without being interrupted by it: not by suspending.
        until_blocking(asked);
        me.cancel("somebody else");
        co_await never.wait();
    };
    EXPECT_EQ(ending_of([&] { run(main()); }), "CancelledError: somebody else");
}

TEST_P(RunSigint, RUN_15_main_handles_it_and_returns) {
    auto main = [&]() -> Coro<int> {
        interrupt();
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError: SIGINT");
        EXPECT_EQ(current_task().uncancel(), 0);
        co_await yield();
        co_return 7;
    };
    EXPECT_EQ(run(main()), 7);
    EXPECT_TRUE(default_handler_is_back());
    EXPECT_EQ(run(main()), 7);  // the next run() has a first SIGINT again
}

using RunSigintDeathTest = RunSigint;
HEDDLE_OVER_WORKERS(RunSigintDeathTest);

TEST_P(RunSigintDeathTest, RUN_15_a_second_one_ends_the_process) {
    auto main = [&]() -> Coro<void> {
        interrupt();
        const std::string stopped = co_await ending(never.wait());
        EXPECT_EQ(stopped, "CancelledError: SIGINT");
        interrupt();
        co_await never.wait();
    };
    EXPECT_EXIT(run(main()), testing::KilledBySignal(SIGINT), "");
}

TEST_P(RunSigint, RUN_16_runs_where_no_handler_can_be_installed) {
    auto main = []() -> Coro<int> {
        co_await yield();
        co_return 3;
    };
    std::thread elsewhere([&] {
        EXPECT_EQ(run(main()), 3);
        EXPECT_TRUE(default_handler_is_back());
    });
    elsewhere.join();

    static volatile std::sig_atomic_t mine = 0;
    std::signal(SIGINT, [](int) { mine = 1; });
    auto interrupted = [&]() -> Coro<int> {
        interrupt();
        co_await yield();
        co_return current_task().cancelling();
    };
    EXPECT_EQ(run(interrupted()), 0);  // the program's own handler stays and is the only one
    EXPECT_EQ(mine, 1);
    std::signal(SIGINT, SIG_DFL);

    RuntimeOptions off = options();
    off.handle_sigint = false;
    auto looks = []() -> Coro<bool> { co_return default_handler_is_back(); };
    EXPECT_TRUE(heddle::run(looks(), off));
}

}  // namespace
}  // namespace heddle::test
