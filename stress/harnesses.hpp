#pragma once

#include "support/driver.hpp"

namespace heddle::stress {

void stress_lock(Run& run);
void stress_semaphore(Run& run);
void stress_event(Run& run);
void stress_condition(Run& run);
void stress_barrier(Run& run);
void stress_queue(Run& run);
void stress_tasks(Run& run);
void stress_gather(Run& run);
void stress_timeout(Run& run);
void stress_sched(Run& run);
void stress_shutdown(Run& run);
void stress_destroy(Run& run);

}  // namespace heddle::stress
