#pragma once

#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/task.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

// Doing two things at the same moment, again and again.

namespace heddle::test {

/// for (Rounds rounds; rounds.next();): as many rounds as fit into a tenth of a second, and at least 20.
class Rounds {
public:
    bool next() {
        ++n_;
        return n_ <= 20 || std::chrono::steady_clock::now() < end_;
    }
    /// Of the round that runs, from 1.
    [[nodiscard]] unsigned number() const { return n_; }

private:
    unsigned n_ = 0;
    std::chrono::steady_clock::time_point end_ =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
};

/// A few instructions up to about a microsecond, so that the two sides of a race meet at many points.
class Jitter {
public:
    explicit Jitter(std::uint32_t seed) : random_(seed) {}
    void operator()() {
        const unsigned n = random_() % 4 == 0 ? random_() % 512 : random_() % 64;
        for (unsigned i = 0; i < n; ++i) {
            sink_.store(i, std::memory_order_relaxed);
        }
    }
    std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }

private:
    std::minstd_rand random_;
    std::atomic<unsigned> sink_{0};
};

/// Runs functions at the same moment: in even rounds on plain threads, in odd ones in tasks.
class Racers {
public:
    explicit Racers(std::size_t most) {
        for (std::size_t i = 0; i < most; ++i) {
            threads_.emplace_back([this, i] { work(i); });
        }
    }
    Racers(const Racers&) = delete;
    Racers& operator=(const Racers&) = delete;
    Racers(Racers&&) = delete;
    Racers& operator=(Racers&&) = delete;
    ~Racers() {
        {
            const std::lock_guard hold(mutex_);
            stop_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    /// Returns when all sides have. Call it with functions that have a name.
    template <class... Sides>
    Coro<void> at_once(Sides&... sides) {
        const std::array<std::function<void()>, sizeof...(Sides)> all{
            std::function<void()>(std::ref(sides))...};
        auto ended = [&] { return ended_ == all.size(); };
        arrived_ = 0;
        ended_ = 0;
        ++rounds_;
        if (rounds_ % 2 == 0) {
            start_threads(all.data(), all.size());
            co_await until(ended);
        } else {
            std::vector<Task<void>> tasks;
            for (const std::function<void()>& side : all) {
                tasks.push_back(create_task(one_task(side, all.size())));
            }
            co_await settle_all(tasks);
        }
    }

private:
    Coro<void> one_task(const std::function<void()>& side, std::size_t n) {
        Jitter jitter(rounds_ + static_cast<std::uint32_t>(arrived_.fetch_add(1)));
        auto all_here = [&] { return arrived_ == n; };
        co_await until(all_here);
        jitter();
        side();
    }

    void start_threads(const std::function<void()>* sides, std::size_t n) {
        {
            const std::lock_guard hold(mutex_);
            sides_ = sides;
            n_ = n;
            ++generation_;
        }
        changed_.notify_all();
    }
    void work(std::size_t index) {
        Jitter jitter(static_cast<std::uint32_t>(index) + 1);
        for (unsigned seen = 0;;) {
            std::unique_lock hold(mutex_);
            changed_.wait(hold, [&] { return stop_ || generation_ != seen; });
            if (stop_) {
                return;
            }
            seen = generation_;
            const std::size_t n = n_;
            if (index >= n) {
                continue;
            }
            const std::function<void()>& side = sides_[index];
            hold.unlock();
            ++arrived_;
            until_blocking([&] { return arrived_ == n; });
            jitter();
            side();
            ++ended_;
        }
    }

    std::atomic<std::size_t> arrived_{0};
    std::atomic<std::size_t> ended_{0};
    std::uint32_t rounds_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    const std::function<void()>* sides_ = nullptr;
    std::size_t n_ = 0;
    unsigned generation_ = 0;
    bool stop_ = false;
    std::vector<std::thread> threads_;  // last: start when the rest is there
};

}  // namespace heddle::test
