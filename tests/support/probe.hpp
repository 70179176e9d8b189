#pragma once

#include <atomic>

namespace heddle::test {

/// Counts of all Probes that were made with it.
struct ProbeCounts {
    std::atomic<int> constructed{0};  // not by copy or move
    std::atomic<int> copied{0};
    std::atomic<int> moved{0};
    std::atomic<int> alive{0};
};

/// A value whose life is counted. Carries a number; 0 once it has been moved from.
class Probe {
public:
    explicit Probe(ProbeCounts& counts, int value = 0) : counts_(&counts), value_(value) {
        ++counts_->constructed;
        ++counts_->alive;
    }
    Probe(const Probe& other) : counts_(other.counts_), value_(other.value_) {
        ++counts_->copied;
        ++counts_->alive;
    }
    Probe(Probe&& other) noexcept : counts_(other.counts_), value_(other.value_) {
        other.value_ = 0;
        ++counts_->moved;
        ++counts_->alive;
    }
    Probe& operator=(const Probe& other) {
        if (this != &other) {
            value_ = other.value_;
            ++counts_->copied;
        }
        return *this;
    }
    Probe& operator=(Probe&& other) noexcept {
        if (this != &other) {
            value_ = other.value_;
            other.value_ = 0;
            ++counts_->moved;
        }
        return *this;
    }
    ~Probe() { --counts_->alive; }

    [[nodiscard]] int value() const { return value_; }

private:
    ProbeCounts* counts_;
    int value_;
};

}  // namespace heddle::test
