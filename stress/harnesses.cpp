#include "harnesses.hpp"

#include <array>

namespace heddle::stress {

std::span<const Harness> harnesses() {
    static constexpr std::array all{
        Harness{"lock", "mutual exclusion among tasks and threads", "too many inside", &stress_lock},
        Harness{"semaphore", "permits are neither lost nor doubled", "permits", &stress_semaphore},
        Harness{"event", "each waiter wakes once and sees what was done before", "no progress",
                &stress_event},
    };
    return all;
}

}  // namespace heddle::stress
