#include "fake_waiter.hpp"
#include <heddle/detail/task/frame_pool.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace heddle::test {
namespace {

namespace pool = detail::frame_pool;

/// A block that was filled with a pattern of its own: two that overlap would spoil each other.
struct Filled {
    explicit Filled(std::size_t bytes, unsigned char fill)
        : size(bytes), pattern(fill), at(pool::allocate(bytes)) {
        std::memset(at, pattern, size);
    }
    void check_and_free() const {
        const auto* bytes = static_cast<const unsigned char*>(at);
        for (std::size_t i = 0; i < size; ++i) {
            ASSERT_EQ(bytes[i], pattern);
        }
        pool::deallocate(at, size);
    }
    std::size_t size;
    unsigned char pattern;
    void* at;
};

TEST(FramePool, EverySizeIsAlignedAsItsClass) {
    std::vector<Filled> blocks;
    for (std::size_t size = 1; size <= 3'000; size += size < 200 ? 1 : 61) {
        blocks.emplace_back(size, static_cast<unsigned char>(size));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().at) % (size <= 48 ? 16 : 64), 0U) << size;
    }
    for (const Filled& block : blocks) {
        block.check_and_free();
    }
}

TEST(FramePool, AFreedBlockIsUsedAgain) {
    if (HEDDLE_SANITIZED != 0) {
        return;  // there every frame is an allocation of its own
    }
    std::set<void*> seen;
    for (int i = 0; i < 1'000; ++i) {
        void* block = pool::allocate(200);
        seen.insert(block);
        pool::deallocate(block, 200);
    }
    EXPECT_EQ(seen.size(), 1U);
}

TEST(FramePool, ManyOfOneSize) {
    // Far beyond what a thread caches, freed in the order of allocation and in reverse.
    for (const bool reverse : {false, true}) {
        std::vector<Filled> blocks;
        for (std::size_t i = 0; i < 5 * pool::max_cached; ++i) {
            blocks.emplace_back(320, static_cast<unsigned char>(i));
        }
        while (reverse && !blocks.empty()) {
            blocks.back().check_and_free();
            blocks.pop_back();
        }
        for (const Filled& block : blocks) {
            block.check_and_free();
        }
    }
}

TEST(FramePool, WhatManyHaveFreedIsUsedAgain) {
    if (HEDDLE_SANITIZED != 0) {
        return;  // there every frame is an allocation of its own
    }
    for (const std::size_t size : {40U, 64U, 700U}) {
        std::vector<void*> blocks(5'000);  // far more than a thread caches
        std::set<void*> seen;
        for (void*& block : blocks) {
            block = pool::allocate(size);
            EXPECT_TRUE(seen.insert(block).second);
        }
        for (void* block : blocks) {
            pool::deallocate(block, size);
        }
        for (void*& block : blocks) {
            block = pool::allocate(size);
            EXPECT_TRUE(seen.contains(block));
        }
        for (void* block : blocks) {
            pool::deallocate(block, size);
        }
    }
}

TEST(FramePool, AThreadThatOnlyFrees) {
    std::vector<Filled> blocks;
    for (std::size_t i = 0; i < 5 * pool::max_cached; ++i) {
        blocks.emplace_back(64 * (1 + i % (pool::classes + 2)), static_cast<unsigned char>(i));
    }
    std::thread([&] {
        for (const Filled& block : blocks) {
            block.check_and_free();
        }
    }).join();
}

TEST(FramePoolRace, BlocksTravelBetweenThreads) {
    constexpr int n = 5'000;
    std::mutex lock;
    std::vector<Filled> shared;
    at_once(4, [&](std::size_t me) {
        std::minstd_rand random(static_cast<unsigned>(me) + 1);
        for (int i = 0; i < n; ++i) {
            const Filled mine(1 + random() % 1'200, static_cast<unsigned char>(random()));
            std::vector<Filled> others;
            {
                const std::lock_guard hold(lock);
                shared.push_back(mine);
                if (shared.size() > 100) {
                    others.swap(shared);
                }
            }
            for (const Filled& other : others) {
                other.check_and_free();
            }
        }
    });
    for (const Filled& block : shared) {
        block.check_and_free();
    }
}

}  // namespace
}  // namespace heddle::test
