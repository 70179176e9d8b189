#include "support/fixture.hpp"
#include "support/memory.hpp"
#include "support/parked.hpp"
#include "workload.hpp"
#include <heddle/runtime.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

// fork() beside running workers: the child has a copy of everything but of the threads. Whatever they held
// then is held for ever there.

namespace {
bool forked = false;
}

// A child sees none of the stacks on which our objects are kept: all would be leaks.
extern "C" int __lsan_is_turned_off();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
extern "C" int __lsan_is_turned_off() { return forked ? 1 : 0; }

namespace heddle::test {
namespace {

/// A program's static Runtime: destroyed by exit(), in a child as well.
std::unique_ptr<Runtime> static_runtime;  // NOLINT(cert-err58-cpp): empty

enum class End : char { at_once, by_exec, by_exit };

/// Forks and ends the child in its way; gives the child's status when it has ended.
int fork_and(End end) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        forked = true;
        alarm(30);  // one that hangs is ended, which its status tells
        switch (end) {
            case End::at_once:
                _exit(7);
            case End::by_exec:
                execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
                _exit(1);
            case End::by_exit:
                std::exit(7);  // NOLINT(concurrency-mt-unsafe): one thread is left
        }
    }
    int status = 0;
    while (waitpid(child, &status, 0) != child) {
    }
    return status;
}

void expect_good_end(int status) {
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

class Forks : public OverWorkers {
protected:
    void SetUp() override {
        OverWorkers::SetUp();
        static_runtime = std::make_unique<Runtime>(options());
    }
    void TearDown() override {
        static_runtime.reset();
        OverWorkers::TearDown();
    }
};
HEDDLE_OVER_WORKERS(Forks);

TEST_P(Forks, a_plain_thread_forks) {
    for (int round = 0; round < 5; ++round) {
        Workload work(*static_runtime);
        for (const End end : {End::at_once, End::by_exec, End::by_exit, End::by_exit}) {
            expect_good_end(fork_and(end));
        }
        work.finish();
    }
}

TEST_P(Forks, a_function_of_to_thread_forks) {
    Workload work(*static_runtime);
    auto asks = [](End end) -> Coro<int> { co_return co_await to_thread(fork_and, end); };
    for (int round = 0; round < 5; ++round) {
        for (const End end : {End::at_once, End::by_exec, End::by_exit}) {
            expect_good_end(static_runtime->spawn(asks(end)).result_blocking());
        }
    }
    work.finish();
}

TEST_P(Forks, a_task_forks) {
    Workload work(*static_runtime);
    auto forks = [](End end) -> Coro<int> {
        co_await yield();
        co_return fork_and(end);
    };
    for (int round = 0; round < 5; ++round) {
        for (const End end : {End::at_once, End::by_exec, End::by_exit}) {
            expect_good_end(static_runtime->spawn(forks(end)).result_blocking());
        }
    }
    work.finish();
}

}  // namespace
}  // namespace heddle::test
