#include "fake_waiter.hpp"
#include "sched/timer_wheel.hpp"
#include <heddle/detail/task/timer.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>

// One wheel, several threads: its owner arms, anybody disarms, anybody advances.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

constexpr std::int64_t tick = std::int64_t{1} << 16;

/// A clock that all threads turn.
class Turning {
public:
    void advance(TimerWheel& wheel) {
        static_cast<void>(wheel.advance(now_ += tick / 4));
        std::this_thread::yield();  // there may be fewer cores than threads
    }
    [[nodiscard]] std::int64_t now() const { return now_; }

private:
    std::atomic<std::int64_t> now_{1'000 * tick};
};

TimerNode* arm(TimerWheel& wheel, const WaitToken& token, std::int64_t when) {
    TimerNode* node = make_timer();
    node->who = token.who;
    node->seq = token.seq;
    node->when = when;
    wheel.arm(*node);
    return node;
}

// The owner arms and waits, gives up or not; two others advance all the time. Every timer ends in one way,
// and one that nobody disarms fires.
TEST(TimerWheelRace, ArmAndDisarmWhileOthersAdvance) {
    Turning clock;
    TimerWheel wheel(clock.now());
    std::atomic<bool> over{false};
    int fired = 0;
    int given_up = 0;
    constexpr int rounds = 5'000;
    at_once(3, [&](std::size_t me) {
        if (me != 0) {
            while (!over) {
                clock.advance(wheel);
            }
            return;
        }
        std::minstd_rand random(1);
        FakeWaiter fake;
        for (int i = 0; i < rounds; ++i) {
            const WaitToken token = fake.token();
            const std::int64_t when = clock.now() + static_cast<std::int64_t>(random() % 4) * tick;
            TimerNode* node = arm(wheel, token, when);
            const bool asleep = fake.park(token) == Parked::suspended;
            const bool impatient = random() % 2 == 0;
            while (asleep && fake.asleep() && !impatient) {
                std::this_thread::yield();
            }
            if (asleep && impatient && fake.waiter().claim(token.seq)) {
                ++given_up;
            } else {
                ++fired;
                EXPECT_GE(clock.now(), when) << "early";
            }
            wheel.disarm(*node);
        }
        over = true;
    });
    EXPECT_EQ(fired + given_up, rounds);
}

// Tasks are resumed on any worker: the thread that disarms is not the one that armed.
TEST(TimerWheelRace, DisarmedByAnotherThread) {
    Turning clock;
    TimerWheel wheel(clock.now());
    constexpr int rounds = 5'000;
    std::atomic<TimerNode*> armed{nullptr};
    std::atomic<bool> over{false};
    at_once(3, [&](std::size_t me) {
        if (me == 0) {
            const FakeWaiter fake;  // never asleep: its timers find a stale token or an active waiter
            for (int i = 0; i < rounds; ++i) {
                TimerNode* node = arm(wheel, fake.token(), clock.now() + i % 5 * tick);
                while (armed != nullptr) {
                    std::this_thread::yield();
                }
                armed = node;
                if (i % 3 == 0) {
                    clock.advance(wheel);
                }
            }
            while (armed != nullptr) {
                std::this_thread::yield();
            }
            over = true;
            return;
        }
        while (!over) {
            if (me == 1) {
                if (TimerNode* node = armed.exchange(nullptr); node != nullptr) {
                    wheel.disarm(*node);
                }
                std::this_thread::yield();
            } else {
                clock.advance(wheel);
            }
        }
    });
    EXPECT_EQ(wheel.advance(clock.now() + 10 * tick), 0U) << "all have been disarmed";
}

// Scopes are entered and left while their timers fire: a scope that has been left wakes nobody, one that has
// not been left ends the wait.
TEST(TimerWheelRace, ScopesAreLeftWhileTheyExpire) {
    Turning clock;
    TimerWheel wheel(clock.now());
    constexpr int rounds = 5'000;
    std::atomic<bool> over{false};
    at_once(3, [&](std::size_t me) {
        if (me != 0) {
            while (!over) {
                clock.advance(wheel);
            }
            return;
        }
        std::minstd_rand random(7);
        FakeWaiter fake;
        for (int i = 0; i < rounds; ++i) {
            ScopeTimer* timer = make_scope_timer();
            timer->who = &fake.waiter();
            timer->when = clock.now() + static_cast<std::int64_t>(random() % 3) * tick;
            wheel.arm(*timer);
            if (random() % 2 == 0) {
                // A wait inside the scope, which only the timer ends. A CHECK may be left from a scope before
                // it, which expired when it was being left: look, and park again, as a task does.
                const WaitToken token = fake.token();
                while (timer->scope.load() != ScopeTimer::expiring) {
                    if (fake.park(token) == Parked::suspended) {
                        while (fake.asleep()) {
                            std::this_thread::yield();
                        }
                        EXPECT_EQ(fake.waiter().take_requests(), Woken::check);
                        EXPECT_EQ(timer->scope.load(), ScopeTimer::expiring);
                    }
                }
                fake.waiter().revoke(token.seq);
            }
            timer->scope.exchange(ScopeTimer::exited);
            wheel.disarm(*timer);
            // A wait behind the scope: a late timer must not end it, though it may have left CHECK on the
            // word.
            const WaitToken token = fake.token();
            Parked behind = fake.park(token);
            while (behind == Parked::check) {
                behind = fake.park(token);
            }
            EXPECT_EQ(behind, Parked::suspended);
            std::this_thread::yield();
            EXPECT_TRUE(fake.waiter().claim(token.seq)) << "woken by a scope that had been left";
            static_cast<void>(fake.waiter().take_requests());
        }
        over = true;
    });
}

}  // namespace
}  // namespace heddle::test
