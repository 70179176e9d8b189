#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/context.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>
#include <heddle/threads.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// Runtimes that begin and end with work under way.

namespace heddle::test {
namespace {

using namespace std::chrono_literals;

class ParallelLifecycle : public OverWorkers {
protected:
    Event never;
};
HEDDLE_OVER_WORKERS(ParallelLifecycle);

/// Says when it is destroyed after `over`.
class Watched {
public:
    explicit Watched(const std::atomic<bool>& over, std::atomic<int>& late) : over_(&over), late_(&late) {}
    Watched(const Watched& other) = default;
    Watched& operator=(const Watched& other) = default;
    Watched(Watched&& other) = default;
    Watched& operator=(Watched&& other) = default;
    ~Watched() { look(); }
    void look() const {
        if (*over_) {
            ++*late_;
        }
    }

private:
    const std::atomic<bool>* over_;
    std::atomic<int>* late_;
};

TEST_P(ParallelLifecycle, PAR_106_nothing_of_the_users_happens_after_run) {
    for (Rounds rounds; rounds.next();) {
        std::atomic<bool> over{false};
        std::atomic<int> late{0};
        std::atomic<int> steps{0};
        ContextVar<std::shared_ptr<Watched>> variable("variable");
        auto step = [&](const Watched& watched) {
            watched.look();
            ++steps;
        };
        auto yields = [&](Watched watched) -> Coro<Watched> {
            for (;;) {
                step(watched);
                co_await yield();
            }
        };
        auto sleeps = [&](Watched watched) -> Coro<Watched> {
            for (;;) {
                step(watched);
                co_await sleep(10us);
            }
        };
        auto on_threads = [&](Watched watched) -> Coro<void> {
            auto function = [&, watched] { step(watched); };
            for (;;) {
                co_await to_thread(function);
            }
        };
        auto ends = [&](Watched watched) -> Coro<Watched> {
            step(watched);
            co_return watched;
        };
        auto main = [&]() -> Coro<void> {
            const Watched watched(over, late);
            variable.set(std::make_shared<Watched>(watched));
            for (unsigned i = 0; i < 2; ++i) {
                static_cast<void>(create_task(yields(watched)));
                static_cast<void>(create_task(sleeps(watched)));
                static_cast<void>(create_task(on_threads(watched)));
                create_task(ends(watched)).add_done_callback([&, watched] { step(watched); });
            }
            auto under_way = [&] { return steps > 20; };
            co_await until(under_way);
        };
        run(main());
        over = true;
        const int before = steps;
        std::this_thread::yield();
        EXPECT_EQ(late, 0);
        EXPECT_EQ(steps, before);
    }
}

TEST_P(ParallelLifecycle, PAR_107_leftovers_of_all_kinds_are_cancelled_and_end) {
    for (int round = 0; round < 30; ++round) {
        ProbeCounts counts;
        std::atomic<int> born{0};
        std::atomic<int> failed{0};
        auto parked = [&](Probe probe) -> Coro<int> {
            co_await never.wait();
            co_return probe.value();
        };
        auto running = [&](Probe probe) -> Coro<int> {
            for (;;) {
                co_await yield();
            }
            co_return probe.value();
        };
        auto creating = [&](Probe probe) -> Coro<int> {
            for (int i = 0;; ++i) {
                if (i < 500) {
                    static_cast<void>(create_task(parked(Probe(counts, probe.value()))));
                    ++born;
                }
                co_await yield();
            }
        };
        auto failing = [&](Probe probe) -> Coro<int> {
            const std::string how = co_await ending(never.wait());
            EXPECT_EQ(how, "CancelledError");
            ++failed;
            throw Boom(std::to_string(probe.value()));
        };
        auto main = [&]() -> Coro<int> {
            for (int i = 0; i < 3; ++i) {
                static_cast<void>(create_task(parked(Probe(counts, 1))));
                static_cast<void>(create_task(running(Probe(counts, 2))));
                static_cast<void>(create_task(creating(Probe(counts, 3))));
                const Task<int> fails = create_task(failing(Probe(counts, 4)));
                co_await until_parked(fails);
            }
            auto enough = [&] { return born > 20; };
            co_await until(enough);
            co_return 1;
        };
        EXPECT_EQ(run(main()), 1);
        EXPECT_EQ(counts.alive, 0);
        EXPECT_EQ(waiters(never), 0U);
        EXPECT_EQ(failed, 3);
        EXPECT_EQ(take_reports().size(), 3U) << "each error once";
    }
}

TEST_P(ParallelLifecycle, PAR_108_run_on_a_worker_is_an_error_but_on_a_thread_of_its_pool_is_not) {
    auto gives = []() -> Coro<int> { co_return 4; };
    auto main = [&]() -> Coro<void> {
        EXPECT_EQ(ending_of([&] { return heddle::run(gives(), options()); }),
                  "run() cannot be called from a running event loop");
        EXPECT_EQ(ending_of([&] { return Runtime::current().run(gives()); }),
                  "Runtime.run() cannot be called from a running event loop");
        Runtime& mine = Runtime::current();
        auto on_thread = [&] { return heddle::run(gives(), options()) + mine.run(gives()); };
        const int sum = co_await to_thread(on_thread);
        EXPECT_EQ(sum, 8);
    };
    run(main());
}

std::size_t entries(const char* folder) {
    const std::filesystem::directory_iterator all(folder);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_P(ParallelLifecycle, PAR_109_a_thousand_runtimes_leave_nothing_behind) {
#if HEDDLE_SANITIZED
    constexpr int times = 100;
#else
    constexpr int times = 1000;
#endif
    ProbeCounts counts;
    Lock lock;
    auto works = [&](Probe probe) -> Coro<void> {
        const Probe local(counts);
        auto function = [value = probe.value()] { EXPECT_EQ(value, 6); };  // may outlive this frame
        for (unsigned i = 0;; ++i) {
            co_await yield();
            const auto held = co_await lock.scoped();
            if (i % 8 == 1) {
                co_await sleep(5us);
            } else if (i % 8 == 2) {
                co_await to_thread(function);
            }
        }
    };
    auto one = [&](int i) {
        Runtime runtime(options());
        Task<void> last;
        for (int k = 0; k < 1 + i % 4; ++k) {
            last = runtime.spawn(works(Probe(counts, 6)));
        }
        if (i % 3 == 0) {
            runtime.shutdown();
        }
    };
    one(1);  // what is made once and kept
    const std::size_t threads = entries("/proc/self/task");
    const std::size_t descriptors = entries("/proc/self/fd");
    for (int i = 0; i < times; ++i) {
        one(i);
        EXPECT_EQ(counts.alive, 0);
    }
    EXPECT_FALSE(lock.locked());
    EXPECT_EQ(waiters(lock), 0U);
    EXPECT_EQ(entries("/proc/self/fd"), descriptors);
    // A thread that was joined may be listed for another moment.
    until_blocking([&] { return entries("/proc/self/task") <= threads; });
}

TEST_P(ParallelLifecycle, PAR_110_several_runs_at_once_are_independent) {
    constexpr int n = 4;
    std::atomic<int> inside{0};
    std::atomic<int> ended{0};
    auto leftover = [&]() -> Coro<void> { co_await never.wait(); };
    std::vector<std::thread> threads;
    for (int i = 0; i < n; ++i) {
        threads.emplace_back([&, i] {
            Runtime* mine = nullptr;
            auto main = [&]() -> Coro<int> {
                mine = &Runtime::current();
                const Task<void> left = create_task(leftover());
                co_await until_parked(left);
                ++inside;
                auto all_inside = [&] { return inside == n; };
                co_await until(all_inside);
                EXPECT_EQ(all_tasks().size(), 2U);
                // They end one after the other, and each takes only its own leftovers with it.
                auto my_turn = [&] { return ended == i; };
                co_await until(my_turn);
                EXPECT_EQ(&Runtime::current(), mine);
                EXPECT_FALSE(left.done());
                if (i % 2 == 0) {
                    throw Boom(std::to_string(i));
                }
                co_return i;
            };
            const std::string how = ending_of([&] { EXPECT_EQ(run(main()), i); });
            EXPECT_EQ(how, i % 2 == 0 ? std::to_string(i) : "value");
            EXPECT_EQ(waiters(never), static_cast<std::size_t>(n - i - 1));
            ++ended;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(ended, n);
}

TEST_P(ParallelLifecycle, PAR_111_a_pool_full_of_functions_that_block_on_tasks) {
    constexpr unsigned size = 2;
    RuntimeOptions small = options();
    small.blocking_threads = size;
    Runtime runtime(small);
    std::atomic<unsigned> inside{0};
    Event all_inside;
    auto answers = [&](int i) -> Coro<int> {
        co_await all_inside.wait();  // so that the pool is full while the answer is worked out
        co_await sleep(1ms);
        co_return 2 * i;
    };
    auto asks = [&](int i) {
        if (++inside == size) {
            all_inside.set();
        }
        return runtime.spawn(answers(i)).result_blocking();
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<int>> calls;
        for (int i = 0; i < 10; ++i) {
            calls.push_back(create_task(to_thread(asks, i)));
        }
        for (int i = 0; i < 10; ++i) {
            const int answer = co_await calls[static_cast<std::size_t>(i)];
            EXPECT_EQ(answer, 2 * i);
        }
    };
    runtime.run(main());
}

TEST(ParallelLifecycleMatrix, PAR_112_every_case_runs_with_one_worker_too) {
    // By name: <test>/<workers>.
    std::map<std::string, int> kinds;
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
        const testing::TestSuite& suite = *all.GetTestSuite(i);
        for (int k = 0; k < suite.total_test_count(); ++k) {
            const std::string name = std::string(suite.name()) + "." + suite.GetTestInfo(k)->name();
            const std::size_t slash = name.rfind('/');
            if (std::string(suite.name()).starts_with("workers/")) {
                kinds[name.substr(0, slash)] += name.substr(slash) == "/1" ? 1 : 0;
            }
        }
    }
    EXPECT_GT(kinds.size(), 5U);
    for (const auto& [name, with_one] : kinds) {
        EXPECT_EQ(with_one, 1) << name;
    }
}

TEST_P(ParallelLifecycle, PAR_113_shutdown_from_outside_while_run_waits) {
    for (const bool cleans_up : {false, true}) {
        Runtime runtime(options());
        std::atomic<bool> cleaned_up{false};
        auto other = [&]() -> Coro<void> { co_await never.wait(); };
        auto main = [&]() -> Coro<int> {
            static_cast<void>(create_task(other()));
            const std::string how = co_await ending(never.wait());
            EXPECT_EQ(how, "CancelledError");
            if (cleans_up) {
                co_await sleep(1ms);
                cleaned_up = true;
                co_return 3;
            }
            throw CancelledError("shutdown");
        };
        std::string how;
        std::thread runs([&] { how = ending_of([&] { EXPECT_EQ(runtime.run(main()), 3); }); });
        until_waiters_blocking(never, 2);
        runtime.shutdown();
        runs.join();
        EXPECT_EQ(how, cleans_up ? "value" : "CancelledError: shutdown");
        EXPECT_EQ(cleaned_up, cleans_up);
        EXPECT_EQ(waiters(never), 0U);
        auto late = []() -> Coro<void> { co_return; };
        EXPECT_EQ(ending_of([&] { runtime.run(late()); }), "cannot schedule new tasks after shutdown");
    }
}

TEST_P(ParallelLifecycle, PAR_113_shutdown_against_run) {
    for (Rounds rounds; rounds.next();) {
        Runtime runtime(options());
        auto main = [&]() -> Coro<int> {
            Jitter jitter(rounds.number());
            co_await yield();
            jitter();
            co_return 3;
        };
        std::string how;
        std::thread runs([&] { how = ending_of([&] { EXPECT_EQ(runtime.run(main()), 3); }); });
        Jitter jitter(rounds.number() + 9);
        jitter();
        runtime.shutdown();
        runs.join();
        EXPECT_TRUE(how == "value" || how == "CancelledError" ||
                    how == "cannot schedule new tasks after shutdown")
            << how;
    }
}

}  // namespace
}  // namespace heddle::test
