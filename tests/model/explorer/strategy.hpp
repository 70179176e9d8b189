#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::explore {

/// Decides what happens wherever more than one thing may. Every decision is a number below the number of
/// choices; their sequence is the execution, and can be replayed.
class Strategy {
public:
    virtual ~Strategy() = default;
    Strategy() = default;
    Strategy(const Strategy&) = delete;
    Strategy& operator=(const Strategy&) = delete;
    Strategy(Strategy&&) = delete;
    Strategy& operator=(Strategy&&) = delete;

    /// False: everything has been explored.
    virtual bool begin() = 0;
    /// Which of `n` threads runs: 0 is the present one if `may_stay`. `threads` are their numbers.
    virtual unsigned schedule(const unsigned* threads, unsigned n, bool may_stay) = 0;
    /// How many stores ago the value is from that a load gets, 0 … n-1.
    virtual unsigned stale(unsigned n) = 0;
    /// A choice of the scenario's own.
    virtual unsigned input(unsigned n) = 0;
    /// The thread waits by time again and again: others go first.
    virtual void gave_way(unsigned thread) { static_cast<void>(thread); }

    [[nodiscard]] const std::vector<std::uint8_t>& choices() const noexcept { return choices_; }
    /// As it is printed and given to --replay: runs of zeros are counted.
    [[nodiscard]] std::string text() const;

protected:
    unsigned chosen(unsigned choice) {
        choices_.push_back(static_cast<std::uint8_t>(choice));
        return choice;
    }
    void forget() { choices_.clear(); }

private:
    std::vector<std::uint8_t> choices_;
};

/// All executions with at most so many preemptions and so many stale loads. (Musuvathi and Qadeer, PLDI 2007:
/// most bugs need one or two preemptions.)
class Exhaustive final : public Strategy {
public:
    Exhaustive(unsigned preemptions, unsigned stale) : max_preemptions_(preemptions), max_stale_(stale) {}
    bool begin() override;
    unsigned schedule(const unsigned* threads, unsigned n, bool may_stay) override;
    unsigned stale(unsigned n) override;
    unsigned input(unsigned n) override { return next(n); }

private:
    unsigned next(unsigned n);
    struct Point {
        unsigned choice;
        unsigned n;
    };
    const unsigned max_preemptions_;
    const unsigned max_stale_;
    std::vector<Point> path_;
    std::size_t depth_ = 0;
    unsigned preemptions_ = 0;
    unsigned stale_ = 0;
    bool first_ = true;
};

/// splitmix64
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    unsigned below(unsigned n) { return static_cast<unsigned>(next() >> 33U) % n; }

private:
    std::uint64_t state_;
};

/// Every choice is random.
class RandomWalk final : public Strategy {
public:
    RandomWalk(std::uint64_t seed, std::uint64_t executions) : dice_(seed), left_(executions) {}
    bool begin() override;
    unsigned schedule(const unsigned* threads, unsigned n, bool may_stay) override;
    unsigned stale(unsigned n) override { return chosen(dice_.below(4) == 0 ? dice_.below(n) : 0); }
    unsigned input(unsigned n) override { return chosen(dice_.below(n)); }

private:
    Dice dice_;
    std::uint64_t left_;
};

/// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatti, ASPLOS 2010): the thread
/// of highest priority runs; at d - 1 random moments it becomes the lowest. Finds a bug of depth d with a
/// probability of at least 1 / (threads · steps^(d-1)) per execution.
class Pct final : public Strategy {
public:
    Pct(std::uint64_t seed, std::uint64_t executions, unsigned depth)
        : dice_(seed), left_(executions), depth_(depth) {}
    bool begin() override;
    unsigned schedule(const unsigned* threads, unsigned n, bool may_stay) override;
    unsigned stale(unsigned n) override { return chosen(dice_.below(4) == 0 ? dice_.below(n) : 0); }
    unsigned input(unsigned n) override { return chosen(dice_.below(n)); }
    void gave_way(unsigned thread) override { priority_[thread] = --lowest_; }

private:
    Dice dice_;
    std::uint64_t left_;
    const unsigned depth_;
    std::int64_t lowest_ = 0;  // priority so far
    std::uint64_t longest_ = 32;
    std::uint64_t step_ = 0;
    std::vector<std::int64_t> priority_;
    std::vector<std::uint64_t> changes_;
};

/// One execution again.
class Replay final : public Strategy {
public:
    explicit Replay(std::string_view text);
    bool begin() override;
    unsigned schedule(const unsigned*, unsigned n, bool) override { return next(n); }
    unsigned stale(unsigned n) override { return next(n); }
    unsigned input(unsigned n) override { return next(n); }

private:
    unsigned next(unsigned n);
    std::vector<unsigned> given_;
    std::size_t at_ = 0;
    bool done_ = false;
};

}  // namespace heddle::explore
