#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/jobs.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/stop_token.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class StopToken : public WithJobs {};
HEDDLE_OVER_WORKERS(StopToken);

TEST_P(StopToken, NobodyStopsIt) {
    auto main = [&]() -> Coro<void> {
        const std::stop_source source;
        const int value = co_await with_stop_token(source.get_token(), give(1));
        EXPECT_EQ(value, 1);
        const int of_none = co_await with_stop_token(std::stop_token(), give(2));  // can never be stopped
        EXPECT_EQ(of_none, 2);
        auto owner = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
        const std::unique_ptr<int> owned = co_await with_stop_token(source.get_token(), owner());
        EXPECT_EQ(*owned, 3);
        co_await with_stop_token(source.get_token(), yield());  // any awaitable
        auto fails = []() -> Coro<void> {
            co_await yield();
            throw Boom("boom");
        };
        const std::string end = co_await ending(with_stop_token(source.get_token(), fails()));
        EXPECT_EQ(end, "boom");
        source.request_stop();  // nobody is there any more
        const std::string later = co_await ending(yield());
        EXPECT_EQ(later, "value");
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

TEST_P(StopToken, StoppedWhileItWaits) {
    auto main = [&]() -> Coro<void> {
        std::stop_source source;
        std::atomic<int> cleaned_up{0};
        auto works = [&]() -> Coro<std::string> {
            std::string end = co_await ending(with_stop_token(source.get_token(), sleeper(cleaned_up)));
            EXPECT_EQ(cleaned_up, 1);                   // it has ended before
            EXPECT_EQ(current_task().cancelling(), 0);  // we were not asked to stop
            co_return end;
        };
        const Task<std::string> task = create_task(works());
        co_await until_waiters(never, 1);
        co_await until_parked(task);
        EXPECT_TRUE(source.request_stop());
        const std::string& end = co_await task;
        EXPECT_EQ(end.substr(0, 14), "CancelledError");
        EXPECT_FALSE(task.cancelled());
    };
    run(main());
}

TEST_P(StopToken, StoppedBeforeTheStart) {
    auto main = [&]() -> Coro<void> {
        const std::stop_source source;
        source.request_stop();
        std::atomic<int> ran{0};
        auto work = [&]() -> Coro<void> {
            ++ran;
            co_await never.wait();
        };
        for (int i = 0; i < 50; ++i) {
            const std::string end = co_await ending(with_stop_token(source.get_token(), work()));
            EXPECT_EQ(end.substr(0, 14), "CancelledError");
        }
        if (workers() == 1) {
            EXPECT_EQ(ran, 0);
        }
        EXPECT_EQ(waiters(never), 0U);
    };
    run(main());
}

TEST_P(StopToken, WorkThatDoesNotObey) {
    auto main = [&]() -> Coro<void> {
        std::stop_source source;
        auto ignores = [&]() -> Coro<int> {
            const std::string end = co_await ending(never.wait());
            EXPECT_EQ(end.substr(0, 14), "CancelledError");
            co_await yield();
            co_return 4;
        };
        auto fails = [&]() -> Coro<int> {
            co_await ending(never.wait());
            throw Boom("cleanup");
        };
        auto works = [&](Coro<int> work) -> Coro<int> {
            const int value = co_await with_stop_token(source.get_token(), std::move(work));
            co_return value;
        };
        const Task<int> a = create_task(works(ignores()));
        const Task<int> b = create_task(works(fails()));
        co_await until_waiters(never, 2);
        co_await until_parked(a, b);
        source.request_stop();
        const int value = co_await a;
        EXPECT_EQ(value, 4);
        const std::string end = co_await ending(b);
        EXPECT_EQ(end, "cleanup");
    };
    run(main());
}

TEST_P(StopToken, TheCallerIsCancelled) {
    auto main = [&]() -> Coro<void> {
        std::stop_source source;
        std::atomic<int> cleaned_up{0};
        auto works = [&]() -> Coro<void> {
            co_await with_stop_token(source.get_token(), sleeper(cleaned_up));
        };
        const Task<void> task = create_task(works());
        co_await until_waiters(never, 1);
        co_await until_parked(task);
        task.cancel("caller");
        const std::string end = co_await ending(task);
        EXPECT_EQ(end, "CancelledError: caller");
        EXPECT_EQ(cleaned_up, 1);
        const std::string late =
            co_await ending(wait_for(with_stop_token(source.get_token(), sleeper(cleaned_up)), 2ms));
        EXPECT_EQ(late, "TimeoutError");
        EXPECT_EQ(cleaned_up, 2);
        EXPECT_FALSE(source.stop_requested());
    };
    run(main());
}

TEST_P(StopToken, ATaskThatRunsAlready) {
    auto main = [&]() -> Coro<void> {
        std::stop_source source;
        std::atomic<int> cleaned_up{0};
        const Task<int> work = create_task(sleeper(cleaned_up));
        co_await until_parked(work);
        auto works = [&]() -> Coro<int> {
            const int value = co_await with_stop_token(source.get_token(), work);
            co_return value;
        };
        const Task<int> task = create_task(works());
        co_await until_parked(task);
        source.request_stop();
        const std::string end = co_await ending(task);
        EXPECT_EQ(end.substr(0, 14), "CancelledError");
        EXPECT_TRUE(work.cancelled());
        EXPECT_EQ(cleaned_up, 1);
    };
    run(main());
}

TEST_P(StopToken, OneTokenForManyFromAPlainThread) {
    auto main = [&]() -> Coro<void> {
        constexpr int n = 50;
        std::stop_source source;
        std::atomic<int> cleaned_up{0};
        auto works = [&]() -> Coro<void> {
            const std::string end = co_await ending(with_stop_token(source.get_token(), sleeper(cleaned_up)));
            EXPECT_EQ(end.substr(0, 14), "CancelledError");
        };
        std::vector<Coro<void>> all;
        for (int i = 0; i < n; ++i) {
            all.push_back(works());
        }
        std::thread stopper([&] {
            until_waiters_blocking(never, n);
            source.request_stop();
        });
        co_await gather(std::move(all));
        EXPECT_EQ(cleaned_up, n);
        stopper.join();
    };
    run(main());
}

TEST_P(StopToken, StoppedAsItEnds) {
    auto main = [&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            Event go;
            std::stop_source source;
            auto gives = [&]() -> Coro<int> {
                co_await go.wait();
                co_return 1;
            };
            auto works = [&]() -> Coro<int> {
                const int value = co_await with_stop_token(source.get_token(), gives());
                co_return value;
            };
            const Task<int> task = create_task(works());
            co_await until_waiters(go, 1);
            auto set = [&] { go.set(); };
            auto stop = [&] { source.request_stop(); };
            co_await racers.at_once(set, stop);
            const std::string end = co_await ending(task);
            EXPECT_TRUE(end == "value" || end.substr(0, 14) == "CancelledError") << end;
            EXPECT_EQ(task.cancelling(), 0);
        }
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
