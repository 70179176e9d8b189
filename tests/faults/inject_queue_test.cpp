#include "sched/inject_queue.hpp"

#include "faults/allocator.hpp"
#include <heddle/detail/task/control_block.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

// Woken tasks for which the inject queue has no memory.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

TEST(InjectQueueFaults, WhatOverflowedIsTakenAsFastAsThereIsRoom) {
    constexpr std::size_t n = 1'000;  // some have a place all the same, which was there before
    constexpr std::size_t room = 128;
    InjectQueue queue(1);
    std::vector<TaskControl*> tasks;
    for (std::size_t i = 0; i < n; ++i) {
        tasks.push_back(&make_control(TaskKind::task, nullptr, TaskControl::runtime_ref));
    }
    fail_allocation(1, Failing::from_then);
    for (TaskControl* task : tasks) {
        queue.push(task);
    }
    stop_failing();
    ASSERT_TRUE(queue.overflowed());

    std::vector<TaskControl*> taken;
    std::array<TaskControl*, room> batch{};
    std::size_t passes = 0;
    while (queue.size() != 0) {
        const std::size_t got = queue.pop_bulk(0, batch.data(), 1, room);  // its share would be one
        ASSERT_LE(got, room);
        taken.insert(taken.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(got));
        if (queue.overflowed()) {
            EXPECT_EQ(got, room);
        }
        ASSERT_LE(++passes, n);
    }
    std::ranges::sort(tasks);
    std::ranges::sort(taken);
    EXPECT_EQ(taken, tasks);
    for (TaskControl* task : tasks) {
        abandon_control(*task, TaskControl::runtime_ref);
    }
}

}  // namespace
}  // namespace heddle::test
