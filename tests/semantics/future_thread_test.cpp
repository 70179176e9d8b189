#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

// A Future between a plain thread and tasks, in both directions.

namespace heddle::test {
namespace {

class FutureThread : public OverWorkers {
protected:
    Event never;

    static Coro<int> await_it(Future<int> future) {
        const int value = co_await future;
        co_return value;
    }
    /// Ends `target` as a task has ended, and cancels the task when `target` is cancelled.
    static void chain(const Task<int>& source, const Future<int>& target) {
        source.add_done_callback([target](const Task<int>& done) {
            if (target.done()) {
                return;
            }
            if (done.cancelled()) {
                target.cancel();
            } else if (done.exception() != nullptr) {
                target.set_exception(done.exception());
            } else {
                target.set_result(done.result());
            }
        });
        target.add_done_callback([source](const Future<int>& done) {
            if (done.cancelled()) {
                source.cancel();
            }
        });
    }
};
HEDDLE_OVER_WORKERS(FutureThread);

TEST_P(FutureThread, FUT_10_a_thread_decides_and_tasks_wait) {
    Runtime runtime(options());
    for (const std::string how : {"value", "boom", "CancelledError"}) {
        const Future<int> future;  // made on this thread
        const Task<int> a = runtime.spawn(await_it(future));
        const Task<int> b = runtime.spawn(await_it(future));
        until_parked_blocking(a, b);
        if (how == "value") {
            future.set_result(5);
        } else if (how == "boom") {
            future.set_exception(Boom("boom"));
        } else {
            EXPECT_TRUE(future.cancel());
        }
        EXPECT_EQ(ending_of([&] { a.result_blocking(); }), how);
        EXPECT_EQ(ending_of([&] { b.result_blocking(); }), how);
        EXPECT_EQ(a.cancelling(), 0);  // the future was cancelled, not the task
        EXPECT_EQ(a.cancelled(), how == "CancelledError");
    }
}

TEST_P(FutureThread, FUT_10_a_task_decides_and_threads_wait) {
    Runtime runtime(options());
    for (const std::string how : {"value", "boom", "CancelledError"}) {
        const Future<int> future;
        std::string end;
        {
            BlockingThread thread([&] { end = ending_of([&] { return future.result_blocking(); }); });
            until_blocking([&] { return thread.parked(); });
            auto decide = [&]() -> Coro<void> {
                if (how == "value") {
                    future.set_result(5);
                } else if (how == "boom") {
                    future.set_exception(Boom("boom"));
                } else {
                    future.cancel();
                }
                // The blocking form would stop the worker.
                EXPECT_THROW(future.wait_blocking(), std::runtime_error);
                co_return;
            };
            runtime.run(decide());
        }
        EXPECT_EQ(end, how);
    }
}

TEST_P(FutureThread, FUT_10_a_cancelled_awaiter_cancels_the_future) {
    Runtime runtime(options());
    const Future<int> future;
    const Task<int> a = runtime.spawn(await_it(future));
    const Task<int> b = runtime.spawn(await_it(future));
    until_parked_blocking(a, b);
    EXPECT_TRUE(a.cancel("a"));
    EXPECT_EQ(ending_of([&] { a.result_blocking(); }), "CancelledError: a");
    EXPECT_EQ(ending_of([&] { b.result_blocking(); }), "CancelledError: a");
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(future.set_result(1), InvalidStateError);  // the thread comes too late and is told so
}

TEST_P(FutureThread, FUT_10_chained_to_a_task) {
    Runtime runtime(options());
    Event go;
    auto gives = [&]() -> Coro<int> {
        co_await go.wait();
        co_return 5;
    };
    auto fails = [&]() -> Coro<int> {
        co_await go.wait();
        throw Boom("boom");
    };
    auto sleeps = [&]() -> Coro<int> {
        co_await never.wait();
        co_return 0;
    };
    // Forward: the value, the error, the cancellation.
    const Task<int> giving = runtime.spawn(gives());
    const Task<int> failing = runtime.spawn(fails());
    const Task<int> cancelled = runtime.spawn(sleeps());
    const Future<int> value;
    const Future<int> error;
    const Future<int> cancellation;
    chain(giving, value);
    chain(failing, error);
    chain(cancelled, cancellation);
    until_parked_blocking(giving, failing, cancelled);
    go.set();
    cancelled.cancel();
    EXPECT_EQ(value.result_blocking(), 5);
    EXPECT_EQ(ending_of([&] { error.result_blocking(); }), "boom");
    EXPECT_EQ(ending_of([&] { cancellation.result_blocking(); }), "CancelledError");
    // Backward: the reader gives up.
    const Task<int> work = runtime.spawn(sleeps());
    const Future<int> given_up;
    chain(work, given_up);
    until_parked_blocking(work);
    EXPECT_TRUE(given_up.cancel());
    work.wait_blocking();
    EXPECT_TRUE(work.cancelled());
    // After the source has its result, that stays.
    EXPECT_FALSE(value.cancel());
    EXPECT_EQ(giving.result(), 5);
    EXPECT_FALSE(giving.cancelled());
}

TEST_P(FutureThread, FUT_10_cancel_against_the_end_of_the_source) {
    Runtime runtime(options());
    auto main = [&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Event go;
            auto gives = [&]() -> Coro<int> {
                co_await go.wait();
                co_return 5;
            };
            const Task<int> source = create_task(gives());
            // The reader may win while the source's callback is on its way to set the result.
            const Future<int> target;
            std::atomic<int> outcomes{0};
            source.add_done_callback([&, target](const Task<int>& done) {
                try {
                    target.set_result(done.result());
                    ++outcomes;
                } catch (const InvalidStateError&) {  // NOLINT(bugprone-empty-catch): the reader was first
                    // It has decided, and may be about to say so: target.cancelled() is looked at below.
                }
            });
            co_await until_parked(source);
            auto set = [&] { go.set(); };
            auto cancel = [&] { outcomes += target.cancel() ? 1 : 0; };
            co_await racers.at_once(set, cancel);
            const int value = co_await source;
            EXPECT_EQ(value, 5);
            const std::string end = co_await ending(target);
            EXPECT_TRUE(end == "value" || end == "CancelledError") << end;
            auto one = [&] { return outcomes == 1; };
            co_await until(one);
            EXPECT_EQ(target.cancelled(), end == "CancelledError");
        }
    };
    runtime.run(main());
}

// Many threads and tasks that try to decide: exactly one does, and all see the same.
TEST_P(FutureThread, FUT_03_FUT_10_many_want_to_decide) {
    auto main = [&]() -> Coro<void> {
        Racers racers(3);
        for (Rounds rounds; rounds.next();) {
            const Future<int> future;
            const Task<int> a = create_task(await_it(future));
            const Task<int> b = create_task(await_it(future));
            co_await until_parked(a);
            std::atomic<int> decided{0};
            auto set_result = [&] {
                try {
                    future.set_result(1);
                    ++decided;
                } catch (const InvalidStateError&) {
                    EXPECT_FALSE(future.cancel());
                }
            };
            auto set_exception = [&] {
                try {
                    future.set_exception(Boom("boom"));
                    ++decided;
                } catch (const InvalidStateError&) {
                    EXPECT_FALSE(future.cancel());
                }
            };
            auto cancel = [&] { decided += future.cancel() ? 1 : 0; };
            co_await racers.at_once(set_result, set_exception, cancel);
            EXPECT_EQ(decided, 1);
            const std::string end = co_await ending(future);
            const std::string of_a = co_await ending(a);
            const std::string of_b = co_await ending(b);
            EXPECT_EQ(of_a, end);
            EXPECT_EQ(of_b, end);
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
