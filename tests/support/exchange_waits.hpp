#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace heddle::test {

/// Whether `right(calls)` holds, or holds after calls for which `waits(call)` have exchanged their ends, each
/// pair of which overlapped. A call that waits counts as soon as it is being made, but which of several that
/// are being made at once comes first is decided only when they queue: the one that counted first may get
/// what a release() gave for the second, and the other way round.
template <class Call, class Waits, class Right>
bool right_up_to_exchanged_waits(std::vector<Call> calls, Waits waits, Right right, std::size_t from = 0) {
    if (right(std::as_const(calls))) {
        return true;
    }
    for (std::size_t i = from; i < calls.size(); ++i) {
        for (std::size_t j = i + 1; j < calls.size() && waits(calls[i]); ++j) {
            if (waits(calls[j]) && calls[i].overlaps(calls[j])) {
                std::swap(calls[i].end, calls[j].end);
                if (right_up_to_exchanged_waits(calls, waits, right, i + 1)) {
                    return true;
                }
                std::swap(calls[i].end, calls[j].end);
            }
        }
    }
    return false;
}

}  // namespace heddle::test
