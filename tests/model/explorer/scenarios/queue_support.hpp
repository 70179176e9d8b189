#pragma once

#include "../seam.hpp"
#include <heddle/error.hpp>
#include <heddle/queue.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

// What the scenarios of queues have in common.

namespace heddle::explore {

inline constexpr int none = 0;  // cancelled
inline constexpr int shut = -1;

template <class Q>
int get(Q& queue) {
    try {
        return await(queue.get());
    } catch (const CancelledError&) {
        return none;
    } catch (const QueueShutDown&) {
        return shut;
    }
}
/// As get(): `value` if it is in.
template <class Q>
int put(Q& queue, int value) {
    try {
        await(queue.put(value));
        return value;
    } catch (const CancelledError&) {
        return none;
    } catch (const QueueShutDown&) {
        return shut;
    }
}
/// What was put has been got, or is still there.
template <class Q>
void balance(Q& queue, std::vector<int> in, std::vector<int> out) {
    const auto drop = [](std::vector<int>& v) { std::erase_if(v, [](int i) { return i <= 0; }); };
    while (queue.qsize() > 0) {
        out.push_back(*queue.try_get());
    }
    drop(in);
    drop(out);
    require(std::ranges::is_permutation(in, out), "an item is lost or doubled");
}

/// Empty again, a bounded queue has all its places.
template <class Q>
void all_places(Q& queue) {
    for (std::ptrdiff_t i = 0; i < queue.maxsize(); ++i) {
        require(queue.try_put(1), "a place is lost");
    }
    require(!queue.try_put(1), "a place too many");
}

}  // namespace heddle::explore
