#pragma once

#include "support/ending.hpp"
#include "support/parked.hpp"
#include <heddle/barrier.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

// Parties of a Barrier, and what a round must look like.

namespace heddle::test {

/// A party that is counted and asleep when this returns.
inline Coro<Task<int>> parked_party(Barrier& barrier) {
    const std::ptrdiff_t before = barrier.n_waiting();
    const Task<int> task = create_task(barrier.wait());
    auto counted = [&] { return barrier.n_waiting() == before + 1; };
    co_await until(counted);
    co_await until_parked(task);
    co_return task;
}

/// The tasks have passed with 0 … n-1, each once.
inline void expect_all_indexes(const std::vector<Task<int>>& tasks) {
    std::vector<int> times(tasks.size());
    for (const Task<int>& task : tasks) {
        const std::string how = ending_of(task);
        EXPECT_EQ(how, "value");
        if (how == "value") {
            ++times.at(static_cast<std::size_t>(task.result()));
        }
    }
    EXPECT_EQ(times, std::vector<int>(tasks.size(), 1));
}

/// Waits until each of the tasks has ended with BrokenBarrierError.
template <class... Ts>
Coro<void> settle_broken(Task<Ts>... tasks) {
    const std::array<Task<void>, sizeof...(Ts)> all{Task<void>(tasks)...};
    for (const Task<void>& task : all) {
        bool broken = false;
        try {
            co_await task;
        } catch (const BrokenBarrierError& error) {
            EXPECT_STREQ(error.what(), "Abort or reset of barrier");
            broken = true;
        }
        EXPECT_TRUE(broken);
    }
}

}  // namespace heddle::test
