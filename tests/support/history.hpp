#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

// Checks recorded calls of a concurrent object against a sequential one.

namespace heddle::test {

/// One call: what was called, what came back, and when it was on its way (numbers of one common counter).
struct Call {
    int op = 0;
    long result = 0;
    unsigned begin = 0;
    unsigned end = 0;

    [[nodiscard]] bool overlaps(const Call& other) const { return begin < other.end && other.begin < end; }
};

/// Whether the calls can have happened one after the other, each at some moment between its begin and its
/// end.
///
/// A Model is the sequential object: copyable, ordered by <, with `bool step(int op, long result)` that does
/// the call and says whether a sequential object could give that result now. Up to 31 calls.
template <class Model>
class Linearization {
public:
    explicit Linearization(std::vector<Call> calls) : calls_(std::move(calls)) {}
    [[nodiscard]] bool exists(const Model& start) { return search(0, start); }

private:
    bool search(std::uint32_t done, const Model& state) {
        if (done == (std::uint32_t{1} << calls_.size()) - 1) {
            return true;
        }
        if (!seen_.insert({done, state}).second) {
            return false;
        }
        for (std::size_t i = 0; i < calls_.size(); ++i) {
            const std::uint32_t bit = std::uint32_t{1} << i;
            if ((done & bit) == 0 && may_be_next(done, calls_[i])) {
                Model next = state;
                if (next.step(calls_[i].op, calls_[i].result) && search(done | bit, next)) {
                    return true;
                }
            }
        }
        return false;
    }
    /// Nobody who is not done yet had returned before this call began.
    [[nodiscard]] bool may_be_next(std::uint32_t done, const Call& call) const {
        for (std::size_t i = 0; i < calls_.size(); ++i) {
            if ((done & (std::uint32_t{1} << i)) == 0 && calls_[i].end < call.begin) {
                return false;
            }
        }
        return true;
    }

    std::vector<Call> calls_;
    std::set<std::pair<std::uint32_t, Model>> seen_;
};

}  // namespace heddle::test
