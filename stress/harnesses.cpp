#include "harnesses.hpp"

#include <array>

namespace heddle::stress {

std::span<const Harness> harnesses() {
    static constexpr std::array all{
        Harness{"lock", "mutual exclusion among tasks and threads", "too many inside", &stress_lock},
        Harness{"semaphore", "permits are neither lost nor doubled", "permits", &stress_semaphore},
        Harness{"event", "each waiter wakes once and sees what was done before", "no progress",
                &stress_event},
        Harness{"condition", "a notification is never lost; the lock is held after every wait", "no progress",
                &stress_condition},
        Harness{"barrier", "all meet, each index once, through resets and cancellation", "index",
                &stress_barrier},
        Harness{"queue", "items are neither lost nor doubled; join and shutdown", "items", &stress_queue},
        Harness{"tasks", "tasks, groups, joins and callbacks end once", "begun", &stress_tasks},
        Harness{"gather", "fork and join with exact sums", "sum", &stress_gather},
        Harness{"timeout", "deadlines, never early, never outside their scope", "early", &stress_timeout},
        Harness{"sched", "bursts, steals, long steps, timers, foreign threads", "no progress", &stress_sched},
        Harness{"shutdown", "runtimes that start and stop while work arrives", "callbacks", &stress_shutdown},
        Harness{"destroy", "objects that die as soon as one knows", "written after its end", &stress_destroy},
    };
    return all;
}

}  // namespace heddle::stress
