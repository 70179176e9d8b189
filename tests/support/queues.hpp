#pragma once

#include "support/fixture.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/detail/wait/inspect.hpp>
#include <heddle/error.hpp>
#include <heddle/priority_queue.hpp>
#include <heddle/queue.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

// The three kinds of queue as one, and tasks that get and put.

namespace heddle::test {

// A kind makes a queue: auto queue = kind(maxsize).

struct FifoKind {
    static constexpr std::string_view name = "Queue";
    static constexpr bool fifo = true;
    heddle::Queue<int> operator()(std::ptrdiff_t maxsize = 0) const { return heddle::Queue<int>(maxsize); }
};
struct LifoKind {
    static constexpr std::string_view name = "LifoQueue";
    static constexpr bool fifo = false;
    LifoQueue<int> operator()(std::ptrdiff_t maxsize = 0) const { return LifoQueue<int>(maxsize); }
};
struct PriorityKind {
    static constexpr std::string_view name = "PriorityQueue";
    static constexpr bool fifo = false;
    PriorityQueue<int> operator()(std::ptrdiff_t maxsize = 0) const { return PriorityQueue<int>(maxsize); }
};

/// Base of suites about all queues: each([&](auto kind) { auto queue = kind(2); ... }).
class OverQueues : public OverWorkers {
protected:
    template <class Body>
    void each(Body body) {
        each_of<FifoKind>(body);
        each_of<LifoKind>(body);
        each_of<PriorityKind>(body);
    }

private:
    template <class Kind, class Body>
    static void each_of(Body& body) {
        const testing::ScopedTrace trace("", 0, Kind::name);
        body(Kind{});
    }
};

template <class Q>
std::size_t getters(const Q& queue) {
    return detail::Inspect::getters(queue);
}
template <class Q>
std::size_t putters(const Q& queue) {
    return detail::Inspect::putters(queue);
}

/// How a get or a put ended.
enum class How : char { pending, ok, cancelled, timed_out, shut_down };
inline std::ostream& operator<<(std::ostream& out, How how) {
    constexpr const char* names[] = {"pending", "ok", "cancelled", "timed_out", "shut_down"};
    return out << names[static_cast<int>(how)];
}

/// Where a task writes down how its get or put ended. Not in the task's result: a cancellation that comes
/// after the item was taken would take the result with it.
struct Outcome {
    How how = How::pending;
    int value = 0;
};

/// In a catch handler: what was caught. Throws CancelledError on.
inline How caught() {
    try {
        throw;
    } catch (const CancelledError&) {
        return How::cancelled;
    } catch (const TimeoutError&) {
        return How::timed_out;
    } catch (const QueueShutDown&) {
        return How::shut_down;
    }
}

/// One get. Is cancelled if the get was; a shutdown is an outcome like any other.
template <class Q>
Coro<void> take(Q& queue, Outcome& outcome) {
    try {
        const int value = co_await queue.get();
        outcome = {How::ok, value};
    } catch (...) {
        outcome.how = caught();
        if (outcome.how == How::cancelled) {
            throw;
        }
    }
}
/// One put.
template <class Q>
Coro<void> give(Q& queue, int value, Outcome& outcome) {
    try {
        co_await queue.put(value);
        outcome = {How::ok, value};
    } catch (...) {
        outcome.how = caught();
        if (outcome.how == How::cancelled) {
            throw;
        }
    }
}

/// Puts each of `values` without waiting.
template <class Q>
void fill(Q& queue, std::initializer_list<int> values) {
    for (const int value : values) {
        queue.put_nowait(value);
    }
}
/// All that can be got without waiting, in that order.
template <class Q>
std::vector<int> drain(Q& queue) {
    std::vector<int> values;
    try {
        for (;;) {
            values.push_back(queue.get_nowait());
        }
    } catch (const QueueEmpty&) {
        return values;
    } catch (const QueueShutDown&) {
        return values;
    }
}
inline std::vector<int> sorted(std::vector<int> values) {
    std::ranges::sort(values);
    return values;
}

/// Nobody waits, nothing is left, and the queue works.
template <class Q>
void expect_idle(Q& queue) {
    EXPECT_EQ(getters(queue), 0U);
    EXPECT_EQ(putters(queue), 0U);
    EXPECT_TRUE(queue.empty());
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    const std::ptrdiff_t most = queue.maxsize() > 0 ? queue.maxsize() : 3;
    for (std::ptrdiff_t i = 0; i < most; ++i) {
        queue.put_nowait(static_cast<int>(i));
    }
    EXPECT_EQ(queue.qsize(), most);
    EXPECT_EQ(queue.full(), queue.maxsize() > 0);
    EXPECT_EQ(drain(queue).size(), static_cast<std::size_t>(most));
    EXPECT_TRUE(queue.empty());
}

}  // namespace heddle::test
