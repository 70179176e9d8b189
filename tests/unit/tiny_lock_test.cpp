#include "fake_waiter.hpp"
#include <heddle/detail/sync/tiny_lock.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>

namespace heddle::test {
namespace {

using detail::TinyLock;
using detail::TinyLockHold;

TEST(TinyLockTest, IsFourBytes) { EXPECT_EQ(sizeof(TinyLock), 4U); }

TEST(TinyLockTest, LockAndUnlock) {
    TinyLock lock;
    for (int i = 0; i < 3; ++i) {
        lock.lock();
        lock.unlock();
        const TinyLockHold hold(lock);
    }
}

TEST(TinyLockRace, Excludes) {
    TinyLock lock;
    long plain = 0;  // not atomic: what the lock guards
    constexpr int rounds = 100'000;
    at_once(4, [&](std::size_t) {
        for (int i = 0; i < rounds; ++i) {
            const TinyLockHold hold(lock);
            ++plain;
        }
    });
    EXPECT_EQ(plain, 4L * rounds);
}

// Held over a yield now and then, so that the others go to sleep and must be woken.
TEST(TinyLockRace, ASleeperIsWoken) {
    TinyLock lock;
    long plain = 0;
    constexpr int rounds = 3'000;
    at_once(4, [&](std::size_t me) {
        for (int i = 0; i < rounds; ++i) {
            const TinyLockHold hold(lock);
            ++plain;
            if ((static_cast<std::size_t>(i) + me) % 4 == 0) {
                std::this_thread::yield();
            }
        }
    });
    EXPECT_EQ(plain, 4L * rounds);
}

// The exchange that unlocks is the last access: whoever takes the lock then may free it.
TEST(TinyLockRace, MayBeFreedByTheNextHolder) {
    constexpr int rounds = 5'000;
    std::atomic<TinyLock*> shared{nullptr};
    at_once(2, [&](std::size_t me) HEDDLE_UNCHECKED_LOCKING {  // destroyed while locked, on purpose
        for (int i = 0; i < rounds; ++i) {
            if (me == 0) {
                auto lock = std::make_unique<TinyLock>();
                lock->lock();
                shared = lock.get();
                lock->unlock();
                while (shared != nullptr) {
                    std::this_thread::yield();
                }
                lock->lock();  // the other one is in unlock(), perhaps still inside
                continue;
            }
            TinyLock* lock = nullptr;
            while ((lock = shared) == nullptr) {
                std::this_thread::yield();
            }
            lock->lock();
            shared = nullptr;
            lock->unlock();
        }
    });
}

}  // namespace
}  // namespace heddle::test
