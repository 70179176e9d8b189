#pragma once

#include "support/exchange_waits.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

// Whether a recorded history of calls could have come from one thread at a time: Wing and Gong's search, with
// Lowe's memory of the configurations that led nowhere.

namespace heddle::test {

/// One call. What `what`, `arg` and `result` mean is up to the specification.
struct Call {
    int what = 0;
    int arg = 0;
    int result = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  ///< 0: has not returned

    [[nodiscard]] bool pending() const { return end == 0; }
    [[nodiscard]] bool overlaps(const Call& other) const {
        return (end == 0 || other.begin < end) && (other.end == 0 || begin < other.end);
    }
};

/// Spec has:
///   State                                  copyable and ordered
///   State initial() const
///   bool apply(State&, const Call&, bool contended) const
///       makes the call in this state; false: it cannot give the recorded result. `contended`: other calls
///       ran at the same time.
///   bool waits(const State&, const Call&) const
///       a pending call: it is right that it has not returned, now that nothing else moves
template <class Spec>
class Linearizability {
public:
    explicit Linearizability(Spec spec) : spec_(std::move(spec)) {}

    [[nodiscard]] bool check(const std::vector<Call>& history) {
        done_.clear();
        pending_.clear();
        dead_.clear();
        for (const Call& call : history) {
            (call.pending() ? pending_ : done_).push_back(call);
        }
        contended_.assign(done_.size(), false);
        for (std::size_t i = 0; i < done_.size(); ++i) {
            for (const Call& other : history) {
                const bool itself = other.begin == done_[i].begin;
                contended_[i] = contended_[i] || (!itself && other.overlaps(done_[i]));
            }
        }
        return search(0, spec_.initial());
    }

private:
    using State = typename Spec::State;
    using Mask = std::uint64_t;

    bool search(Mask made, const State& state) {
        if (made == (Mask{1} << done_.size()) - 1) {
            return std::all_of(pending_.begin(), pending_.end(),
                               [&](const Call& call) { return spec_.waits(state, call); });
        }
        if (!dead_.emplace(made, state).second) {
            return false;
        }
        std::uint64_t first_end = UINT64_MAX;
        for (std::size_t i = 0; i < done_.size(); ++i) {
            if ((made >> i & 1U) == 0) {
                first_end = std::min(first_end, done_[i].end);
            }
        }
        for (std::size_t i = 0; i < done_.size(); ++i) {
            if ((made >> i & 1U) != 0 || done_[i].begin > first_end) {
                continue;  // made, or begun after another one that is not made had returned
            }
            State next = state;
            if (spec_.apply(next, done_[i], contended_[i]) && search(made | Mask{1} << i, next)) {
                return true;
            }
        }
        return false;
    }

    Spec spec_;
    std::vector<Call> done_;
    std::vector<Call> pending_;
    std::vector<bool> contended_;
    std::set<std::pair<Mask, State>> dead_;
};

template <class Spec>
bool linearizable(Spec spec, const std::vector<Call>& history) {
    return Linearizability<Spec>(std::move(spec)).check(history);
}

/// The same where a Spec says which calls may exchange their ends: `static bool exchanges(const Call&)`.
template <class Spec>
bool linearizable_up_to_exchanges(const Spec& spec, const std::vector<Call>& history) {
    const auto right = [&](const std::vector<Call>& calls) { return linearizable(spec, calls); };
    return right_up_to_exchanged_waits(
        history, [](const Call& call) { return Spec::exchanges(call); }, right);
}

}  // namespace heddle::test
