#pragma once

#include <heddle/detail/task/fork.hpp>

#include <cstdint>

namespace heddle::detail {

// A child runs without a control block until somebody asks for one: to wait, to be cancelled by its handle,
// to have a context of its own. This is how it comes by one.

/// The block in a child's control word, if it has one.
inline TaskControl* made(std::uintptr_t control) noexcept {
    return reinterpret_cast<TaskControl*>(control & ~ForkChild::bits);
}

/// The child's block, made if need be; `started`: the child runs, or has run. Throws std::bad_alloc.
TaskControl& control_of_child(ForkChild& child, bool started);

/// The block of `running`, where it is too late to refuse: a child has run already.
TaskControl& control_of_always(Running running) noexcept;

/// The child runs apart from its parent from now on, which has the block `parent`.
void detach(ForkChild& child, TaskControl& parent) noexcept;

}  // namespace heddle::detail
