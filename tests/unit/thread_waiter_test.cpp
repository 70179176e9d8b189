#include "fake_waiter.hpp"
#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/slab.hpp>
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/detail/wait/suspension.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

// A plain thread as a waiter: what a _blocking call sleeps in.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

TEST(ThreadWaiterTest, IsMadeOnceForEachThread) {
    Waiter& mine = blocking_waiter("test");
    EXPECT_EQ(&blocking_waiter("test"), &mine);
    std::thread([&] { EXPECT_NE(&blocking_waiter("test"), &mine); }).join();
}

TEST(ThreadWaiterTest, SleepsUntilItIsClaimed) {
    std::atomic<Waiter*> shared{nullptr};
    std::atomic<bool> woken{false};
    std::thread thread([&] {
        Suspension suspension;
        shared = suspension.begin_blocking("test").who;
        suspension.block();
        woken = true;
    });
    Waiter* waiter = nullptr;
    while ((waiter = shared) == nullptr || word::phase(waiter->word.load(acquire)) != word::suspended) {
        std::this_thread::yield();
    }
    for (int i = 0; i < 1'000; ++i) {
        futex_wake_one(&waiter->word);
        EXPECT_FALSE(woken) << "a stray wake";
    }
    EXPECT_TRUE(waiter->claim(waiter->current_seq()));
    schedule(*waiter);
    thread.join();
    EXPECT_TRUE(woken);
}

// A thread sees by itself that it has been claimed, and may have ended before its waker comes to schedule it:
// the waker must still find a thread's block there, not a task that has moved in and would be run twice.
TEST(ThreadWaiterTest, TheBlockOfAnEndedThreadNeverBecomesATask) {
    Waiter* ended = nullptr;
    std::thread([&] {
        Suspension suspension;
        const WaitToken token = suspension.begin_blocking("test");
        ended = token.who;
        EXPECT_FALSE(token.who->claim(token.seq));
        suspension.block();  // claimed already: returns at once, and the thread ends
    }).join();
    std::vector<TaskControl*> tasks;
    // More blocks than all caches and two slabs can hold without it.
    const std::size_t enough = 4'096;
    bool reused = false;
    for (std::size_t i = 0; i < enough; ++i) {
        tasks.push_back(&make_control(TaskKind::task, nullptr, TaskControl::handle_ref));
        reused = reused || tasks.back() == ended;
    }
    EXPECT_FALSE(reused);
    EXPECT_EQ(static_cast<TaskControl*>(ended)->kind, TaskKind::thread);
    for (TaskControl* task : tasks) {
        task->drop_ref(TaskControl::handle_ref);
    }
}

}  // namespace
}  // namespace heddle::test
