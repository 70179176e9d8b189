#include "faults.hpp"
#include "support/clock.hpp"
#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/memory.hpp"
#include "support/parked.hpp"
#include <heddle/heddle.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <optional>
#include <random>
#include <vector>

// The system does not let one worker run, whatever it is doing at that moment. What it holds stays with it:
// the task on its stack, a batch of tasks that it was moving from one queue to another, a wake-up that it was
// about to make. The others go on with everything else, and when it comes back nothing is lost or doubled.

namespace heddle::test {
namespace {

/// Three tasks that go through all primitives together, again and again. No island touches another.
class Island {
public:
    static constexpr int tasks = 3;

    Coro<void> live(const std::atomic<bool>& stop) {
        bool more = true;
        for (int cycle = 1; more; ++cycle) {
            {
                const auto held = co_await lock_.scoped();
                ++counted_;
            }
            const int seat = co_await barrier_.wait();
            if (seat == 0) {
                for (int i = 1; i < tasks; ++i) {
                    co_await queue_.put(cycle);
                }
                event_.set();
            } else {
                const int got = co_await queue_.get();
                wrong_ += got == cycle ? 0 : 1;
                co_await event_.wait();
            }
            co_await permits_.acquire();
            permits_.release();
            {
                const auto held = co_await changed_.scoped();
                if (seat == 0) {
                    cycle_ = cycle;
                    last_ = stop;
                    changed_.notify_all();
                }
                auto told = [&] { return cycle_ == cycle; };
                co_await changed_.wait_for(told);
                more = !last_;
            }
            co_await barrier_.wait();
            if (seat == 0) {
                event_.clear();
                ++cycles_;
            }
        }
    }

    [[nodiscard]] int cycles() const { return cycles_; }
    void check() const {
        EXPECT_EQ(counted_, tasks * cycles_);
        EXPECT_EQ(cycle_, cycles_);
        EXPECT_EQ(wrong_, 0);
        EXPECT_EQ(permits_.value(), 2);
        EXPECT_TRUE(queue_.empty());
        EXPECT_FALSE(lock_.locked());
        EXPECT_EQ(barrier_.n_waiting(), 0);
    }

private:
    Lock lock_;
    int counted_ = 0;  // under lock_
    Barrier barrier_{tasks};
    Queue<int> queue_{1};
    Event event_;
    Semaphore permits_{2};
    Condition changed_;
    int cycle_ = 0;      // under changed_
    bool last_ = false;  // under changed_
    std::atomic<int> cycles_{0};
    std::atomic<int> wrong_{0};
};

class StalledWorker : public OverWorkers {
protected:
    void SetUp() override {
        OverWorkers::SetUp();
        restart();
    }
    void restart() {
        RuntimeOptions wanted = options();
        wanted.name = "stalled";
        wanted.spin_ns = 50'000;
        runtime_.reset();
        runtime_.emplace(wanted);
        until_blocking([&] { return threads_named("stalled-").size() == workers(); });
        threads_ = threads_named("stalled-");
    }
    void TearDown() override {
        runtime_.reset();
        OverWorkers::TearDown();
    }
    Runtime& runtime() { return *runtime_; }
    [[nodiscard]] const std::vector<int>& threads() const { return threads_; }

    // Most that one thread can have taken out of all queues: a full ring (for two instructions, while it
    // spills half of it), the task that overflowed it, and the one that it runs.
    static constexpr std::size_t most_held = 256 + 1 + 1;
    static constexpr std::size_t islands = most_held + 40;

    void populate() {
        for (std::size_t i = 0; i < islands; ++i) {
            Island& island = islands_.emplace_back();
            for (int j = 0; j < Island::tasks; ++j) {
                tasks_.push_back(runtime().spawn(island.live(stop_)));
            }
        }
        for (unsigned i = 0; i < 2 * workers(); ++i) {
            tasks_.push_back(runtime().spawn(look_at_the_clock()));
        }
    }
    void expect_exact_end() {
        stop_ = true;
        for (const Task<void>& task : tasks_) {
            task.wait_blocking();
            EXPECT_EQ(ending_of(task), "value");
        }
        for (const Island& island : islands_) {
            island.check();
        }
        tasks_.clear();
    }
    /// All islands but those that `held` may keep from it go through three more cycles; what comes from
    /// outside runs; waits are cancelled; a primitive of one's own works.
    void others_go_on() {
        std::vector<int> before;
        for (const Island& island : islands_) {
            before.push_back(island.cycles());
        }
        until_blocking([&] {
            std::size_t moved = 0;
            for (std::size_t i = 0; i < islands; ++i) {
                moved += islands_[i].cycles() >= before[i] + 3 ? 1U : 0U;
            }
            return moved >= islands - most_held;
        });
        Lock lock;
        lock.acquire_blocking();
        auto wants = [&](int result) -> Coro<int> {
            const auto mine = co_await lock.scoped();
            co_return result;
        };
        const Task<int> gets_it = runtime().spawn(wants(1));
        until_waiters_blocking(lock, 1);
        const Task<int> cancelled = runtime().spawn(wants(2));
        until_parked_blocking(gets_it, cancelled);
        cancelled.cancel();
        cancelled.wait_blocking();
        EXPECT_TRUE(cancelled.cancelled());
        lock.release();
        EXPECT_EQ(gets_it.result_blocking(), 1);
    }
    void hold_up_again_and_again(HeldThread::Where where, int rounds) {
        std::minstd_rand random(workers());
        populate();
        for (int round = 0; round < rounds; ++round) {
            const int thread = threads_[random() % threads_.size()];
            const HeldThread stalled(thread, where, static_cast<unsigned>(random() % 30) + 1);
            stalled.until_held();
            others_go_on();
        }
        expect_exact_end();
    }

private:
    Coro<void> look_at_the_clock() {
        while (!stop_) {
            static_cast<void>(Clock::now());
            co_await yield();
        }
    }

    std::optional<Runtime> runtime_;
    std::vector<int> threads_;
    std::atomic<bool> stop_{false};
    std::deque<Island> islands_;
    std::vector<Task<void>> tasks_;
};
INSTANTIATE_TEST_SUITE_P(workers, StalledWorker, testing::Values(2U, 4U), testing::PrintToStringParamName());

TEST_P(StalledWorker, anywhere) {
    if (sanitized) {
        // shape: allow skipped-test: a sanitizer's allocator has locks, and ThreadSanitizer delays signals
        GTEST_SKIP() << "the sanitizer's own locks are in the program's code";
    }
    hold_up_again_and_again(HeldThread::Where::anywhere, 40);
}

TEST_P(StalledWorker, in_its_sleep) {
    if (sanitized) {
        // shape: allow skipped-test: ThreadSanitizer lets a sleeping thread sleep on and delays the signal
        GTEST_SKIP() << "a signal does not reach a thread that sleeps";
    }
    const SetClock clock;
    restart();
    auto one = []() -> Coro<int> { co_return 1; };
    for (int round = 0; round < 10; ++round) {
        for (const int thread : threads()) {
            Event event;
            auto waits = [&]() -> Coro<int> {
                co_await event.wait();
                co_return 2;
            };
            const Task<int> waiter = runtime().spawn(waits());
            until_parked_blocking(waiter);
            for (const int each : threads()) {
                until_blocking([&] { return thread_sleeps(each); });
            }
            const HeldThread stalled(thread, HeldThread::Where::anywhere);
            stalled.until_held();
            // The one that is chosen may be this one. Then it is noticed within a second.
            for (int i = 0; i < 3; ++i) {
                const Task<int> task = runtime().spawn(one());
                SetClock::jump(1'100'000'000);
                EXPECT_EQ(task.result_blocking(), 1);
            }
            event.set();
            SetClock::jump(1'100'000'000);
            EXPECT_EQ(waiter.result_blocking(), 2);
        }
    }
}

TEST_P(StalledWorker, at_calls_of_the_system) {
    hold_up_again_and_again(HeldThread::Where::at_a_call, sanitized ? 10 : 40);
}

TEST_P(StalledWorker, as_the_only_one_that_looks_for_work) {
    // Everybody relies on the one that searches. It stands still; the others fall asleep; then work comes.
    struct Seat {
        std::atomic<int> thread{0};
        std::atomic<bool> leave{false};
    };
    std::deque<Seat> seats(workers());
    auto sit = [](Seat& seat) -> Coro<void> {
        seat.thread = gettid();
        until_blocking([&] { return seat.leave.load(); });
        co_return;
    };
    auto one = []() -> Coro<int> { co_return 1; };
    for (int round = 0; round < 5; ++round) {
        std::vector<Task<void>> tasks;
        for (Seat& seat : seats) {
            seat.thread = 0;
            seat.leave = false;
            tasks.push_back(runtime().spawn(sit(seat)));
            until_blocking([&] { return seat.thread != 0; });
        }
        const HeldThread stalled(seats[0].thread);
        seats[0].leave = true;
        stalled.until_held();
        for (Seat& seat : seats) {
            seat.leave = true;
        }
        for (std::size_t i = 1; i < seats.size(); ++i) {
            until_blocking([&] { return thread_sleeps(seats[i].thread); });
        }
        EXPECT_EQ(runtime().spawn(one()).result_blocking(), 1);
        for (const Task<void>& task : tasks) {
            task.wait_blocking();
        }
    }
}

}  // namespace
}  // namespace heddle::test
