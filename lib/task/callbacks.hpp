#pragma once

#include <heddle/detail/task/extras.hpp>

namespace heddle::detail {

/// Marks a list that is closed: later callbacks run at once (on the scheduler).
[[nodiscard]] DoneCallback* callbacks_closed() noexcept;

/// Takes all callbacks of a task that is done and has them run in registration order.
void run_callbacks_of(TaskControl& control, TaskExtras& extras) noexcept;
/// Destroys those of a future that is dropped undecided. Only when nobody else is left.
void drop_callbacks_of(TaskExtras& extras) noexcept;

}  // namespace heddle::detail
