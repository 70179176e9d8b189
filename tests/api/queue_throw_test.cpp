#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/queues.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// Queues of elements whose move constructor throws: the put or get that meets it fails, and nothing else.

namespace heddle::test {
namespace {

class QueueThrow : public OverQueues {};
HEDDLE_OVER_WORKERS(QueueThrow);

/// Its n-th move from now on throws.
class Fussy {
public:
    explicit Fussy(int value) : value_(value) { ++alive; }
    Fussy(const Fussy&) = delete;
    Fussy& operator=(const Fussy&) = delete;
    // NOLINTNEXTLINE(performance-noexcept-move-constructor, bugprone-exception-escape): the point
    Fussy(Fussy&& other) : value_(other.value_) {
        count_move();
        ++alive;
    }
    // NOLINTNEXTLINE(performance-noexcept-move-constructor, bugprone-exception-escape): the point
    Fussy& operator=(Fussy&& other) {
        count_move();
        value_ = other.value_;
        return *this;
    }
    ~Fussy() { --alive; }
    [[nodiscard]] int value() const { return value_; }
    friend bool operator<(const Fussy& a, const Fussy& b) { return a.value_ < b.value_; }

    static void fail_in(int moves) { left = moves; }
    static inline int alive = 0;

private:
    static void count_move() {
        if (left > 0) {
            --left;
            if (left == 0) {
                throw Boom("cannot be moved");
            }
        }
    }
    static inline int left = 0;  // 0: never
    int value_;
};

/// All that is left, by get_nowait.
template <class Q>
std::vector<int> left_in(Q& queue) {
    std::vector<int> values;
    while (!queue.empty()) {
        values.push_back(queue.get_nowait().value());
    }
    return sorted(values);
}

/// `expected` is in the queue, its slots are right, and so is the count of unfinished items.
template <class Q>
void expect_content(Q& queue, std::vector<int> expected, int unfinished) {
    EXPECT_EQ(queue.qsize(), static_cast<std::ptrdiff_t>(expected.size()));
    EXPECT_EQ(Fussy::alive, static_cast<int>(expected.size()));
    for (std::ptrdiff_t i = queue.qsize(); i < queue.maxsize(); ++i) {
        const int value = 100 + static_cast<int>(i);
        queue.put_nowait(Fussy(value));
        expected.push_back(value);
        ++unfinished;
    }
    EXPECT_THROW(queue.put_nowait(Fussy(0)), QueueFull);
    EXPECT_EQ(left_in(queue), sorted(expected));
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    for (; unfinished > 0; --unfinished) {
        queue.task_done();
    }
    EXPECT_THROW(queue.task_done(), std::invalid_argument);
    EXPECT_EQ(Fussy::alive, 0);
}

template <class Q, class Put>
void failing_put(Put put) {
    bool failed = true;
    for (int n = 1; failed; ++n) {
        Q queue(6);
        std::vector<int> expected;
        for (const int value : {5, 4, 3}) {
            queue.put_nowait(Fussy(value));
            expected.push_back(value);
        }
        Fussy::fail_in(n);
        const std::string how = ending_of([&] { put(queue, Fussy(1)); });
        Fussy::fail_in(0);
        failed = how != "value";
        if (failed) {
            EXPECT_EQ(how, "cannot be moved") << "move " << n;
        } else {
            expected.push_back(1);
        }
        expect_content(queue, expected, static_cast<int>(expected.size()));
        ASSERT_LT(n, 1000);
    }
}

template <class Q, class Get>
void failing_get(Get get) {
    bool failed = true;
    for (int n = 1; failed; ++n) {
        Q queue(4);
        for (const int value : {5, 4, 3}) {
            queue.put_nowait(Fussy(value));
        }
        Fussy::fail_in(n);
        const std::string how = ending_of([&] { get(queue); });
        Fussy::fail_in(0);
        failed = how != "value";
        if (failed) {
            EXPECT_EQ(how, "cannot be moved") << "move " << n;
        }
        // The item is gone with its move, the others are not.
        EXPECT_EQ(queue.qsize(), 2) << "move " << n;
        const bool is_fifo = std::is_same_v<Q, heddle::Queue<Fussy>>;
        expect_content(queue, is_fifo ? std::vector<int>{3, 4} : std::vector<int>{4, 5}, 3);
        ASSERT_LT(n, 1000);
    }
}

template <class Q>
void all_puts() {
    failing_put<Q>([](Q& queue, Fussy&& value) { queue.put_nowait(std::move(value)); });
    failing_put<Q>([](Q& queue, Fussy&& value) { EXPECT_TRUE(queue.try_put(std::move(value))); });
    failing_put<Q>([](Q& queue, Fussy&& value) { queue.put_blocking(std::move(value)); });
}
template <class Q>
void all_gets() {
    failing_get<Q>([](Q& queue) { static_cast<void>(queue.get_nowait()); });
    failing_get<Q>([](Q& queue) { static_cast<void>(queue.try_get()); });
    failing_get<Q>([](Q& queue) { static_cast<void>(queue.get_blocking()); });
}

TEST_P(QueueThrow, a_put_whose_move_throws_fifo) { all_puts<heddle::Queue<Fussy>>(); }
TEST_P(QueueThrow, a_put_whose_move_throws_lifo) { all_puts<LifoQueue<Fussy>>(); }
TEST_P(QueueThrow, a_put_whose_move_throws_priority) { all_puts<PriorityQueue<Fussy>>(); }
TEST_P(QueueThrow, a_get_whose_move_throws_fifo) { all_gets<heddle::Queue<Fussy>>(); }
TEST_P(QueueThrow, a_get_whose_move_throws_lifo) { all_gets<LifoQueue<Fussy>>(); }
TEST_P(QueueThrow, a_get_whose_move_throws_priority) { all_gets<PriorityQueue<Fussy>>(); }

template <class Q>
Coro<void> awaited_forms() {
    for (int n = 1; n < 8; ++n) {
        Q queue(1);
        std::string how = "value";
        Fussy::fail_in(n);
        try {
            co_await queue.put(Fussy(1));
        } catch (const Boom& error) {
            how = error.what();
        }
        Fussy::fail_in(0);
        EXPECT_EQ(queue.qsize(), how == "value" ? 1 : 0) << "move " << n;
        if (how != "value") {
            co_await queue.put(Fussy(1));
            queue.task_done();
        } else {
            queue.task_done();
        }
        EXPECT_THROW(queue.task_done(), std::invalid_argument);
        Fussy::fail_in(n);
        try {
            const Fussy got = co_await queue.get();
            EXPECT_EQ(got.value(), 1);
        } catch (const Boom&) {
            EXPECT_TRUE(queue.empty());
        }
        Fussy::fail_in(0);
        EXPECT_FALSE(queue.full());
        EXPECT_EQ(Fussy::alive, 0) << "move " << n;
        co_await queue.put(Fussy(2));
        const Fussy last = co_await queue.get();
        EXPECT_EQ(last.value(), 2);
    }
}

TEST_P(QueueThrow, awaited_puts_and_gets_fifo) { run(awaited_forms<heddle::Queue<Fussy>>()); }
TEST_P(QueueThrow, awaited_puts_and_gets_lifo) { run(awaited_forms<LifoQueue<Fussy>>()); }
TEST_P(QueueThrow, awaited_puts_and_gets_priority) { run(awaited_forms<PriorityQueue<Fussy>>()); }

}  // namespace
}  // namespace heddle::test
