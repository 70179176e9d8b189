#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Tasks looked at and let go of by many threads.

namespace heddle::test {
namespace {

class FreeThreading : public OverWorkers {
protected:
    Event never;
    Coro<void> hangs() { co_await never.wait(); }
};
HEDDLE_OVER_WORKERS(FreeThreading);

bool contains(const std::vector<Task<void>>& all, const Task<void>& task) {
    return std::ranges::find(all, task) != all.end();
}
bool each_once(std::vector<Task<void>> all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t k = i + 1; k < all.size(); ++k) {
            if (all[i] == all[k]) {
                return false;
            }
        }
    }
    return true;
}

TEST_P(FreeThreading, FT_01_each_runtime_sees_its_own_tasks) {
    constexpr int threads = 10;
    constexpr std::size_t tasks = 100;
    std::atomic<int> looking{0};
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> mine;
        for (std::size_t i = 0; i < tasks; ++i) {
            mine.push_back(create_task(hangs()));
        }
        for (const Task<void>& task : mine) {
            co_await until_parked(task);
        }
        const Task<void> self = current_task();
        mine.push_back(self);
        ++looking;
        auto all_look = [&] { return looking >= threads; };
        co_await until(all_look);
        const std::vector<Task<void>> all = all_tasks();
        EXPECT_EQ(all.size(), tasks + 1);
        for (const Task<void>& task : mine) {
            EXPECT_TRUE(contains(all, task));
            EXPECT_FALSE(task.done());
        }
        EXPECT_TRUE(current_task() == self);
        // Nobody may leave, and have its tasks cancelled, while another still looks.
        ++looking;
        auto all_have_looked = [&] { return looking == 2 * threads; };
        co_await until(all_have_looked);
    };
    std::vector<std::thread> mains;
    for (int i = 0; i < threads; ++i) {
        mains.emplace_back([&] { heddle::run(main(), options()); });
    }
    for (std::thread& thread : mains) {
        thread.join();
    }
    EXPECT_EQ(looking, 2 * threads);
    EXPECT_EQ(waiters(never), 0U);
}

TEST_P(FreeThreading, FT_02_many_look_while_tasks_are_created) {
    constexpr int threads = 10;
    constexpr std::size_t tasks = 1000;
    Runtime runtime(options());
    std::vector<Task<void>> created(tasks);
    std::atomic<std::size_t> n{0};  // of those that are in `created`
    // Not as a result: a task whose result holds its own handle would never be freed.
    auto look = [](std::vector<Task<void>>& all) -> Coro<void> {
        all = all_tasks();
        co_return;
    };
    std::vector<std::thread> lookers;
    for (int i = 0; i < threads; ++i) {
        lookers.emplace_back([&] {
            for (bool complete = false; !complete;) {
                const std::size_t before = n;
                complete = before == tasks;
                std::vector<Task<void>> all;
                runtime.run(look(all));
                EXPECT_GE(all.size(), before);
                std::vector<Task<void>> expected(created.begin(),
                                                 created.begin() + static_cast<std::ptrdiff_t>(before));
                const auto known = [&](const Task<void>& task) { return contains(all, task); };
                // Some of them; all would be quadratic.
                for (std::size_t k = 0; k < before; k += 1 + before / 20) {
                    EXPECT_TRUE(known(expected[k]));
                }
                if (before != 0) {
                    EXPECT_TRUE(known(expected.back()));
                }
            }
        });
    }
    for (std::size_t i = 0; i < tasks; ++i) {
        created[i] = runtime.spawn(hangs());
        n = i + 1;
    }
    for (std::thread& thread : lookers) {
        thread.join();
    }
    // Outside of a runtime there is nothing to look at.
    EXPECT_THROW(static_cast<void>(all_tasks()), std::runtime_error);
    EXPECT_FALSE(current_task());
}

TEST_P(FreeThreading, PAR_56_all_tasks_while_tasks_come_and_go) {
    Runtime runtime(options());
    std::atomic<bool> stop{false};
    std::vector<Task<void>> stay;
    for (int i = 0; i < 5; ++i) {
        stay.push_back(runtime.spawn(hangs()));
    }
    auto leaf = [](int turns) -> Coro<void> {
        for (int i = 0; i < turns; ++i) {
            co_await yield();
        }
    };
    auto comes_and_goes = [&]() -> Coro<void> {
        for (int i = 0; !stop; ++i) {
            const Task<void> child = create_task(leaf(i % 3));
            if (i % 2 == 0) {
                co_await child;
            } else {
                co_await yield();
            }
        }
    };
    std::vector<Task<void>> busy;
    for (int i = 0; i < 3; ++i) {
        busy.push_back(runtime.spawn(comes_and_goes()));
    }
    auto look = [&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const std::vector<Task<void>> all = all_tasks();
            for (const Task<void>& task : stay) {
                EXPECT_TRUE(contains(all, task));
            }
            for (const Task<void>& task : busy) {
                EXPECT_TRUE(contains(all, task));
            }
            EXPECT_TRUE(contains(all, current_task()));
            EXPECT_TRUE(each_once(all));
            // Whatever else is in it may have ended by now, but has not been destroyed.
            for (const Task<void>& task : all) {
                EXPECT_FALSE(task.name().empty());
            }
            co_await yield();
        }
    };
    const Task<void> one = runtime.spawn(look());
    const Task<void> two = runtime.spawn(look());
    one.wait_blocking();
    two.wait_blocking();
    stop = true;
    for (const Task<void>& task : busy) {
        task.wait_blocking();
    }
}

TEST_P(FreeThreading, FT_03_the_last_handle_goes_after_its_runtime) {
    ProbeCounts counts;
    for (int round = 0; round < 20; ++round) {
        std::vector<Task<Probe>> values;
        Task<void> failed;
        Task<void> cancelled;
        {
            Runtime runtime(options());
            auto gives = [&]() -> Coro<Probe> {
                co_await yield();
                co_return Probe(counts, 3);
            };
            auto fails = [&]() -> Coro<void> {
                const Probe probe(counts);
                co_await yield();
                throw Probe(probe);
            };
            for (int i = 0; i < 10; ++i) {
                values.push_back(runtime.spawn(gives()));
            }
            failed = runtime.spawn(fails());
            cancelled = runtime.spawn(hangs());
            for (const Task<Probe>& task : values) {
                task.wait_blocking();
            }
            failed.wait_blocking();
            EXPECT_NE(failed.exception(), nullptr);
        }
        EXPECT_EQ(counts.alive, 11);
        EXPECT_TRUE(cancelled.cancelled());
        std::thread drops([values = std::move(values), failed = std::move(failed),
                           cancelled = std::move(cancelled)]() mutable {
            EXPECT_EQ(values.front().result().value(), 3);
            values.clear();
            failed = {};
            cancelled = {};
        });
        drops.join();
        EXPECT_EQ(counts.alive, 0);
    }
}

}  // namespace
}  // namespace heddle::test
