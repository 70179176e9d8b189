#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/generator.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string>

// A generator whose consumer is cancelled while the generator waits.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class GeneratorCancel : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(GeneratorCancel);

TEST_P(GeneratorCancel, CancelledWhereItWaits) {
    auto main = [&]() -> Coro<void> {
        for (const bool goes_on : {false, true}) {
            bool cleaned_up = false;
            auto waits = [&]() -> AsyncGenerator<int> {
                co_yield 1;
                std::exception_ptr error;
                try {
                    co_await never.wait();
                } catch (const CancelledError& cancelled) {
                    EXPECT_EQ(cancelled.message(), "why");
                    cleaned_up = true;
                    error = std::current_exception();
                }
                if (!goes_on) {
                    std::rethrow_exception(error);
                }
                co_yield 2;
            };
            auto consumes = [&]() -> Coro<std::string> {
                auto values = waits();
                std::string seen;
                try {
                    auto x = co_await values.next();
                    while (x) {
                        seen += std::to_string(*x);
                        x = co_await values.next();
                    }
                    seen += " end";
                } catch (const CancelledError&) {
                    seen += " cancelled";
                }
                const std::optional<int> nothing = co_await values.next();
                EXPECT_EQ(nothing, std::nullopt);
                co_return seen;
            };
            const Task<std::string> consumer = create_task(consumes());
            co_await until_waiters(never, 1);
            co_await until_parked(consumer);
            consumer.cancel("why");
            const std::string& seen = co_await consumer;
            EXPECT_EQ(seen, goes_on ? "12 end" : "1 cancelled");
            EXPECT_TRUE(cleaned_up);
        }
    };
    run(main());
}

TEST_P(GeneratorCancel, ADeadlineOnTheNextValue) {
    auto main = [&]() -> Coro<void> {
        auto waits = [&]() -> AsyncGenerator<int> {
            co_yield 1;
            const std::string end = co_await ending(never.wait());
            EXPECT_EQ(end, "CancelledError");
            throw CancelledError();
        };
        auto values = waits();
        const std::optional<int> first = co_await wait_for(values.next(), 1h);
        EXPECT_EQ(first, 1);
        const std::string end = co_await ending(wait_for(values.next(), 2ms));
        EXPECT_EQ(end, "TimeoutError");
        const std::optional<int> nothing = co_await values.next();
        EXPECT_EQ(nothing, std::nullopt);
        EXPECT_EQ(current_task().cancelling(), 0);
    };
    run(main());
}

}  // namespace
}  // namespace heddle::test
