#include "strategy.hpp"

#include "explore.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace heddle::explore {

std::string Strategy::text() const {
    std::string text;
    for (std::size_t i = 0; i < choices_.size();) {
        std::size_t zeros = 0;
        while (i + zeros < choices_.size() && choices_[i + zeros] == 0) {
            ++zeros;
        }
        if (!text.empty()) {
            text += ',';
        }
        if (zeros > 0) {
            text += 'z' + std::to_string(zeros);
            i += zeros;
        } else {
            text += std::to_string(choices_[i++]);
        }
    }
    return text;
}

bool Exhaustive::begin() {
    forget();
    depth_ = 0;
    preemptions_ = 0;
    stale_ = 0;
    if (first_) {
        first_ = false;
        return true;
    }
    while (!path_.empty() && path_.back().choice + 1 == path_.back().n) {
        path_.pop_back();
    }
    if (path_.empty()) {
        return false;
    }
    ++path_.back().choice;
    return true;
}

unsigned Exhaustive::next(unsigned n) {
    if (depth_ == path_.size()) {
        path_.push_back({0, n});
    }
    return chosen(path_[depth_++].choice);
}

unsigned Exhaustive::schedule(const unsigned*, unsigned n, bool may_stay) {
    const bool limited = may_stay && preemptions_ == max_preemptions_;
    const unsigned choice = next(limited ? 1 : n);
    preemptions_ += may_stay && choice != 0 ? 1U : 0U;
    return choice;
}

unsigned Exhaustive::stale(unsigned n) {
    const unsigned choice = next(stale_ == max_stale_ ? 1 : n);
    stale_ += choice != 0 ? 1U : 0U;
    return choice;
}

std::uint64_t Dice::next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
}

bool RandomWalk::begin() {
    forget();
    return left_-- > 0;
}

unsigned RandomWalk::schedule(const unsigned*, unsigned n, bool may_stay) {
    return chosen(may_stay && dice_.below(3) != 0 ? 0 : dice_.below(n));
}

bool Pct::begin() {
    forget();
    longest_ = std::max(longest_, step_);
    step_ = 0;
    priority_.resize(max_threads);
    std::iota(priority_.begin(), priority_.end(), std::int64_t{1});
    for (std::size_t i = priority_.size(); i > 1; --i) {
        std::swap(priority_[i - 1], priority_[dice_.below(static_cast<unsigned>(i))]);
    }
    lowest_ = 0;
    changes_.clear();
    for (unsigned i = 1; i < depth_; ++i) {
        changes_.push_back(dice_.next() % longest_);
    }
    return left_-- > 0;
}

unsigned Pct::schedule(const unsigned* threads, unsigned n, bool) {
    const auto highest = [&] {
        unsigned best = 0;
        for (unsigned i = 1; i < n; ++i) {
            best = priority_[threads[i]] > priority_[threads[best]] ? i : best;
        }
        return best;
    };
    unsigned best = highest();
    for (const auto change : changes_) {
        if (change == step_) {
            priority_[threads[best]] = --lowest_;  // also below those that gave way
            best = highest();
        }
    }
    ++step_;
    return chosen(best);
}

Replay::Replay(std::string_view text) {
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view word = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (word.starts_with('z')) {
            given_.insert(given_.end(), std::stoul(std::string(word.substr(1))), 0);
        } else {
            given_.push_back(static_cast<unsigned>(std::stoul(std::string(word))));
        }
    }
}

bool Replay::begin() {
    forget();
    at_ = 0;
    const bool first = !done_;
    done_ = true;
    return first;
}

unsigned Replay::next(unsigned n) {
    const unsigned choice = at_ < given_.size() ? given_[at_++] : 0;
    if (choice >= n) {
        throw std::runtime_error("the replay does not belong to this program");
    }
    return chosen(choice);
}

}  // namespace heddle::explore
