#include "sched/run_queue.hpp"

#include "fake_waiter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

// The two ready lanes. Their tasks are only addresses here: nothing looks into them.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

TaskControl* task(std::size_t n) { return reinterpret_cast<TaskControl*>((n + 1) * alignof(TaskControl)); }
std::size_t number(TaskControl* task) {
    return reinterpret_cast<std::uintptr_t>(task) / alignof(TaskControl) - 1;
}

constexpr std::size_t capacity = ReadyRing::capacity;

/// Lets an empty ring's indices begin elsewhere than at 0. An explicit instantiation may name private
/// members.
void start_at(ReadyRing& ring, std::uint32_t index);
template <auto Head, auto Tail>
struct Indices {
    friend void start_at(ReadyRing& ring, std::uint32_t index) {
        (ring.*Head).store((std::uint64_t{index} << 32U) | index);
        (ring.*Tail).store(index);
    }
};
template struct Indices<&ReadyRing::head_, &ReadyRing::tail_>;

struct Ring {
    void push(std::size_t n) {
        ring.push(task(n), [this](TaskControl* const* tasks, std::size_t count) {
            for (std::size_t i = 0; i < count; ++i) {
                spilled.push_back(number(tasks[i]));
            }
        });
    }
    void push(std::size_t first, std::size_t end) {
        for (std::size_t i = first; i < end; ++i) {
            push(i);
        }
    }
    /// Pops and checks a run of consecutive numbers.
    void expect(std::size_t first, std::size_t end) {
        for (std::size_t i = first; i < end; ++i) {
            TaskControl* got = ring.pop();
            ASSERT_NE(got, nullptr);
            EXPECT_EQ(number(got), i);
        }
    }
    ReadyRing ring;
    std::vector<std::size_t> spilled;
};

TEST(ReadyRingTest, FirstInFirstOut) {
    Ring r;
    EXPECT_EQ(r.ring.pop(), nullptr);
    r.push(0, 10);
    EXPECT_EQ(r.ring.size(), 10U);
    r.expect(0, 10);
    EXPECT_EQ(r.ring.pop(), nullptr);
    EXPECT_EQ(r.ring.size(), 0U);
}

TEST(ReadyRingTest, FillsToItsCapacityWithoutSpilling) {
    Ring r;
    r.push(0, capacity);
    EXPECT_EQ(r.ring.size(), capacity);
    EXPECT_TRUE(r.spilled.empty());
    r.expect(0, capacity);
}

TEST(ReadyRingTest, OverflowSpillsTheNewerHalf) {
    Ring r;
    r.push(0, capacity + 1);
    ASSERT_EQ(r.spilled.size(), capacity / 2 + 1);
    for (std::size_t i = 0; i < r.spilled.size(); ++i) {
        EXPECT_EQ(r.spilled[i], capacity / 2 + i) << "in order, the new one last";
    }
    EXPECT_EQ(r.ring.size(), capacity / 2);
    r.push(1000, 1000 + capacity / 2);
    EXPECT_EQ(r.spilled.size(), capacity / 2 + 1) << "there is room again";
    r.expect(0, capacity / 2);
    r.expect(1000, 1000 + capacity / 2);
}

TEST(ReadyRingTest, OverflowAtAnyPositionOfTheSlots) {
    for (const std::size_t shift : {std::size_t{1}, capacity / 2, capacity - 1, capacity + 3}) {
        Ring r;
        for (std::size_t i = 0; i < shift; ++i) {
            r.push(i);
            r.expect(i, i + 1);
        }
        r.push(0, capacity + 1);
        EXPECT_EQ(r.spilled.size(), capacity / 2 + 1);
        r.expect(0, capacity / 2);
        EXPECT_EQ(r.ring.pop(), nullptr);
    }
}

TEST(ReadyRingTest, AThiefTakesTheOlderHalfRoundedUp) {
    for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}, capacity}) {
        Ring victim;
        Ring thief;
        victim.push(0, n);
        const std::size_t half = n - n / 2;
        TaskControl* to_run = victim.ring.steal_into(thief.ring);
        ASSERT_NE(to_run, nullptr);
        EXPECT_EQ(number(to_run), half - 1) << "the last of them is run at once";
        EXPECT_EQ(thief.ring.size(), half - 1);
        thief.expect(0, half - 1);
        EXPECT_EQ(victim.ring.size(), n - half);
        victim.expect(half, n);
    }
}

TEST(ReadyRingTest, AThiefTakesNoMoreThanItHasRoomFor) {
    for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{2}, capacity / 2}) {
        Ring victim;
        Ring thief;
        victim.push(0, capacity);
        thief.push(1000, 1000 + capacity - room);
        const std::size_t taken = std::min(room + 1, capacity / 2);
        TaskControl* to_run = victim.ring.steal_into(thief.ring);
        ASSERT_NE(to_run, nullptr);
        EXPECT_EQ(number(to_run), taken - 1);
        thief.expect(1000, 1000 + capacity - room);
        thief.expect(0, taken - 1);
        victim.expect(taken, capacity);
    }
}

TEST(ReadyRingTest, NothingToSteal) {
    Ring victim;
    Ring thief;
    EXPECT_EQ(victim.ring.steal_into(thief.ring), nullptr);
    EXPECT_EQ(thief.ring.size(), 0U);
}

// Indices are 32 bits wide and only ever grow, so that they wrap in an hour or so.
TEST(ReadyRingTest, IndicesWrapAround) {
    for (std::uint32_t before = 0; before < 3; ++before) {
        Ring r;
        Ring thief;
        start_at(r.ring, 0U - before);
        start_at(thief.ring, 0U - before);
        for (std::size_t i = 0; i < 3 * capacity; ++i) {
            r.push(i, i + 3);
            EXPECT_EQ(r.ring.size(), 3U);
            EXPECT_EQ(number(r.ring.steal_into(thief.ring)), i + 1);
            thief.expect(i, i + 1);
            r.expect(i + 2, i + 3);
            EXPECT_EQ(r.ring.pop(), nullptr);
        }
    }
    // A full ring, an overflow and a steal of half of it across the wrap.
    for (std::uint32_t before = 1; before <= capacity + capacity / 2; before += 31) {
        Ring r;
        Ring thief;
        start_at(r.ring, 0U - before);
        start_at(thief.ring, 0U - before / 2);
        r.push(0, capacity + 1);
        EXPECT_EQ(r.spilled.size(), capacity / 2 + 1);
        r.push(capacity / 2, capacity);
        EXPECT_EQ(r.spilled.size(), capacity / 2 + 1);
        EXPECT_EQ(number(r.ring.steal_into(thief.ring)), capacity / 2 - 1);
        thief.expect(0, capacity / 2 - 1);
        r.expect(capacity / 2, capacity);
        EXPECT_EQ(r.ring.pop(), nullptr);
    }
}

/// Counts how often each task has been seen.
class Tally {
public:
    explicit Tally(std::size_t n) : seen_(n) {}
    void count(TaskControl* task) { seen_[number(task)].fetch_add(1); }
    void count(TaskControl* const* tasks, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            count(tasks[i]);
        }
    }
    [[nodiscard]] bool complete() const {
        return std::ranges::all_of(seen_, [](const auto& n) { return n == 1; });
    }

private:
    std::vector<std::atomic<int>> seen_;
};

// An owner that pushes, pops and overflows, and two thieves: each task is had exactly once.
TEST(ReadyRingRace, OwnerAndTwoThieves) {
    constexpr std::size_t n = 300'000;
    Tally tally(n);
    ReadyRing ring;
    std::atomic<bool> over{false};
    std::atomic<std::size_t> stolen{0};
    at_once(3, [&](std::size_t me) {
        if (me == 0) {
            const auto spill = [&](TaskControl* const* tasks, std::size_t count) {
                tally.count(tasks, count);
            };
            for (std::size_t i = 0; i < 100; ++i) {
                ring.push(task(i), spill);
            }
            while (stolen == 0) {
                std::this_thread::yield();  // so that there are thieves
            }
            for (std::size_t i = 100; i < n;) {
                // Bursts: up to more than the ring holds, then down again.
                const std::size_t burst = 1 + i * 2654435761U % (capacity + capacity / 2);
                for (std::size_t k = 0; k < burst && i < n; ++k, ++i) {
                    ring.push(task(i), spill);
                }
                for (std::size_t k = 0; k < burst / 2; ++k) {
                    if (TaskControl* got = ring.pop(); got != nullptr) {
                        tally.count(got);
                    }
                }
            }
            while (TaskControl* got = ring.pop()) {
                tally.count(got);
            }
            over = true;
            return;
        }
        ReadyRing mine;
        while (!over) {
            if (TaskControl* got = ring.steal_into(mine); got != nullptr) {
                ++stolen;
                tally.count(got);
                while (TaskControl* more = mine.pop()) {
                    tally.count(more);
                }
            }
        }
    });
    EXPECT_TRUE(tally.complete());
}

// Thieves steal from each other while they copy: three workers, each owner of a ring and thief of the others.
TEST(ReadyRingRace, WorkersStealInACircle) {
    constexpr std::size_t workers = 3;
    constexpr std::size_t n = 200'000;
    Tally tally(n);
    std::vector<std::unique_ptr<ReadyRing>> rings;
    for (std::size_t i = 0; i < workers; ++i) {
        rings.push_back(std::make_unique<ReadyRing>());
    }
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> had{0};
    const auto have = [&](TaskControl* const* tasks, std::size_t count) {
        tally.count(tasks, count);
        had += count;
    };
    at_once(workers, [&](std::size_t me) {
        ReadyRing& mine = *rings[me];
        while (had < n) {
            // Only one worker has anything new, so that all of it travels.
            for (int k = 0; me == 0 && k < 200; ++k) {
                if (const std::size_t i = next++; i < n) {
                    mine.push(task(i), have);
                }
            }
            while (TaskControl* got = mine.pop()) {
                have(&got, 1);
            }
            // As a worker does: it steals only when its own ring is empty.
            for (std::size_t k = 1; k < workers; ++k) {
                if (TaskControl* got = rings[(me + k) % workers]->steal_into(mine); got != nullptr) {
                    have(&got, 1);
                    break;
                }
            }
        }
    });
    EXPECT_TRUE(tally.complete());
}

TEST(ReadyFifoTest, FirstInFirstOutWhateverTheSize) {
    ReadyFifo fifo;
    EXPECT_TRUE(fifo.empty());
    EXPECT_EQ(fifo.pop(), nullptr);
    std::size_t in = 0;
    std::size_t out = 0;
    // Grows at different positions of the ring, with the head anywhere in it.
    for (std::size_t round = 0; round < 40; ++round) {
        for (std::size_t i = 0; i < 100 * round; ++i) {
            fifo.push(task(in++));
        }
        for (std::size_t i = 0; i < 70 * round; ++i) {
            TaskControl* got = fifo.pop();
            ASSERT_NE(got, nullptr);
            ASSERT_EQ(number(got), out++);
        }
    }
    while (TaskControl* got = fifo.pop()) {
        ASSERT_EQ(number(got), out++);
    }
    EXPECT_EQ(in, out);
    EXPECT_TRUE(fifo.empty());
}

}  // namespace
}  // namespace heddle::test
