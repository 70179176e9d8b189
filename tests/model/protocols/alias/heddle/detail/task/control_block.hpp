#pragma once

// Stands in for the control block: what it is does not matter to a ring of pointers to it.

namespace heddle::detail {
struct TaskControl;
}
