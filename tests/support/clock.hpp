#pragma once

#include <chrono>

namespace heddle::test {

/// The clock of the library's deadlines.
using Clock = std::chrono::steady_clock;

/// Keeps the calling thread busy until a deadline has passed: for what must happen to a task that does not
/// suspend meanwhile.
inline void busy_until(Clock::time_point when) {
    while (Clock::now() < when) {
    }
}

}  // namespace heddle::test
