#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/gather.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

class FutureTest : public OverWorkers {
protected:
    static Coro<int> await_it(Future<int> future) {
        const int value = co_await future;
        co_return value;
    }
};
HEDDLE_OVER_WORKERS(FutureTest);

/// What result() does.
template <class T>
std::string ending_of_future(const Future<T>& future) {
    return ending_of([&] { static_cast<void>(future.result()); });
}

Future<int> failed_future() {
    Future<int> future;
    future.set_exception(Boom("boom"));
    return future;
}

TEST_P(FutureTest, FUT_01_new_and_cancelled) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        EXPECT_FALSE(future.done());
        EXPECT_FALSE(future.cancelled());
        EXPECT_TRUE(future.cancel());
        EXPECT_TRUE(future.done());
        EXPECT_TRUE(future.cancelled());
        co_return;
    };
    run(main());
    // Also where no runtime is.
    const Future<void> outside;
    EXPECT_FALSE(outside.done());
    EXPECT_TRUE(outside.cancel());
    EXPECT_TRUE(outside.done() && outside.cancelled());
}

TEST_P(FutureTest, FUT_02_asked_too_early_or_after_a_cancel) {
    const Future<int> future;
    EXPECT_THROW(static_cast<void>(future.result()), InvalidStateError);
    EXPECT_THROW(static_cast<void>(future.exception()), InvalidStateError);
    EXPECT_EQ(ending_of_future(future), "Result is not set.");
    EXPECT_TRUE(future.cancel("why"));
    EXPECT_EQ(ending_of_future(future), "CancelledError: why");
    EXPECT_EQ(ending_of([&] { static_cast<void>(future.exception()); }), "CancelledError: why");
    const Future<int> without_a_message;
    EXPECT_TRUE(without_a_message.cancel());
    EXPECT_EQ(ending_of_future(without_a_message), "CancelledError");
    EXPECT_EQ(ending_of([&] { static_cast<void>(without_a_message.exception()); }), "CancelledError");
}

TEST_P(FutureTest, FUT_03_the_first_outcome_stands) {
    auto change = [](const Future<int>& future) {
        EXPECT_THROW(future.set_result(2), InvalidStateError);
        EXPECT_THROW(future.set_exception(Boom("late")), InvalidStateError);
        EXPECT_FALSE(future.cancel("late"));
    };
    const Future<int> value;
    value.set_result(1);
    change(value);
    EXPECT_EQ(value.result(), 1);
    EXPECT_FALSE(value.cancelled());
    const Future<int> error;
    error.set_exception(Boom("first"));
    change(error);
    EXPECT_EQ(ending_of_future(error), "first");
    EXPECT_FALSE(error.cancelled());
    const Future<int> cancelled;
    cancelled.cancel("first");
    change(cancelled);
    EXPECT_EQ(ending_of_future(cancelled), "CancelledError: first");
    // A refused call leaves a pending future pending.
    const Future<int> pending;
    EXPECT_THROW(pending.set_exception(std::exception_ptr()), std::invalid_argument);
    EXPECT_FALSE(pending.done());
    pending.set_result(3);
    EXPECT_EQ(pending.result(), 3);
}

TEST_P(FutureTest, FUT_04_an_exception) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        future.set_exception(Boom("boom"));
        EXPECT_TRUE(future.done());
        EXPECT_FALSE(future.cancelled());
        EXPECT_EQ(describe(future.exception()), "boom");
        EXPECT_EQ(ending_of_future(future), "boom");
        EXPECT_EQ(ending_of_future(future), "boom");  // and again
        const std::string end = co_await ending(future);
        EXPECT_EQ(end, "boom");
        const Future<int> by_pointer;
        by_pointer.set_exception(std::make_exception_ptr(Boom("pointer")));
        EXPECT_EQ(describe(by_pointer.exception()), "pointer");
        const Future<int> value;
        value.set_result(1);
        EXPECT_EQ(value.exception(), nullptr);
        // CancelledError is no exception like others: it cancels.
        const Future<int> cancelled;
        cancelled.set_exception(CancelledError("so"));
        EXPECT_TRUE(cancelled.cancelled());
        EXPECT_EQ(ending_of_future(cancelled), "CancelledError: so");
    };
    run(main());
}

TEST_P(FutureTest, FUT_05_awaited_before_and_after_and_twice) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        const Task<int> a = create_task(await_it(future));
        const Task<int> b = create_task(await_it(future));
        co_await until_parked(a, b);
        future.set_result(42);
        const int of_a = co_await a;
        const int of_b = co_await b;
        EXPECT_EQ(of_a, 42);
        EXPECT_EQ(of_b, 42);
        bool other_ran = false;
        auto other = [&]() -> Coro<void> {
            other_ran = true;
            co_return;
        };
        const Task<void> ready = create_task(other());
        for (int i = 0; i < 2; ++i) {
            const int again = co_await future;
            EXPECT_EQ(again, 42);
        }
        if (workers() == 1 && !HEDDLE_FORCE_SUSPEND) {
            EXPECT_FALSE(other_ran);  // no suspension
        }
        co_await ready;
        EXPECT_EQ(future.result(), 42);
    };
    run(main());
}

TEST_P(FutureTest, FUT_05_values_of_all_kinds) {
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        const Future<void> nothing;
        nothing.set_result();
        co_await nothing;
        int number = 1;
        const Future<int&> reference;
        reference.set_result(number);
        const int& same = co_await reference;
        EXPECT_EQ(&same, &number);
        {
            Future<Probe> future;
            future.set_result(Probe(counts, 5));
            const Probe& seen = co_await future;
            EXPECT_EQ(seen.value(), 5);
            EXPECT_EQ(counts.copied, 0);
            const Probe taken = co_await std::move(future);  // the only handle
            EXPECT_EQ(taken.value(), 5);
            EXPECT_EQ(counts.copied, 0);
        }
        EXPECT_EQ(counts.alive, 0);
    };
    run(main());
}

// Whoever waits gets something even if the value cannot be stored.
TEST_P(FutureTest, FUT_05_a_value_that_cannot_be_moved) {
    struct Fragile {
        explicit Fragile(int n) : moves_left(n) {}
        // NOLINTNEXTLINE(performance-noexcept-move-constructor, bugprone-exception-escape): the point
        Fragile(Fragile&& other) : moves_left(other.moves_left - 1) {
            if (moves_left < 0) {
                throw Boom("moved");
            }
        }
        Fragile& operator=(Fragile&&) = delete;
        Fragile(const Fragile&) = delete;
        Fragile& operator=(const Fragile&) = delete;
        ~Fragile() = default;
        int moves_left;
    };
    const Future<Fragile> undecided;
    EXPECT_THROW(undecided.set_result(Fragile(0)), Boom);
    EXPECT_FALSE(undecided.done());  // it could not even be taken over
    const Future<Fragile> decided;
    decided.set_result(Fragile(1));
    EXPECT_TRUE(decided.done());
    EXPECT_EQ(describe(decided.exception()), "moved");
    const Future<Fragile> good;
    good.set_result(Fragile(2));
    EXPECT_EQ(good.result().moves_left, 0);
}

TEST_P(FutureTest, FUT_09_an_error_that_nobody_looks_at_is_reported_once) {
    auto main = []() -> Coro<void> {
        {
            const Future<int> never_looked_at = failed_future();
        }
        {
            const Future<int> future = failed_future();
            const Future<int> copy = future;  // NOLINT(performance-unnecessary-copy-initialization)
            EXPECT_TRUE(copy.done());
        }
        co_return;
    };
    run(main());
    EXPECT_EQ(take_reports(), (std::vector<std::string>{"Task exception was never retrieved",
                                                        "Task exception was never retrieved"}));
}

TEST_P(FutureTest, FUT_09_one_that_somebody_looked_at_is_not) {
    auto main = []() -> Coro<void> {
        Future<int> future = failed_future();
        static_cast<void>(future.exception());
        future = failed_future();
        EXPECT_EQ(ending_of_future(future), "boom");
        future = failed_future();
        EXPECT_FALSE(future.cancel());
        future = failed_future();
        const std::string end = co_await ending(future);
        EXPECT_EQ(end, "boom");
        future = failed_future();
        const auto results = co_await gather(return_exceptions, future);
        EXPECT_EQ(describe(std::get<0>(results).exception()), "boom");
        future = Future<int>();
        future.cancel();
        future = Future<int>();
        future.set_result(1);
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

TEST_P(FutureTest, FUT_11_a_promise_that_is_dropped) {
    auto main = [&]() -> Coro<void> {
        Future<int> future;
        std::vector<Task<int>> waiting;
        std::atomic<int> calls{0};
        {
            const Promise<int> promise;
            future = promise.future();
            EXPECT_EQ(future, promise.future());
            waiting = {create_task(await_it(future)), create_task(await_it(future))};
            future.add_done_callback([&] { ++calls; });
            co_await until_parked(waiting[0], waiting[1]);
            EXPECT_FALSE(future.done());
        }
        for (const Task<int>& task : waiting) {
            const std::string end = co_await ending(task);
            EXPECT_EQ(end, "broken promise");
        }
        EXPECT_THROW(static_cast<void>(future.result()), InvalidStateError);
        auto called = [&] { return calls == 1; };
        co_await until(called);
    };
    run(main());
    // A plain thread does not wait for ever either.
    std::optional<Promise<void>> promise;
    promise.emplace();
    const Future<void> future = promise->future();
    std::string end;
    {
        BlockingThread thread([&] { end = ending_of([&] { future.result_blocking(); }); });
        until_blocking([&] { return thread.parked(); });
        promise.reset();
    }
    EXPECT_EQ(end, "broken promise");
}

TEST_P(FutureTest, FUT_11_a_promise_that_was_kept) {
    auto main = [&]() -> Coro<void> {
        Future<std::string> value;
        Future<void> nothing;
        Future<int> error;
        Future<int> cancelled;
        Future<int> moved_on;
        {
            const Promise<std::string> a;
            value = a.future();
            a.set_result("text");
            EXPECT_THROW(a.set_result("again"), InvalidStateError);
            const Promise<void> b;
            nothing = b.future();
            b.set_result();
            const Promise<int> c;
            error = c.future();
            c.set_exception(Boom("boom"));
            const Promise<int> d;
            cancelled = d.future();
            cancelled.cancel();  // the reader gives up: nothing to break
            Promise<int> e;
            moved_on = e.future();
            Promise<int> f = std::move(e);
            Promise<int> g;
            const Future<int> replaced = g.future();
            g = std::move(f);
            EXPECT_FALSE(moved_on.done());
            g.set_result(3);
        }
        EXPECT_EQ(value.result(), "text");
        co_await nothing;
        EXPECT_EQ(ending_of_future(error), "boom");
        EXPECT_TRUE(cancelled.cancelled());
        EXPECT_EQ(moved_on.result(), 3);
    };
    run(main());
}

// Nobody waits, so nobody needs to be told.
TEST_P(FutureTest, FUT_11_a_promise_that_nobody_cares_about) {
    auto main = []() -> Coro<void> {
        {
            const Promise<int> promise;
        }
        {
            const Promise<int> promise;
            // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the point
            const Future<int> dropped_before = promise.future();
        }
        co_return;
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{});
}

}  // namespace
}  // namespace heddle::test
