#pragma once

#include <heddle/heddle.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace heddle::test {

/// Everything that waits, at once, on tasks and on plain threads, with results that are known beforehand.
///
///   Workload work(runtime);   // starts
///   work.finish();            // waits for the end and checks the results
class Workload {
public:
    /// Whether the steady clock keeps what it promises: if not, nobody can tell what is early.
    enum class Clock : bool { steady, restless };
    explicit Workload(Runtime& runtime, Clock clock = Clock::steady);
    Workload(const Workload&) = delete;
    Workload& operator=(const Workload&) = delete;
    Workload(Workload&&) = delete;
    Workload& operator=(Workload&&) = delete;
    ~Workload() = default;

    void finish();

private:
    void spawn(Coro<void> coro) { tasks_.push_back(runtime_.spawn(std::move(coro))); }
    template <class Fn>
    void start(Fn fn) {
        threads_.emplace_back(fn);
    }

    Coro<void> count();
    Coro<void> take_permits(unsigned seed);
    Coro<void> ping();
    void pong();
    Coro<void> take_turns(int me);
    Coro<void> meet();
    Coro<void> produce(int first);
    Coro<void> consume();
    Coro<void> rank();
    Coro<void> sleep_often();
    Coro<void> run_late();
    Coro<void> cancel_waiters();
    Coro<void> go_to_threads();
    Coro<void> make_children();

    Runtime& runtime_;
    const Clock clock_;
    Lock lock_;
    int counted_ = 0;  // under lock_
    Semaphore permits_{3};
    std::atomic<int> inside_{0};
    std::atomic<bool> crowded_{false};
    Event to_pong_;
    Event to_ping_;
    Event never_;
    std::atomic<int> pongs_{0};
    Condition changed_;
    int turn_ = 0;  // under changed_
    Barrier barrier_{4};
    std::atomic<int> seats_{0};
    Queue<int> queue_{2};
    std::atomic<int> producers_{0};
    std::atomic<int> items_{0};
    std::atomic<int> sum_{0};
    std::atomic<int> timed_out_{0};
    std::atomic<int> early_{0};
    std::atomic<int> results_{0};
    std::vector<Task<void>> tasks_;
    std::vector<std::thread> threads_;
};

}  // namespace heddle::test
