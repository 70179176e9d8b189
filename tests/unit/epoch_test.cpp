#include "fake_waiter.hpp"
#include <heddle/detail/sync/epoch.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <thread>

// Reclamation by epochs. The counters are of the whole process, so each test looks at its own objects.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

/// Counts its own reclamation.
struct Garbage final : Retired {
    explicit Garbage(std::atomic<int>& counter) : freed(counter) {
        reclaim = [](Retired* self) noexcept {
            auto* garbage = static_cast<Garbage*>(self);
            garbage->alive = 0;
            ++garbage->freed;
            delete garbage;
        };
    }
    std::atomic<int>& freed;
    int alive = 0x5eed;
};

void retire(std::atomic<int>& freed) {
    const EpochPin pin;
    epoch_retire(new Garbage(freed));
}

/// Ticks often enough for everything to be freed that no pin holds. More ticks than the protocol needs:
/// another thread may be scanning at the same moment.
void tick_until(const std::atomic<int>& freed, int n) {
    for (int i = 0; i < 1'000 && freed < n; ++i) {
        epoch_tick();
    }
}

TEST(Epoch, ARetiredObjectIsFreedAfterTwoAdvances) {
    std::atomic<int> freed{0};
    retire(freed);
    const std::uint64_t sealed_at = global_epoch.load();
    EXPECT_EQ(freed, 0) << "nobody has looked yet";
    epoch_tick();  // seals, advances once
    EXPECT_EQ(global_epoch.load(), sealed_at + 1);
    EXPECT_EQ(freed, 0);
    epoch_tick();
    EXPECT_EQ(global_epoch.load(), sealed_at + 2);
    EXPECT_EQ(freed, 1);
}

TEST(Epoch, TickWithNothingToFreeDoesNothing) {
    std::atomic<int> freed{0};
    retire(freed);
    tick_until(freed, 1);
    const std::uint64_t before = global_epoch.load();
    epoch_tick();
    EXPECT_EQ(global_epoch.load(), before);
}

TEST(Epoch, APinOfAnotherThreadDefersIt) {
    std::atomic<int> freed{0};
    std::promise<void> pinned;
    std::promise<void> let_go;
    std::thread other([&] {
        const EpochPin pin;
        pinned.set_value();
        let_go.get_future().wait();
    });
    pinned.get_future().wait();
    retire(freed);
    for (int i = 0; i < 100; ++i) {
        epoch_tick();
    }
    EXPECT_EQ(freed, 0) << "the pin was open when it was retired";
    let_go.set_value();
    other.join();
    tick_until(freed, 1);
    EXPECT_EQ(freed, 1);
}

TEST(Epoch, APinThatBeginsLaterDoesNotKeepItForEver) {
    std::atomic<int> freed{0};
    retire(freed);
    std::promise<void> stop;
    std::shared_future<void> stopped = stop.get_future().share();
    std::atomic<bool> repinned{false};
    std::thread other([&] {
        // Never unpinned for long: one short pin after the other.
        while (stopped.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            const EpochPin pin;
            repinned = true;
        }
    });
    while (!repinned) {
        std::this_thread::yield();
    }
    while (freed == 0) {
        epoch_tick();
    }
    EXPECT_EQ(freed, 1);
    stop.set_value();
    other.join();
}

TEST(Epoch, PinsNest) {
    std::atomic<int> freed{0};
    std::promise<void> inner_closed;
    std::promise<void> let_go;
    std::thread other([&] {
        const EpochPin outer;
        EXPECT_EQ(this_thread_epoch->depth.load(), 1U);
        {
            const EpochPin inner;
            EXPECT_EQ(this_thread_epoch->depth.load(), 2U);
        }
        EXPECT_NE(this_thread_epoch->state.load() & 1, 0U) << "still pinned";
        inner_closed.set_value();
        let_go.get_future().wait();
    });
    inner_closed.get_future().wait();
    retire(freed);
    for (int i = 0; i < 20; ++i) {
        epoch_tick();
    }
    EXPECT_EQ(freed, 0);
    let_go.set_value();
    other.join();
    tick_until(freed, 1);
    EXPECT_EQ(freed, 1);
}

TEST(Epoch, TickUnderAPinLeavesEverything) {
    std::atomic<int> freed{0};
    {
        const EpochPin pin;
        epoch_retire(new Garbage(freed));
        for (int i = 0; i < 10; ++i) {
            epoch_tick();
        }
        EXPECT_EQ(freed, 0);
    }
    tick_until(freed, 1);
    EXPECT_EQ(freed, 1);
}

TEST(Epoch, AFullBagIsCollectedByTheUnpin) {
    std::atomic<int> freed{0};
    // Far more than one bag and no tick at all: what stays in limbo is bounded by a few bags.
    constexpr int n = 100 * static_cast<int>(EpochPin::bag_size);
    for (int i = 0; i < n; ++i) {
        retire(freed);
    }
    EXPECT_GE(freed, n - 4 * static_cast<int>(EpochPin::bag_size));
    tick_until(freed, n);
    EXPECT_EQ(freed, n);
}

TEST(Epoch, AThreadThatEndsHandsItsGarbageOver) {
    std::atomic<int> freed{0};
    constexpr int n = 10;
    std::thread([&] {
        for (int i = 0; i < n; ++i) {
            retire(freed);
        }
        epoch_tick();  // some of it is sealed already
        retire(freed);
    }).join();
    EXPECT_LT(freed, n + 1);
    // Whoever collects next adopts it.
    retire(freed);
    tick_until(freed, n + 2);
    EXPECT_EQ(freed, n + 2);
}

TEST(Epoch, RecordsOfEndedThreadsAreUsedAgain) {
    const auto record_of_a_thread = [] {
        EpochRecord* record = nullptr;
        std::thread([&] {
            const EpochPin pin;
            record = this_thread_epoch;
        }).join();
        return record;
    };
    EpochRecord* first = record_of_a_thread();
    EXPECT_FALSE(first->in_use.load());
    bool again = false;
    for (int i = 0; i < 64 && !again; ++i) {
        again = record_of_a_thread() == first;
    }
    EXPECT_TRUE(again) << "a record for each thread that ever lived";
}

TEST(Epoch, AForeignThreadRegistersItself) {
    std::thread([] {
        EXPECT_EQ(this_thread_epoch, nullptr);
        {
            const EpochPin pin;
            EXPECT_NE(this_thread_epoch, nullptr);
            EXPECT_EQ(this_thread_epoch->depth.load(), 1U);
        }
        EXPECT_EQ(this_thread_epoch->state.load(), 0U);
        EXPECT_EQ(this_thread_epoch->depth, 0U);
    }).join();
}

TEST(Epoch, ReclaimMayRetireMore) {
    // The destructor of one object retires the next one: a queue of queues.
    struct Nested final : Retired {
        Nested(std::atomic<int>& counter, int left) : freed(counter), more(left) {
            reclaim = [](Retired* self) noexcept {
                auto* nested = static_cast<Nested*>(self);
                ++nested->freed;
                if (nested->more > 0) {
                    const EpochPin pin;
                    epoch_retire(new Nested(nested->freed, nested->more - 1));
                }
                delete nested;
            };
        }
        std::atomic<int>& freed;
        int more;
    };
    std::atomic<int> freed{0};
    {
        const EpochPin pin;
        epoch_retire(new Nested(freed, 200));
    }
    tick_until(freed, 201);
    EXPECT_EQ(freed, 201);
}

// Readers follow a pointer that a writer replaces: what they see under a pin has not been freed.
TEST(EpochRace, NothingIsFreedUnderAReader) {
    std::atomic<int> freed{0};
    Atomic<Garbage*> shared{new Garbage(freed)};
    std::atomic<bool> stop{false};
    constexpr int replaced = 30'000;
    at_once(4, [&](std::size_t me) {
        if (me < 1) {
            for (int i = 0; i < replaced; ++i) {
                const EpochPin pin;
                epoch_retire(shared.exchange(new Garbage(freed), acq_rel));
            }
            stop = true;
            return;
        }
        while (!stop) {
            const EpochPin pin;
            const Garbage* seen = shared.load(acquire);
            EXPECT_EQ(seen->alive, 0x5eed);
            if (me == 3) {
                const EpochPin nested;
                EXPECT_EQ(seen->alive, 0x5eed);
            }
        }
    });
    {
        const EpochPin pin;
        epoch_retire(shared.load());
    }
    tick_until(freed, replaced + 1);
    EXPECT_EQ(freed, replaced + 1);
}

// Threads come and go while they retire: nothing is lost with them, nothing freed twice.
TEST(EpochRace, ThreadsThatComeAndGo) {
    std::atomic<int> freed{0};
    constexpr int generations = 60;
    constexpr int each = 30;
    at_once(3, [&](std::size_t) {
        for (int g = 0; g < generations; ++g) {
            std::thread([&] {
                for (int i = 0; i < each; ++i) {
                    retire(freed);
                }
            }).join();
        }
    });
    constexpr int all = 3 * generations * each;
    retire(freed);
    tick_until(freed, all + 1);
    EXPECT_EQ(freed, all + 1);
}

}  // namespace
}  // namespace heddle::test
