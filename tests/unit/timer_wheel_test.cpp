#include "sched/timer_wheel.hpp"

#include "fake_waiter.hpp"
#include <heddle/detail/sync/clock.hpp>
#include <heddle/detail/task/timer.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <vector>

// The wheel on a clock that the test turns.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

constexpr std::int64_t tick = std::int64_t{1} << 16;
constexpr std::int64_t day = std::int64_t{86'400} * 1'000'000'000;
constexpr std::int64_t epoch = 1'000 * day + 12'345;  // where the clock begins

/// The end of the tick in which `when` lies: nothing later may be needed to fire it.
std::int64_t round_up(std::int64_t when) { return (when + tick - 1) / tick * tick; }

struct Timer {
    FakeWaiter fake;
    TimerNode* node = nullptr;
    std::int64_t when = 0;
    [[nodiscard]] bool fired() const { return !fake.asleep(); }
};

/// Below `bound`, which is positive.
std::int64_t below(std::mt19937_64& random, std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
}

class Wheel {
public:
    explicit Wheel(std::int64_t at = epoch) : wheel(at), now(at) {}

    std::unique_ptr<Timer> arm(std::int64_t when) {
        auto timer = std::make_unique<Timer>();
        timer->when = when;
        timer->node = make_timer();
        const WaitToken token = timer->fake.token();
        timer->node->who = token.who;
        timer->node->seq = token.seq;
        timer->node->when = when;
        wheel.arm(*timer->node);
        EXPECT_EQ(timer->fake.park(), Parked::suspended);
        return timer;
    }
    void disarm(Timer& timer) { wheel.disarm(*std::exchange(timer.node, nullptr)); }
    std::size_t advance(std::int64_t to) {
        now = to;
        return wheel.advance(now);
    }
    /// Sleeps from deadline to deadline, as a worker does, until `timer` has fired. How often it woke up.
    int sleep_until_fired(const Timer& timer) {
        int wakes = 0;
        while (!timer.fired() && wakes < 1'000) {
            const std::int64_t next = wheel.next_deadline();
            EXPECT_NE(next, never) << "a worker would sleep for ever";
            EXPECT_LE(next, std::max(round_up(timer.when), now + tick)) << "it would oversleep";
            advance(std::max(next, now));
            ++wakes;
        }
        return wakes;
    }

    TimerWheel wheel;
    std::int64_t now;
};

TEST(TimerWheelTest, AnEmptyWheelHasNoDeadline) {
    Wheel w;
    EXPECT_EQ(w.wheel.next_deadline(), never);
    w.advance(epoch + day);
    EXPECT_EQ(w.wheel.next_deadline(), never);
}

TEST(TimerWheelTest, NeverEarlyAndAtMostATickLate) {
    for (const std::int64_t delay :
         {std::int64_t{1}, tick - 1, tick, tick + 1, 3 * tick, 1'000 * tick + 17}) {
        Wheel w;
        const auto timer = w.arm(epoch + delay);
        w.advance(timer->when - 1);
        EXPECT_FALSE(timer->fired()) << delay;
        w.advance(std::max(round_up(timer->when), round_up(epoch + 1)));
        EXPECT_TRUE(timer->fired()) << delay;
        w.disarm(*timer);
    }
}

TEST(TimerWheelTest, ADeadlineThatHasPassedFiresAtTheNextTick) {
    Wheel w;
    const auto timer = w.arm(epoch - day);
    EXPECT_FALSE(timer->fired());
    EXPECT_LE(w.wheel.next_deadline(), epoch + tick);
    w.advance(epoch + tick);
    EXPECT_TRUE(timer->fired());
    w.disarm(*timer);
}

TEST(TimerWheelTest, EveryLevel) {
    std::int64_t unit = tick;
    for (unsigned level = 0; level < 7; ++level, unit *= 64) {
        for (const std::int64_t delay :
             {unit - 1, unit, unit + 1, 2 * unit, 40 * unit + 5, 63 * unit, 64 * unit - 1}) {
            Wheel w;
            const auto timer = w.arm(epoch + delay);
            const int wakes = w.sleep_until_fired(*timer);
            EXPECT_TRUE(timer->fired());
            EXPECT_GE(w.now, timer->when) << "level " << level << " delay " << delay;
            EXPECT_LT(w.now - timer->when, 2 * tick);
            // Once per level it moves down; beyond the reach of the wheel once more per 64 of the top level.
            EXPECT_LE(wakes, level < 6 ? 7 : 80);
            w.disarm(*timer);
        }
    }
}

TEST(TimerWheelTest, FarDeadlines) {
    Wheel w;
    const auto years = w.arm(epoch + 2'000 * day);
    const auto longest = w.arm(std::numeric_limits<std::int64_t>::max() / 4);
    EXPECT_GT(w.sleep_until_fired(*years), 0);
    EXPECT_GE(w.now, years->when);
    EXPECT_LT(w.now - years->when, 2 * tick);
    EXPECT_FALSE(longest->fired());
    w.disarm(*years);
    w.disarm(*longest);
    EXPECT_EQ(w.advance(w.now + day), 0U) << "nothing is left";
}

TEST(TimerWheelTest, AWheelThatStoodStillForLong) {
    Wheel w;
    w.now += 300 * day;  // no timers, no advance meanwhile
    const auto soon = w.arm(w.now + 10 * tick);
    const auto later = w.arm(w.now + 3 * day);
    EXPECT_GT(w.sleep_until_fired(*soon), 0);
    EXPECT_GE(w.now, soon->when);
    EXPECT_FALSE(later->fired());
    EXPECT_GT(w.sleep_until_fired(*later), 0);
    EXPECT_GE(w.now, later->when);
    w.disarm(*soon);
    w.disarm(*later);
}

TEST(TimerWheelTest, OneLongStepOverManyDeadlines) {
    Wheel w;
    std::vector<std::unique_ptr<Timer>> timers;
    for (std::int64_t delay = 1; delay < 10 * day; delay = delay * 3 / 2 + 1) {
        timers.push_back(w.arm(epoch + delay));
    }
    const auto beyond = w.arm(epoch + 30 * day);
    EXPECT_EQ(w.advance(epoch + 20 * day), timers.size());
    for (const auto& timer : timers) {
        EXPECT_TRUE(timer->fired()) << timer->when - epoch;
        w.disarm(*timer);
    }
    EXPECT_FALSE(beyond->fired());
    w.disarm(*beyond);
}

TEST(TimerWheelTest, AClockThatGoesBack) {
    Wheel w;
    const auto before = w.arm(epoch + 30 * tick);
    w.advance(epoch + 20 * tick);
    w.advance(epoch + 10 * tick);
    const auto between = w.arm(epoch + 15 * tick);
    const auto after = w.arm(epoch + 25 * tick);
    w.advance(epoch + 14 * tick);
    EXPECT_FALSE(between->fired());
    EXPECT_LE(w.wheel.next_deadline(), epoch + 22 * tick) << "as soon as the clock is where it has been";
    w.advance(epoch + 22 * tick);
    EXPECT_TRUE(between->fired());
    EXPECT_FALSE(after->fired());
    w.advance(epoch + 26 * tick);
    EXPECT_TRUE(after->fired());
    EXPECT_FALSE(before->fired());
    w.advance(epoch - day);
    EXPECT_FALSE(before->fired());
    w.advance(epoch + 31 * tick);
    EXPECT_TRUE(before->fired());
    for (Timer* timer : {before.get(), between.get(), after.get()}) {
        w.disarm(*timer);
    }
}

TEST(TimerWheelTest, DisarmedBeforeItFires) {
    Wheel w;
    const auto gone = w.arm(epoch + 5 * tick);
    const auto stays = w.arm(epoch + 5 * tick);
    w.disarm(*gone);
    w.advance(epoch + 10 * tick);
    EXPECT_FALSE(gone->fired());
    EXPECT_TRUE(stays->fired());
    w.disarm(*stays);
}

TEST(TimerWheelTest, AWaiterThatWasWokenOtherwiseIsLeftAlone) {
    Wheel w;
    const auto timer = w.arm(epoch + tick);
    EXPECT_TRUE(timer->fake.waiter().claim(timer->fake.token().seq));
    EXPECT_EQ(timer->fake.park(), Parked::suspended);  // its next wait
    w.advance(epoch + 3 * tick);
    EXPECT_TRUE(timer->fake.asleep()) << "the token of the first wait is stale";
    w.disarm(*timer);
}

TEST(TimerWheelTest, ReferenceModel) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 20; ++round) {
        Wheel w(epoch + below(random, day));
        std::vector<std::unique_ptr<Timer>> timers;
        for (int step = 0; step < 400; ++step) {
            const auto scale = static_cast<int>(random() % 38);
            if (random() % 2 == 0) {
                timers.push_back(w.arm(w.now + below(random, tick << (scale % 20))));
            } else if (random() % 4 == 0 && !timers.empty()) {
                auto& victim = *timers[random() % timers.size()];
                if (victim.node != nullptr) {
                    victim.when = victim.fired() ? 0 : never;
                    w.disarm(victim);
                }
            } else {
                const std::int64_t before = w.now;
                w.advance(before + below(random, tick << (scale % 16)));
            }
            for (const auto& timer : timers) {
                if (timer->when == never || timer->when == 0) {
                    EXPECT_EQ(timer->fired(), timer->when == 0);
                } else if (timer->fired()) {
                    EXPECT_GE(w.now, timer->when) << "early";
                } else {
                    EXPECT_LT(w.now, round_up(timer->when) + tick) << "late";
                }
            }
        }
        for (const auto& timer : timers) {
            if (timer->node != nullptr) {
                w.disarm(*timer);
            }
        }
        // Slots that were emptied may cost one look each; then there is no deadline left.
        for (int looks = 0; looks < 2'000 && w.wheel.next_deadline() != never; ++looks) {
            w.advance(std::max(w.now, w.wheel.next_deadline()));
        }
        EXPECT_EQ(w.wheel.next_deadline(), never);
    }
}

// ---- timers of timeout scopes
// ------------------------------------------------------------------------------

ScopeTimer& arm_scope(Wheel& w, Waiter& who, std::int64_t when) {
    ScopeTimer* timer = make_scope_timer();
    timer->who = &who;
    timer->when = when;
    w.wheel.arm(*timer);
    return *timer;
}

TEST(ScopeTimerTest, AsksASleepingTaskToLook) {
    Wheel w;
    FakeWaiter fake;
    ScopeTimer& timer = arm_scope(w, fake.waiter(), epoch + tick);
    EXPECT_EQ(fake.park(), Parked::suspended);
    w.advance(epoch + 3 * tick);
    EXPECT_FALSE(fake.asleep());
    EXPECT_EQ(timer.scope.load(), ScopeTimer::expiring);
    EXPECT_EQ(fake.waiter().take_requests(), Woken::check);
    EXPECT_EQ(timer.scope.exchange(ScopeTimer::exited), ScopeTimer::expiring);
    w.wheel.disarm(timer);
}

TEST(ScopeTimerTest, ARunningTaskLooksWhenItParks) {
    Wheel w;
    FakeWaiter fake;
    ScopeTimer& timer = arm_scope(w, fake.waiter(), epoch + tick);
    w.advance(epoch + 3 * tick);
    EXPECT_EQ(fake.park(), Parked::check);
    timer.scope.store(ScopeTimer::exited);
    w.wheel.disarm(timer);
}

TEST(ScopeTimerTest, AWaitThatMustNotBeInterruptedIsNot) {
    Wheel w;
    FakeWaiter fake;
    ScopeTimer& timer = arm_scope(w, fake.waiter(), epoch + tick);
    EXPECT_EQ(fake.park(Cancellable::no), Parked::suspended);
    w.advance(epoch + 3 * tick);
    EXPECT_TRUE(fake.asleep());
    EXPECT_NE(fake.word() & word::check, 0U);
    timer.scope.store(ScopeTimer::exited);
    w.wheel.disarm(timer);
}

TEST(ScopeTimerTest, AScopeThatWasLeftWakesNobody) {
    Wheel w;
    FakeWaiter fake;
    ScopeTimer& timer = arm_scope(w, fake.waiter(), epoch + tick);
    timer.scope.store(ScopeTimer::exited);
    EXPECT_EQ(fake.park(), Parked::suspended);
    w.advance(epoch + 3 * tick);
    EXPECT_TRUE(fake.asleep());
    EXPECT_EQ(fake.word() & word::requests, 0U);
    w.wheel.disarm(timer);
}

TEST(ScopeTimerTest, DisarmedBeforeItFires) {
    Wheel w;
    FakeWaiter fake;
    ScopeTimer& timer = arm_scope(w, fake.waiter(), epoch + tick);
    EXPECT_EQ(fake.park(), Parked::suspended);
    timer.scope.store(ScopeTimer::exited);
    w.wheel.disarm(timer);
    w.advance(epoch + 3 * tick);
    EXPECT_TRUE(fake.asleep());
}

}  // namespace
}  // namespace heddle::test
