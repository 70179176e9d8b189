#include "support/ending.hpp"
#include "support/parked.hpp"
#include <heddle/event.hpp>
#include <heddle/gather.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task_group.hpp>
#include <heddle/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

// One worker runs tasks in asyncio's order: they start in the order of their creation and go on in the order
// of their wake-up. The expected traces are what CPython 3.13 prints for the same programs: a step writes its
// letter and number, `.` is the end of a task, `!` a wake-up, `x` a CancelledError, m is the main task.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class Order : public testing::Test {
public:
    std::string trace;
    Event event;

    void log(const std::string& step) { trace += (trace.empty() ? "" : " ") + step; }
    void run(Coro<void> main) { heddle::run(std::move(main), {.workers = 1}); }

    Coro<void> walker(std::string name, int steps) {
        for (int i = 0; i < steps; ++i) {
            log(name + std::to_string(i));
            co_await yield();
        }
        log(name + ".");
    }
    Coro<void> waiter(std::string name) {
        log(name);
        try {
            co_await event.wait();
        } catch (const CancelledError&) {
            log(name + "x");
            throw;
        }
    }
};

TEST_F(Order, StartInTheOrderOfCreation) {
    auto main = [&]() -> Coro<void> {
        log("m0");
        const Task<void> a = create_task(walker("a", 2));
        const Task<void> b = create_task(walker("b", 2));
        const Task<void> c = create_task(walker("c", 1));
        log("m1");
        co_await yield();
        log("m2");
        co_await a;
        log("m3");
        co_await b;
        log("m4");
        co_await c;
        log("m5");
    };
    run(main());
    EXPECT_EQ(trace, "m0 m1 a0 b0 c0 m2 a1 b1 c. a. b. m3 m4 m5");
}

TEST_F(Order, TasksThatCreateTasks) {
    struct Family {
        static Coro<void> member(Order& test, std::string name, int generations) {
            test.log(name);
            std::vector<Task<void>> children;
            for (int i = 0; generations > 0 && i < 2; ++i) {
                children.push_back(create_task(member(test, name + std::to_string(i), generations - 1)));
            }
            test.log(name + "'");
            co_await yield();
            test.log(name + "\"");
            for (const Task<void>& child : children) {
                co_await child;
            }
            test.log(name + ".");
        }
    };
    run(Family::member(*this, "p", 2));
    EXPECT_EQ(trace,
              "p p' p0 p0' p1 p1' p\" p00 p00' p01 p01' p0\" p10 p10' p11 p11' p1\" p00\" p00. p01\" p01. "
              "p10\" p10. "
              "p11\" p11. p0. p1. p.");
}

TEST_F(Order, WakeInTheOrderOfWakeUp) {
    Event other;
    auto waits = [&](std::string name, Event& what) -> Coro<void> {
        log(name);
        co_await what.wait();
        log(name + "!");
        co_await yield();
        log(name + ".");
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> tasks{create_task(waits("a", event)), create_task(waits("b", other)),
                                      create_task(waits("c", event)), create_task(waits("d", other))};
        co_await yield();
        log("m1");
        other.set();
        event.set();
        log("m2");
        tasks.push_back(create_task(walker("n", 1)));
        co_await yield();
        log("m3");
        for (const Task<void>& task : tasks) {
            co_await task;
        }
        log("m4");
    };
    run(main());
    EXPECT_EQ(trace, "a b c d m1 m2 b! d! a! c! n0 m3 b. d. a. c. n. m4");
}

TEST_F(Order, AwaitersOfOneTask) {
    auto work = [&]() -> Coro<void> {
        co_await event.wait();
        log("work");
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> task = create_task(work());
        auto joins = [&](std::string name) -> Coro<void> {
            log(name);
            co_await task;
            log(name + "!");
        };
        const Task<void> a = create_task(joins("a"));
        const Task<void> b = create_task(joins("b"));
        const Task<void> c = create_task(joins("c"));
        const Task<void> x = create_task(walker("x", 6));
        co_await yield();
        co_await yield();
        log("m1");
        event.set();
        log("m2");
        co_await a;
        co_await b;
        co_await c;
        log("m3");
        co_await x;
    };
    run(main());
    EXPECT_EQ(trace, "a b c x0 x1 m1 m2 x2 work x3 a! b! c! x4 m3 x5 x.");
}

TEST_F(Order, ChildrenOfGatherStartAfterWhatIsReady) {
    auto main = [&]() -> Coro<void> {
        const Task<void> x = create_task(walker("x", 3));
        const Task<void> z = create_task(walker("z", 3));
        log("m0");
        co_await gather(walker("a", 2), walker("b", 1), walker("c", 2));
        log("m1");
        co_await x;
        co_await z;
    };
    run(main());
    EXPECT_EQ(trace, "m0 x0 z0 a0 b0 c0 x1 z1 a1 b. c1 x2 z2 a. c. x. z. m1");
}

TEST_F(Order, ChildrenOfGatherWhenNothingIsReady) {
    auto main = [&]() -> Coro<void> {
        log("m0");
        co_await gather(walker("a", 2), walker("b", 0), walker("c", 1));
        log("m1");
    };
    run(main());
    EXPECT_EQ(trace, "m0 a0 b. c0 a1 c. a. m1");
}

TEST_F(Order, CancelledInTheOrderOfTheRequests) {
    auto main = [&]() -> Coro<void> {
        const Task<void> a = create_task(waiter("a"));
        const Task<void> b = create_task(waiter("b"));
        const Task<void> c = create_task(waiter("c"));
        const Task<void> d = create_task(waiter("d"));
        const Task<void> r = create_task(walker("r", 3));
        co_await yield();
        log("m1");
        for (const Task<void>& task : {c, a, d, b}) {
            task.cancel();
        }
        log("m2");
        co_await ending(a);
        log("ma");
        co_await ending(b);
        log("mb");
        co_await ending(c);
        log("mc");
        co_await ending(d);
        log("md");
        co_await r;
    };
    run(main());
    EXPECT_EQ(trace, "a b c d r0 m1 m2 r1 cx ax dx bx r2 ma mb mc md r.");
}

TEST_F(Order, CancelledBeforeTheStart) {
    auto main = [&]() -> Coro<void> {
        const std::vector<Task<void>> tasks{create_task(walker("a", 1)), create_task(walker("b", 1)),
                                            create_task(walker("c", 1))};
        tasks[1].cancel();
        log("m0");
        co_await yield();
        log("m1");
        for (const Task<void>& task : tasks) {
            const std::string end = co_await ending(task);
            if (end == "CancelledError") {
                log("mx");
            }
        }
        log("m2");
    };
    run(main());
    EXPECT_EQ(trace, "m0 a0 c0 m1 a. c. mx m2");
}

TEST_F(Order, ATaskGroup) {
    auto main = [&]() -> Coro<void> {
        log("m0");
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(walker("a", 2));
            tg.create_task(walker("b", 1));
            log("m1");
            co_await yield();
            log("m2");
            tg.create_task(walker("c", 1));
            log("m3");
        };
        co_await task_group(body);
        log("m4");
    };
    run(main());
    EXPECT_EQ(trace, "m0 m1 a0 b0 m2 m3 a1 b. c0 a. c. m4");
}

TEST_F(Order, ATaskGroupThatFails) {
    auto bad = [&]() -> Coro<void> {
        log("bad");
        co_await yield();
        log("boom");
        throw Boom("child");
    };
    auto main = [&]() -> Coro<void> {
        auto body = [&](TaskGroup& tg) -> Coro<void> {
            tg.create_task(waiter("a"));
            tg.create_task(bad());
            tg.create_task(waiter("b"));
            log("m1");
            const std::string stopped = co_await ending(event.wait());
            EXPECT_EQ(stopped, "CancelledError");
            log("mx");
            throw CancelledError();
        };
        const std::string end = co_await ending(task_group(body));
        EXPECT_EQ(end, "group[child]");
        log("m2");
    };
    run(main());
    EXPECT_EQ(trace, "m1 a bad b boom ax bx mx m2");
}

TEST_F(Order, TwoTasksThatAnswerEachOtherAndAThirdThatWalks) {
    Event to_ping;
    Event to_pong;
    auto ping = [&]() -> Coro<void> {
        for (int i = 0; i < 3; ++i) {
            log("ping" + std::to_string(i));
            to_pong.set();
            co_await to_ping.wait();
            to_ping.clear();
        }
    };
    auto pong = [&]() -> Coro<void> {
        for (int i = 0; i < 3; ++i) {
            co_await to_pong.wait();
            to_pong.clear();
            log("pong" + std::to_string(i));
            to_ping.set();
        }
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> a = create_task(ping());
        const Task<void> b = create_task(pong());
        const Task<void> w = create_task(walker("w", 5));
        co_await a;
        co_await b;
        co_await w;
        log("m");
    };
    run(main());
    EXPECT_EQ(trace, "ping0 pong0 w0 ping1 w1 pong1 w2 ping2 w3 pong2 w4 w. m");
}

TEST_F(Order, TimersInTheOrderOfTheirDeadlines) {
    const auto now = std::chrono::steady_clock::now();
    auto sleeper = [&](std::string name, std::chrono::milliseconds delay) -> Coro<void> {
        log(name);
        co_await sleep_until(now + delay);
        log(name + "!");
    };
    auto with_timeout = [&](std::string name, std::chrono::milliseconds delay) -> Coro<void> {
        auto body = [&](Timeout&) -> Coro<void> {
            log(name);
            co_await event.wait();
        };
        const std::string end = co_await ending(timeout_at(now + delay, body));
        EXPECT_EQ(end, "TimeoutError");
        log(name + "!");
    };
    auto main = [&]() -> Coro<void> {
        const std::vector<Task<void>> tasks{
            create_task(sleeper("a", 560ms)), create_task(with_timeout("b", 520ms)),
            create_task(sleeper("c", 540ms)), create_task(with_timeout("d", 580ms)),
            create_task(sleeper("e", 530ms)),
        };
        for (const Task<void>& task : tasks) {
            co_await task;
        }
    };
    run(main());
    EXPECT_EQ(trace, "a b c d e b! e! c! a! d!");
}

TEST_F(Order, Callbacks) {
    auto work = [&]() -> Coro<void> {
        log("work");
        co_return;
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> task = create_task(work());
        for (const char* name : {"cba", "cbb", "cbc"}) {
            task.add_done_callback([this, name] { log(name); });
        }
        const Task<void> x = create_task(walker("x", 4));
        log("m0");
        co_await yield();
        log("m1");
        co_await yield();
        log("m2");
        co_await yield();
        log("m3");
        co_await x;
    };
    run(main());
    EXPECT_EQ(trace, "m0 work x0 m1 cba cbb cbc x1 m2 x2 m3 x3 x.");
}

TEST_F(Order, ACallbackForATaskThatIsDone) {
    auto work = [&]() -> Coro<void> {
        log("work");
        co_return;
    };
    auto main = [&]() -> Coro<void> {
        const Task<void> task = create_task(work());
        co_await task;
        const Task<void> x = create_task(walker("x", 3));
        task.add_done_callback([this] { log("cb"); });
        log("m0");
        co_await x;
    };
    run(main());
    EXPECT_EQ(trace, "work m0 x0 cb x1 x2 x.");
}

}  // namespace
}  // namespace heddle::test
