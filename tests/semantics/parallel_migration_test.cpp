#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/occupy.hpp"
#include "support/parked.hpp"
#include <heddle/context.hpp>
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

// Tasks that are made to go on on another worker than before.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

/// Never inlined: a coroutine must not keep what it knows of its thread over a suspension.
[[gnu::noinline]] std::thread::id this_thread() { return std::this_thread::get_id(); }
[[gnu::noinline]] int uncaught_here() { return std::uncaught_exceptions(); }

/// Where tasks stop, to go on on another worker, if there is one.
struct Crossing {
    Event go;
    std::thread::id from;
    std::atomic<int> crossed{0};

    /// In the task.
    Coro<void> cross() {
        const int before = crossed;
        from = this_thread();
        co_await go.wait();
        go.clear();
        crossed = before + 1;
    }
    /// From outside: waits until `task` is at the crossing and lets it go on where it has not been.
    void let_cross(Runtime& runtime, const Task<void>& task) {
        until_waiters_blocking(go, 1);
        until_parked_blocking(task);
        const int before = crossed;
        {
            Occupied all(runtime);
            // With one worker there is no other; all are let go at the end of the block.
            const bool other = all.free_one_but(from);
            EXPECT_EQ(other, runtime.workers() > 1);
            go.set();
            if (other) {
                until_blocking([&] { return crossed > before; });
            }
        }
        until_blocking([&] { return crossed > before; });
    }
};

class ParallelMigration : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelMigration);

constexpr int crossings = 20;

TEST_P(ParallelMigration, PAR_102_a_task_stays_itself) {
    Runtime runtime(options());
    Crossing crossing;
    ContextVar<std::string> variable("variable", "unset");
    int moved = 0;
    auto body = [&]() -> Coro<void> {
        const Task<void> self = current_task();
        variable.set("mine");
        for (int i = 0; i < crossings; ++i) {
            const std::thread::id before = this_thread();
            co_await crossing.cross();
            moved += this_thread() != before ? 1 : 0;
            EXPECT_TRUE(current_task() == self);
            EXPECT_EQ(current_task().name(), "traveller");
            EXPECT_EQ(variable.get(), "mine");
            EXPECT_EQ(&Runtime::current(), &runtime);
            EXPECT_EQ(current_task().cancelling(), i % 2);
            if (i % 2 == 0) {
                // Another request each time, delivered here and counted there.
                current_task().cancel();
                const std::string how = co_await ending(yield());
                EXPECT_EQ(how, "CancelledError");
            } else {
                EXPECT_EQ(current_task().uncancel(), 0);
            }
        }
    };
    const Task<void> task = runtime.spawn(body(), {.name = "traveller"});
    for (int i = 0; i < crossings; ++i) {
        crossing.let_cross(runtime, task);
    }
    task.wait_blocking();
    EXPECT_EQ(ending_of(task), "value");
    EXPECT_EQ(moved, workers() > 1 ? crossings : 0);
}

TEST_P(ParallelMigration, PAR_102_a_deadline_goes_with_its_task) {
    Runtime runtime(options());
    Crossing crossing;
    Event never;
    std::string how;
    auto body = [&]() -> Coro<void> {
        auto scope = [&](Timeout& timeout) -> Coro<void> {
            co_await crossing.cross();
            timeout.reschedule(1ms);
            co_await never.wait();
        };
        how = co_await ending(timeout(1h, scope));
        co_await crossing.cross();
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    for (int i = 0; i < crossings; ++i) {
        const Task<void> task = runtime.spawn(body());
        crossing.let_cross(runtime, task);
        crossing.let_cross(runtime, task);
        task.wait_blocking();
        EXPECT_EQ(ending_of(task), "value");
        EXPECT_EQ(how, "TimeoutError");
    }
}

TEST_P(ParallelMigration, PAR_102_a_child_of_a_gather_stays_in_its_task) {
    Runtime runtime(options());
    Crossing crossing;
    ContextVar<int> variable("variable", 0);
    auto child = [&]() -> Coro<int> {
        const int before = variable.get();
        co_await crossing.cross();
        EXPECT_EQ(variable.get(), before);
        variable.set(before + 1);
        co_await crossing.cross();
        EXPECT_EQ(variable.get(), before + 1);
        co_return before;
    };
    auto body = [&]() -> Coro<void> {
        variable.set(7);
        auto one = gather(child());
        const std::tuple<int> seen = co_await one;
        EXPECT_EQ(std::get<0>(seen), 7);
        EXPECT_EQ(variable.get(), 7);
    };
    for (int i = 0; i < crossings; ++i) {
        const Task<void> task = runtime.spawn(body());
        crossing.let_cross(runtime, task);
        crossing.let_cross(runtime, task);
        task.wait_blocking();
        EXPECT_EQ(ending_of(task), "value");
    }
}

/// Notes on which threads it was made and destroyed, as a std::mutex's guard would care.
class BoundGuard {
public:
    explicit BoundGuard(bool& same_thread) : same_thread_(same_thread), made_on_(this_thread()) {}
    BoundGuard(const BoundGuard&) = delete;
    BoundGuard& operator=(const BoundGuard&) = delete;
    BoundGuard(BoundGuard&&) = delete;
    BoundGuard& operator=(BoundGuard&&) = delete;
    ~BoundGuard() { same_thread_ = this_thread() == made_on_; }

private:
    bool& same_thread_;
    std::thread::id made_on_;
};

TEST_P(ParallelMigration, PAR_103_a_guard_is_released_elsewhere_than_it_was_taken) {
    // Why a std::mutex must not be held over an await, as docs/compilers.md says, and a Lock may.
    Runtime runtime(options());
    Crossing crossing;
    Lock lock;
    bool same_thread = false;
    int value = 0;  // guarded by the lock
    auto body = [&]() -> Coro<void> {
        const auto held = co_await lock.scoped();
        const BoundGuard guard(same_thread);
        ++value;
        co_await crossing.cross();
        EXPECT_TRUE(lock.locked());
        ++value;
    };
    for (int i = 0; i < crossings; ++i) {
        const Task<void> task = runtime.spawn(body());
        crossing.let_cross(runtime, task);
        task.wait_blocking();
        EXPECT_EQ(same_thread, workers() == 1);
        EXPECT_TRUE(lock.try_acquire());
        EXPECT_EQ(value, 2 * (i + 1));
        lock.release();
    }
}

/// The texts of an error and of those nested in it.
std::string chain(const std::exception& error) {
    std::string text = error.what();
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& inner) {
        text += " < " + chain(inner);
    }
    return text;
}

TEST_P(ParallelMigration, PAR_104_an_error_thrown_on_one_worker_and_caught_on_another) {
    Runtime runtime(options());
    Crossing crossing;
    auto throws_nested = []() -> Coro<void> {
        co_await yield();
        try {
            try {
                throw Boom("innermost");
            } catch (...) {
                std::throw_with_nested(Boom("middle"));
            }
        } catch (...) {
            std::throw_with_nested(Boom("outer"));
        }
    };
    auto body = [&]() -> Coro<void> {
        std::exception_ptr error;
        std::string text;
        std::thread::id thrown_on;
        try {
            co_await throws_nested();
        } catch (...) {
            error = std::current_exception();
            thrown_on = this_thread();
        }
        EXPECT_EQ(uncaught_here(), 0);
        co_await crossing.cross();
        EXPECT_EQ(this_thread() == thrown_on, workers() == 1);
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& caught) {
            text = chain(caught);
        }
        EXPECT_EQ(text, "outer < middle < innermost");
        EXPECT_EQ(uncaught_here(), 0);
        co_await crossing.cross();
        throw Boom("the last");
    };
    for (int i = 0; i < crossings; ++i) {
        const Task<void> task = runtime.spawn(body());
        crossing.let_cross(runtime, task);
        crossing.let_cross(runtime, task);
        EXPECT_EQ(ending_of([&] { task.result_blocking(); }), "the last");
    }
    // No worker has an error left over.
    std::atomic<unsigned> arrived{0};
    auto look = [&]() -> Coro<void> {
        ++arrived;
        until_blocking([&] { return arrived == workers(); });  // one on each worker
        EXPECT_EQ(uncaught_here(), 0);
        EXPECT_EQ(std::current_exception(), nullptr);
        co_return;
    };
    std::vector<Task<void>> looks;
    for (unsigned i = 0; i < workers(); ++i) {
        looks.push_back(runtime.spawn(look()));
        until_blocking([&] { return arrived == i + 1; });
    }
    for (const Task<void>& task : looks) {
        task.wait_blocking();
    }
}

}  // namespace
}  // namespace heddle::test
