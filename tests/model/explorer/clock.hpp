#pragma once

#include "explore.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace heddle::explore {

/// Vector clock: at[t] is the last step of thread t that happens before.
struct Clock {
    std::array<std::uint32_t, max_threads> at{};

    void join(const Clock& other) noexcept {
        for (unsigned t = 0; t < max_threads; ++t) {
            at[t] = std::max(at[t], other.at[t]);
        }
    }
};

}  // namespace heddle::explore
