#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/event.hpp>
#include <heddle/future.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Done callbacks of a Future.

namespace heddle::test {
namespace {

class FutureCallback : public OverWorkers {};
HEDDLE_OVER_WORKERS(FutureCallback);

TEST_P(FutureCallback, FUT_06_once_each_in_order_and_after_the_end) {
    auto main = [&]() -> Coro<void> {
        for (int how = 0; how < 3; ++how) {
            const Future<int> future;
            std::vector<int> order;
            std::atomic<bool> inside{false};
            Event ended;
            for (int i = 0; i < 10; ++i) {
                future.add_done_callback([&, i](const Future<int>& done) {
                    EXPECT_TRUE(done.done());
                    EXPECT_EQ(done, future);
                    order.push_back(i);
                });
            }
            const std::thread::id me = std::this_thread::get_id();
            future.add_done_callback([&] {
                EXPECT_FALSE(inside && std::this_thread::get_id() == me);
                EXPECT_TRUE(current_task());  // on a worker
                ended.set();
            });
            inside = true;
            if (how == 0) {
                future.set_result(1);
            } else if (how == 1) {
                future.set_exception(Boom("boom"));
            } else {
                future.cancel();
            }
            inside = false;
            co_await ended.wait();
            EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
            EXPECT_EQ(ending_of([&] { static_cast<void>(future.result()); }),
                      (std::vector<std::string>{"value", "boom", "CancelledError"}.at(
                          static_cast<std::size_t>(how))));
        }
    };
    run(main());
}

TEST_P(FutureCallback, FUT_06_set_from_a_plain_thread) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        Event ended;
        std::optional<std::thread::id> ran_on;
        future.add_done_callback([&] {
            ran_on = std::this_thread::get_id();
            ended.set();
        });
        std::thread setter([&] { future.set_result(1); });
        const std::thread::id other = setter.get_id();
        co_await ended.wait();
        EXPECT_NE(ran_on, other);
        setter.join();
    };
    run(main());
}

TEST_P(FutureCallback, FUT_06_one_that_throws_does_not_stop_the_others) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        Event ended;
        future.add_done_callback([] { throw Boom("callback"); });
        future.add_done_callback([&] { ended.set(); });
        future.set_result(1);
        co_await ended.wait();
    };
    run(main());
    EXPECT_EQ(take_reports(), std::vector<std::string>{"Exception in done callback"});
}

TEST_P(FutureCallback, FUT_07_added_after_the_end) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        future.set_result(7);
        Event ended;
        int value = 0;
        bool inside = true;
        const std::thread::id me = std::this_thread::get_id();
        future.add_done_callback([&](const Future<int>& done) {
            EXPECT_FALSE(std::this_thread::get_id() == me && inside);
            value = done.result();
            ended.set();
        });
        inside = false;
        co_await ended.wait();
        EXPECT_EQ(value, 7);
    };
    run(main());
}

// A future that was made on a plain thread has no worker: whoever ends it runs the callbacks.
TEST_P(FutureCallback, FUT_06_FUT_07_of_no_runtime) {
    const Future<int> future;
    std::vector<int> order;
    future.add_done_callback([&] { order.push_back(1); });
    future.add_done_callback([&] { order.push_back(2); });
    EXPECT_TRUE(order.empty());
    std::thread([&] { future.set_result(1); }).join();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    future.add_done_callback([&] { order.push_back(3); });
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

// Whoever wakes may destroy what a result refers to: nothing is left of it but the result.
TEST_P(FutureCallback, FUT_06_one_result_is_left) {
    ProbeCounts counts;
    const Future<Probe> future;
    int alive = 0;
    future.add_done_callback([&] { alive = counts.alive; });
    future.set_result(counts);
    EXPECT_EQ(alive, 1);
}

// The runtime that should run the callback is gone: that is reported, and the future has its result.
TEST_P(FutureCallback, FUT_06_the_runtime_is_gone) {
    std::optional<Future<int>> future;
    int calls = 0;
    auto main = [&]() -> Coro<void> {
        future.emplace();
        future->add_done_callback([&] { ++calls; });
        co_return;
    };
    run(main());
    testing::internal::CaptureStderr();
    future->set_result(1);
    const std::string report = testing::internal::GetCapturedStderr();
    EXPECT_NE(report.find("callbacks were dropped"), std::string::npos) << report;
    EXPECT_EQ(future->result(), 1);
    EXPECT_EQ(calls, 0);
}

// Of a future that nobody ever decides.
TEST_P(FutureCallback, FUT_08_dropped_with_the_future) {
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        CallbackHandle kept;
        {
            const Future<int> never_set;
            kept = never_set.add_done_callback([probe = Probe(counts)] { static_cast<void>(probe); });
            EXPECT_EQ(counts.alive, 1);
        }
        EXPECT_EQ(counts.alive, 0);
        co_return;
    };
    run(main());
}

TEST_P(FutureCallback, FUT_08_taken_back) {
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        const Future<int> another;
        std::vector<int> order;
        Event ended;
        auto log = [&](int i) { return [&order, i] { order.push_back(i); }; };
        future.add_done_callback(log(1));
        const CallbackHandle second = future.add_done_callback(log(2));
        const CallbackHandle with_a_probe =
            future.add_done_callback([probe = Probe(counts)] { static_cast<void>(probe); });
        const CallbackHandle fourth = future.add_done_callback(log(4));
        const CallbackHandle last = future.add_done_callback([&] { ended.set(); });
        EXPECT_FALSE(another.remove_done_callback(second));  // not one of its own
        EXPECT_FALSE(future.remove_done_callback(CallbackHandle()));
        EXPECT_TRUE(future.remove_done_callback(second));
        EXPECT_FALSE(future.remove_done_callback(second));  // once
        EXPECT_EQ(counts.alive, 1);
        EXPECT_TRUE(future.remove_done_callback(with_a_probe));
        EXPECT_EQ(counts.alive, 0);  // at once, not with the future
        future.set_result(1);
        co_await ended.wait();
        EXPECT_EQ(order, (std::vector<int>{1, 4}));
        EXPECT_FALSE(future.remove_done_callback(fourth));
        EXPECT_FALSE(future.remove_done_callback(last));
    };
    run(main());
}

TEST_P(FutureCallback, FUT_08_changed_by_the_callbacks_themselves) {
    auto main = [&]() -> Coro<void> {
        const Future<int> future;
        std::vector<int> order;
        Event ended;
        Event added_ended;
        std::vector<CallbackHandle> handles(3);
        handles[0] = future.add_done_callback([&] {
            order.push_back(0);
            EXPECT_FALSE(future.remove_done_callback(handles[0]));  // it runs
            EXPECT_TRUE(future.remove_done_callback(handles[1]));
            future.add_done_callback([&] { added_ended.set(); });
        });
        handles[1] = future.add_done_callback([&] { order.push_back(1); });
        handles[2] = future.add_done_callback([&] {
            order.push_back(2);
            ended.set();
        });
        future.set_result(1);
        co_await ended.wait();
        co_await added_ended.wait();
        EXPECT_EQ(order, (std::vector<int>{0, 2}));
    };
    run(main());
}

// Taken back, called, or neither yet: never both, whoever does it when.
TEST_P(FutureCallback, FUT_08_taken_back_against_the_end) {
    auto main = [&]() -> Coro<void> {
        Racers racers(3);
        for (Rounds rounds; rounds.next();) {
            const Future<int> future;
            std::atomic<int> calls{0};
            std::atomic<int> removed{0};
            Event ended;
            const CallbackHandle handle = future.add_done_callback([&] { ++calls; });
            future.add_done_callback([&] { ended.set(); });
            auto set = [&] { future.set_result(1); };
            auto remove = [&] { removed += future.remove_done_callback(handle) ? 1 : 0; };
            co_await racers.at_once(set, remove, remove);
            co_await ended.wait();
            EXPECT_EQ(calls + removed, 1);
        }
    };
    run(main());
}

// What a callback holds goes after its call, though somebody keeps the handle.
TEST_P(FutureCallback, FUT_08_a_handle_keeps_nothing_alive) {
    ProbeCounts counts;
    auto main = [&]() -> Coro<void> {
        CallbackHandle kept;
        {
            const Future<int> future;
            Event ended;
            kept = future.add_done_callback([&, probe = Probe(counts)] { ended.set(); });
            future.set_result(1);
            co_await ended.wait();
            auto gone = [&] { return counts.alive == 0; };
            co_await until(gone);
            EXPECT_FALSE(future.remove_done_callback(kept));
        }
    };
    run(main());
    EXPECT_EQ(counts.alive, 0);
}

TEST_P(FutureCallback, FUT_06_callbacks_that_are_added_at_the_end) {
    auto main = [&]() -> Coro<void> {
        constexpr int n = 4;
        Racers racers(3);
        for (Rounds rounds; rounds.next();) {
            const Future<int> future;
            std::atomic<int> calls{0};
            auto add = [&] {
                for (int i = 0; i < n; ++i) {
                    future.add_done_callback([&] { ++calls; });
                }
            };
            auto set = [&] { future.set_result(1); };
            co_await racers.at_once(add, set, add);
            auto all_called = [&] { return calls == 2 * n; };
            co_await until(all_called);
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
