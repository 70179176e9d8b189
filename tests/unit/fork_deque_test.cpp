#include "fake_waiter.hpp"
#include <heddle/detail/task/fork_deque.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

// The deque of forked children. Its entries are only addresses here.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

ForkChild* child(std::size_t n) { return reinterpret_cast<ForkChild*>((n + 1) * 16); }
std::size_t number(const ForkChild* child) { return reinterpret_cast<std::uintptr_t>(child) / 16 - 1; }

TEST(ForkDequeTest, TheOwnerTakesTheNewestFirst) {
    ForkDeque deque;
    EXPECT_EQ(deque.pop(), nullptr);
    EXPECT_TRUE(deque.looks_empty());
    for (std::size_t i = 0; i < 10; ++i) {
        deque.push(child(i));
    }
    EXPECT_FALSE(deque.looks_empty());
    for (std::size_t i = 10; i-- > 0;) {
        EXPECT_EQ(number(deque.pop()), i);
    }
    EXPECT_EQ(deque.pop(), nullptr);
    EXPECT_EQ(deque.pop(), nullptr) << "empty stays empty";
    EXPECT_TRUE(deque.looks_empty());
}

TEST(ForkDequeTest, SeveralArePublishedTogether) {
    ForkDeque deque;
    const auto children = [i = std::size_t{0}]() mutable { return child(i++); };
    EXPECT_FALSE(deque.push_reserved(0, children)) << "nothing that a sleeper could have missed";
    EXPECT_TRUE(deque.looks_empty());
    deque.reserve(3);
    EXPECT_TRUE(deque.push_reserved(3, children));
    EXPECT_FALSE(deque.push_reserved(0, children));
    EXPECT_EQ(number(deque.steal()), 0U);
    EXPECT_EQ(number(deque.pop()), 2U);
    EXPECT_FALSE(deque.push(child(3))) << "there was one before";
    EXPECT_EQ(number(deque.pop()), 3U);
    EXPECT_EQ(number(deque.pop()), 1U);
    EXPECT_EQ(deque.pop(), nullptr);
}

TEST(ForkDequeTest, AThiefTakesTheOldestFirst) {
    ForkDeque deque;
    EXPECT_EQ(deque.steal(), nullptr);
    for (std::size_t i = 0; i < 10; ++i) {
        deque.push(child(i));
    }
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(number(deque.steal()), i);
    }
    EXPECT_EQ(deque.steal(), nullptr);
    EXPECT_EQ(deque.pop(), nullptr);
    deque.push(child(7));
    EXPECT_EQ(number(deque.pop()), 7U) << "usable after a pop of nothing";
}

TEST(ForkDequeTest, GrowsWithChildrenInIt) {
    ForkDeque deque;
    constexpr std::size_t n = 5'000;  // from 256: grows five times
    for (std::size_t i = 0; i < 300; ++i) {
        deque.push(child(i));
    }
    for (std::size_t i = 0; i < 200; ++i) {
        EXPECT_EQ(number(deque.steal()), i);
    }
    for (std::size_t i = 300; i < n; ++i) {
        deque.push(child(i));
    }
    for (std::size_t i = 200; i < 1'000; ++i) {
        EXPECT_EQ(number(deque.steal()), i);
    }
    for (std::size_t i = n; i-- > 1'000;) {
        EXPECT_EQ(number(deque.pop()), i);
    }
    EXPECT_EQ(deque.pop(), nullptr);
}

TEST(ForkDequeTest, SlotsAreUsedAgainWithoutGrowing) {
    ForkDeque deque;
    for (std::size_t i = 0; i < 10'000; ++i) {
        deque.push(child(i));
        deque.push(child(i + 1));
        EXPECT_EQ(number(deque.steal()), i);
        EXPECT_EQ(number(deque.pop()), i + 1);
    }
}

class Seen {
public:
    explicit Seen(std::size_t n) : times_(n) {}
    void count(const ForkChild* child) { times_[number(child)].fetch_add(1); }
    [[nodiscard]] std::size_t wrong() const {
        std::size_t n = 0;
        for (const auto& times : times_) {
            n += times == 1 ? 0U : 1U;
        }
        return n;
    }

private:
    std::vector<std::atomic<int>> times_;
};

// Bursts that make the array grow while two thieves take from the other end.
TEST(ForkDequeRace, EachChildIsHadOnce) {
    constexpr std::size_t n = 400'000;
    Seen seen(n);
    ForkDeque deque;
    std::atomic<bool> over{false};
    std::atomic<std::size_t> stolen{0};
    at_once(3, [&](std::size_t me) {
        if (me == 0) {
            deque.push(child(0));
            while (stolen == 0) {
                std::this_thread::yield();  // so that there are thieves
            }
            for (std::size_t i = 1; i < n;) {
                const std::size_t burst = 1 + i * 2654435761U % 3'000;
                for (std::size_t k = 0; k < burst && i < n; ++k, ++i) {
                    deque.push(child(i));
                }
                for (std::size_t k = 0; k < burst; ++k) {
                    if (const ForkChild* got = deque.pop(); got != nullptr) {
                        seen.count(got);
                    }
                }
            }
            while (const ForkChild* got = deque.pop()) {
                seen.count(got);
            }
            over = true;
            return;
        }
        while (!over || !deque.looks_empty()) {
            if (const ForkChild* got = deque.steal(); got != nullptr) {
                seen.count(got);
                ++stolen;
            }
        }
    });
    EXPECT_EQ(seen.wrong(), 0U);
}

// The deque is nearly always empty, so that owner and thieves meet at the last child.
TEST(ForkDequeRace, TheLastChildGoesToOneOfThem) {
    constexpr std::size_t n = 200'000;
    Seen seen(n);
    ForkDeque deque;
    std::atomic<bool> over{false};
    at_once(3, [&](std::size_t me) {
        if (me == 0) {
            for (std::size_t i = 0; i < n; ++i) {
                deque.push(child(i));
                if (i % 3 == 0) {
                    continue;
                }
                if (const ForkChild* got = deque.pop(); got != nullptr) {
                    seen.count(got);
                }
            }
            while (const ForkChild* got = deque.pop()) {
                seen.count(got);
            }
            over = true;
            return;
        }
        while (!over) {
            if (const ForkChild* got = deque.steal(); got != nullptr) {
                seen.count(got);
            }
        }
    });
    EXPECT_EQ(seen.wrong(), 0U);
}

}  // namespace
}  // namespace heddle::test
