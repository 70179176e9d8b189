#pragma once

#include <heddle/coro.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/slab.hpp>
#include <heddle/runtime.hpp>

#include <gtest/gtest.h>

#include <concepts>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {

/// Tasks, futures and children of a gather that somebody still holds, or that run. Blocks of plain threads do
/// not count: they are kept for the next thread that blocks.
inline std::size_t tasks_alive() {
    std::size_t n = 0;
    detail::slab_for_each(
        [](detail::TaskControl& control, void* count) {
            // acquire: whoever let go of it last has written what we read
            const bool alive =
                control.refs.load(detail::acquire) != 0 && control.kind != detail::TaskKind::thread;
            *static_cast<std::size_t*>(count) += alive ? 1 : 0;
        },
        &n);
    return n;
}

/// Base of suites whose tests run with 1, 2 and 4 workers:
///
///   class Lock : public OverWorkers {};
///   HEDDLE_OVER_WORKERS(Lock);
///   TEST_P(Lock, LOCK_01_a_new_lock_is_free) { run([&]() -> Coro<void> { ... }); }
///
/// After each test: every task and handle is gone, and no exception went to the runtime's handler unless the
/// test took it with take_reports().
class OverWorkers : public testing::TestWithParam<unsigned> {
protected:
    void SetUp() override { alive_before_ = tasks_alive(); }
    void TearDown() override {
        EXPECT_EQ(tasks_alive(), alive_before_) << "tasks or handles outlive the test";
        for (const std::string& report : take_reports()) {
            ADD_FAILURE() << "to the exception handler: " << report;
        }
    }

    [[nodiscard]] static unsigned workers() { return GetParam(); }

    /// For tests that make their own Runtime.
    RuntimeOptions options() {
        RuntimeOptions options;
        options.workers = workers();
        options.exception_handler = [this](const std::string& context, const std::exception_ptr& error) {
            static_cast<void>(error);
            const std::lock_guard hold(reports_lock_);
            reports_.push_back(context);
        };
        return options;
    }

    /// asyncio.run() on a runtime of its own.
    template <class T>
    T run(Coro<T> main) {
        return heddle::run(std::move(main), options());
    }
    /// The same for a coroutine lambda, which lives until its coroutine has ended.
    template <std::invocable Body>
    auto run(Body body) {
        return run(body());
    }

    /// What has gone to the exception handler so far; forgets it.
    std::vector<std::string> take_reports() {
        const std::lock_guard hold(reports_lock_);
        return std::exchange(reports_, {});
    }

private:
    std::size_t alive_before_ = 0;
    std::mutex reports_lock_;
    std::vector<std::string> reports_;
};

}  // namespace heddle::test

// Used as a declaration, outside of functions. Tests are called <suite>.<name>/<workers>.
#define HEDDLE_OVER_WORKERS(suite) \
    INSTANTIATE_TEST_SUITE_P(workers, suite, testing::Values(1U, 2U, 4U), testing::PrintToStringParamName())
