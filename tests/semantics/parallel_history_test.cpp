#include "support/exchange_waits.hpp"
#include "support/fixture.hpp"
#include "support/history.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <compare>
#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Small random histories of two tasks and a plain thread, four calls each, against the sequential object.

namespace heddle::test {
namespace {

class ParallelHistory : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelHistory);

// Every subject: op 0 waits, op 1 lets somebody go on who waits, the others neither wait nor help.
enum Op : int { op_wait, op_help, op_try, op_look, op_count };

struct LockSubject {
    struct Model {
        bool held = false;
        auto operator<=>(const Model&) const = default;
        bool step(int op, long result) {
            switch (op) {
                case op_wait:
                    return !std::exchange(held, true);
                case op_help:
                    return static_cast<long>(std::exchange(held, false)) == result;
                case op_try:
                    return static_cast<long>(!std::exchange(held, true)) == result;
                default:
                    return static_cast<long>(held) == result;
            }
        }
    };
    Lock lock;
    static bool says_busy(int op, long result) {
        return (op == op_try && result == 0) || (op == op_look && result == 1);
    }

    auto wait() { return lock.acquire(); }
    void wait_blocking() { lock.acquire_blocking(); }
    long call(int op) {
        switch (op) {
            case op_help:
                try {
                    lock.release();
                    return 1;
                } catch (const std::runtime_error&) {
                    return 0;
                }
            case op_try:
                return lock.try_acquire() ? 1 : 0;
            default:
                return lock.locked() ? 1 : 0;
        }
    }
};

template <class S, bool Bounded>
struct SemaphoreSubject {
    static constexpr long initial = 2;
    struct Model {
        long value = initial;
        auto operator<=>(const Model&) const = default;
        bool step(int op, long result) {
            const bool takes = value > 0;
            switch (op) {
                case op_wait:
                    value -= 1;
                    return takes;
                case op_help: {
                    const bool gives = !Bounded || value < initial;
                    value += gives ? 1 : 0;
                    return static_cast<long>(gives) == result;
                }
                case op_try:
                    value -= takes ? 1 : 0;
                    return static_cast<long>(takes) == result;
                default:
                    return value == result;
            }
        }
    };
    S semaphore{initial};
    static bool says_busy(int op, long result) { return (op == op_try && result == 0) || op == op_look; }

    auto wait() { return semaphore.acquire(); }
    void wait_blocking() { semaphore.acquire_blocking(); }
    long call(int op) {
        switch (op) {
            case op_help:
                try {
                    semaphore.release();
                    return 1;
                } catch (const std::invalid_argument&) {
                    return 0;
                }
            case op_try:
                return semaphore.try_acquire() ? 1 : 0;
            default:
                return semaphore.value();
        }
    }
};

struct EventSubject {
    struct Model {
        bool flag = false;
        auto operator<=>(const Model&) const = default;
        bool step(int op, long result) {
            switch (op) {
                case op_wait:
                    return flag;
                case op_help:
                    flag = true;
                    return true;
                case op_try:
                    flag = false;
                    return true;  // clear()
                default:
                    return static_cast<long>(flag) == result;
            }
        }
    };
    Event event;
    static bool says_busy(int, long) { return false; }

    auto wait() { return event.wait(); }
    void wait_blocking() { event.wait_blocking(); }
    long call(int op) {
        switch (op) {
            case op_help:
                event.set();
                return 0;
            case op_try:
                event.clear();
                return 0;
            default:
                return event.is_set() ? 1 : 0;
        }
    }
};

/// One party of a history: its calls in order.
struct Party {
    std::atomic<unsigned>* clock;
    std::vector<Call> calls;

    void begin(int op) { calls.push_back({op, 0, (*clock)++, 0}); }
    void end(long result) {
        calls.back().result = result;
        calls.back().end = (*clock)++;
    }
};

std::vector<int> random_ops(Jitter& random) {
    std::vector<int> ops;
    for (int i = 0; i < 4; ++i) {
        ops.push_back(static_cast<int>(random.random() >> 8U) % op_count);
    }
    return ops;
}

template <class Subject>
Coro<void> in_a_task(Subject& subject, Party& party, std::vector<int> ops, Jitter& jitter) {
    for (const int op : ops) {
        jitter();
        party.begin(op);
        if (op == op_wait) {
            co_await subject.wait();
            party.end(0);
        } else {
            party.end(subject.call(op));
        }
    }
}

template <class Subject>
void on_a_thread(Subject& subject, Party& party, const std::vector<int>& ops, Jitter& jitter) {
    for (const int op : ops) {
        jitter();
        party.begin(op);
        if (op == op_wait) {
            subject.wait_blocking();
            party.end(0);
        } else {
            party.end(subject.call(op));
        }
    }
}

std::string show(const std::vector<Call>& calls) {
    std::ostringstream text;
    for (const Call& call : calls) {
        text << call.begin << ".." << call.end << " op " << call.op << " = " << call.result << "\n";
    }
    return text.str();
}

template <class Model>
bool exists(const std::vector<Call>& calls) {
    return Linearization<Model>(calls).exists({});
}

template <class Subject>
Coro<void> histories() {
    Jitter random(17);
    for (Rounds rounds; rounds.next();) {
        Subject subject;
        std::atomic<unsigned> clock{0};
        std::vector<Party> parties(4, Party{&clock, {}});
        Jitter first(random.random());
        Jitter second(random.random());
        Jitter third(random.random());
        const std::vector<int> thread_ops = random_ops(random);
        {
            const Task<void> a = create_task(in_a_task(subject, parties[0], random_ops(random), first));
            const Task<void> b = create_task(in_a_task(subject, parties[1], random_ops(random), second));
            const BlockingThread c([&] { on_a_thread(subject, parties[2], thread_ops, third); });
            // When all wait for what does not come, one is helped; the help belongs to the history.
            bool ended = false;
            while (!ended) {
                const bool stuck = (a.done() || detail::is_parked(a)) && (b.done() || detail::is_parked(b)) &&
                                   (c.ended() || c.parked()) && !(a.done() && b.done() && c.ended());
                if (stuck && parties[3].calls.size() < 16) {
                    parties[3].begin(op_help);
                    parties[3].end(subject.call(op_help));
                }
                co_await yield();
                ended = a.done() && b.done() && c.ended();
            }
            co_await settle(a, b);
        }
        std::vector<Call> all;
        for (const Party& party : parties) {
            all.insert(all.end(), party.calls.begin(), party.calls.end());
        }
        // "Busy" may be said a little early: an acquire that is being made counts already, though another one
        // that comes later may still get ahead of it (see try_acquire() in the headers).
        const std::vector<Call> calls = all;
        std::erase_if(all, [&](const Call& call) {
            return Subject::says_busy(call.op, call.result) &&
                   std::ranges::any_of(
                       calls, [&](const Call& other) { return other.op == op_wait && other.overlaps(call); });
        });
        const auto waits = [](const Call& call) { return call.op == op_wait; };
        EXPECT_TRUE(right_up_to_exchanged_waits(all, waits, exists<typename Subject::Model>)) << show(calls);
    }
}

TEST_P(ParallelHistory, PAR_53_histories_of_a_lock) { run(histories<LockSubject>()); }
TEST_P(ParallelHistory, PAR_53_histories_of_a_semaphore) {
    run(histories<SemaphoreSubject<Semaphore, false>>());
}
TEST_P(ParallelHistory, PAR_53_histories_of_a_bounded_semaphore) {
    run(histories<SemaphoreSubject<BoundedSemaphore, true>>());
}
TEST_P(ParallelHistory, PAR_53_histories_of_an_event) { run(histories<EventSubject>()); }

TEST(Linearization, RefusesWhatCannotBe) {
    using Model = LockSubject::Model;
    // Two tries that succeed, one after the other, without a release.
    EXPECT_FALSE(Linearization<Model>({{op_try, 1, 0, 1}, {op_try, 1, 2, 3}}).exists({}));
    // A release in between, or at the same time.
    EXPECT_TRUE(Linearization<Model>({{op_try, 1, 0, 1}, {op_help, 1, 2, 3}, {op_try, 1, 4, 5}}).exists({}));
    EXPECT_TRUE(Linearization<Model>({{op_try, 1, 0, 1}, {op_help, 1, 2, 5}, {op_try, 1, 3, 4}}).exists({}));
    // A release that began only afterwards.
    EXPECT_FALSE(Linearization<Model>({{op_try, 1, 0, 1}, {op_try, 1, 2, 3}, {op_help, 1, 4, 5}}).exists({}));
    // A wait that never got the lock, and a look that saw it held.
    EXPECT_FALSE(Linearization<Model>({{op_try, 1, 0, 1}, {op_wait, 0, 2, 3}}).exists({}));
    EXPECT_TRUE(Linearization<Model>({{op_look, 1, 0, 3}, {op_wait, 0, 1, 2}}).exists({}));
}

TEST(Linearization, WaitsThatOverlapMayExchangeTheirEnds) {
    using Model = LockSubject::Model;
    const auto waits = [](const Call& call) { return call.op == op_wait; };
    const auto right = [&](const std::vector<Call>& calls) {
        return right_up_to_exchanged_waits(calls, waits, exists<Model>);
    };
    // The first wait counts, so that the second release is one of what it is about to get; the other wait,
    // which begins afterwards, queues before it.
    const std::vector<Call> late = {{op_try, 1, 0, 1},    {op_wait, 0, 2, 14}, {op_help, 1, 3, 4},
                                    {op_help, 1, 5, 6},   {op_try, 1, 7, 8},   {op_wait, 0, 9, 10},
                                    {op_look, 1, 11, 12}, {op_help, 1, 13, 15}};
    EXPECT_FALSE(exists<Model>(late));
    EXPECT_TRUE(right(late));
    // Not without the release at the end: two have the lock then.
    std::vector<Call> without = late;
    without.pop_back();
    EXPECT_FALSE(right(without));
    // Nor where a wait ended while the lock was held, and nobody else waited.
    EXPECT_FALSE(right(
        {{op_try, 1, 0, 1}, {op_wait, 0, 2, 3}, {op_help, 1, 4, 5}, {op_help, 1, 6, 7}, {op_wait, 0, 8, 9}}));
}

}  // namespace
}  // namespace heddle::test
