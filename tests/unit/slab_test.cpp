#include "fake_waiter.hpp"
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/slab.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

constexpr std::uint32_t one_handle = TaskControl::handle_ref;

TaskControl& make() { return make_control(TaskKind::thread, nullptr, one_handle); }
std::uint64_t seq_of(const TaskControl& control) { return word::seq(control.word.load(acquire)); }

TEST(Slab, BlocksAreOneLineEach) {
    std::vector<TaskControl*> blocks;
    for (int i = 0; i < 3'000; ++i) {
        blocks.push_back(&make());
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back()) % 64, 0U);
    }
    const std::set<TaskControl*> distinct(blocks.begin(), blocks.end());
    EXPECT_EQ(distinct.size(), blocks.size());
    for (TaskControl* block : blocks) {
        block->drop_ref(one_handle);
    }
}

TEST(Slab, InUseCountsReferencedBlocks) {
    const std::size_t before = slab_in_use();
    TaskControl& a = make();
    TaskControl& b = make();
    EXPECT_EQ(slab_in_use(), before + 2);
    a.add_ref();
    a.drop_ref(one_handle);
    EXPECT_EQ(slab_in_use(), before + 2);
    a.drop_ref(one_handle);
    b.drop_ref(one_handle);
    EXPECT_EQ(slab_in_use(), before);
}

TEST(Slab, ForEachVisitsEveryBlock) {
    TaskControl& mine = make();
    std::pair<TaskControl*, int> search{&mine, 0};
    slab_for_each(
        [](TaskControl& control, void* context) {
            auto& s = *static_cast<std::pair<TaskControl*, int>*>(context);
            s.second += &control == s.first ? 1 : 0;
        },
        &search);
    EXPECT_EQ(search.second, 1);
    mine.drop_ref(one_handle);
}

TEST(Slab, RefIfAlive) {
    TaskControl& control = make();
    {
        const ControlRef ref = ref_if_alive(control);
        EXPECT_EQ(ref.get(), &control);
        EXPECT_FALSE(control.only_handle());
    }
    EXPECT_TRUE(control.only_handle());
    control.drop_ref(one_handle);
    EXPECT_FALSE(static_cast<bool>(ref_if_alive(control)));
}

// A token of an earlier tenant of the block must never fit a later one.
TEST(Slab, SeqGoesOnGrowingOverReuse) {
    TaskControl* control = &make();
    const WaitToken stale{control, control->current_seq()};
    std::uint64_t last = stale.seq;
    for (int i = 0; i < 100; ++i) {
        control->drop_ref(one_handle);
        TaskControl& again = make();
        ASSERT_EQ(&again, control) << "the block freed last is handed out first";
        EXPECT_GT(seq_of(again), last);
        EXPECT_EQ(word::phase(again.word.load()), word::active);
        EXPECT_EQ(again.word.load() & (word::requests | word::count_mask | word::nocancel), 0U);
        last = seq_of(again);
        EXPECT_EQ(again.park(last, Cancellable::yes), Parked::suspended);
        EXPECT_FALSE(stale.who->claim(stale.seq));
        EXPECT_TRUE(again.claim(last));
    }
    control->drop_ref(one_handle);
}

TEST(Slab, AThreadThatEndsGivesItsBlocksBack) {
    // More threads, one after the other, than slabs could hold if each kept one.
    std::set<TaskControl*> seen;
    for (int i = 0; i < 200; ++i) {
        std::thread([&] {
            std::vector<TaskControl*> blocks;
            for (int k = 0; k < 100; ++k) {
                blocks.push_back(&make());
                seen.insert(blocks.back());
            }
            for (TaskControl* block : blocks) {
                block->drop_ref(one_handle);
            }
        }).join();
    }
    EXPECT_LT(seen.size(), 10'000U) << "of 20 000 blocks";
}

/// A block's `join` word is free for us here: it tells whether somebody has the block.
void take(TaskControl& control) { EXPECT_EQ(control.join.exchange(8, acq_rel), 0U) << "handed out twice"; }
void give(TaskControl& control) {
    EXPECT_EQ(control.join.exchange(0, acq_rel), 8U);
    control.drop_ref(one_handle);
}

TEST(SlabRace, BlocksTravelBetweenThreads) {
    // Blocks are made by two threads and freed by two others, so that surplus and need meet in the batches.
    constexpr int n = 60'000;
    std::mutex lock;
    std::vector<TaskControl*> queue;
    std::atomic<int> freed{0};
    const std::size_t before = slab_in_use();
    at_once(4, [&](std::size_t me) {
        if (me < 2) {
            for (int i = 0; i < n; ++i) {
                TaskControl& control = make();
                take(control);
                control.resume = &control;  // as a task does with the field that links batches
                const std::lock_guard hold(lock);
                queue.push_back(&control);
            }
            return;
        }
        while (freed < 2 * n) {
            std::vector<TaskControl*> mine;
            {
                const std::lock_guard hold(lock);
                mine.swap(queue);
            }
            for (TaskControl* control : mine) {
                give(*control);
            }
            freed += static_cast<int>(mine.size());
        }
    });
    EXPECT_EQ(slab_in_use(), before);
}

TEST(SlabRace, ThreadsThatComeAndGo) {
    at_once(3, [&](std::size_t me) {
        for (int round = 0; round < 60; ++round) {
            std::thread([&] {
                std::vector<TaskControl*> blocks;
                for (std::size_t k = 0; k < 300 + 100 * me; ++k) {
                    blocks.push_back(&make());
                    take(*blocks.back());
                    blocks.back()->resume = blocks.back();
                }
                for (TaskControl* block : blocks) {
                    give(*block);
                }
            }).join();
        }
    });
}

}  // namespace
}  // namespace heddle::test
