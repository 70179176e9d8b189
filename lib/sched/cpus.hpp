#pragma once

#include <string_view>

namespace heddle::detail {

/// Cores this process may use: the affinity mask, further limited by the cgroup's CPU quota. At least 1.
[[nodiscard]] unsigned available_cpus();

/// CPUs that a quota allows, rounded up; 0 when there is no limit. `text` is a cgroup v2 cpu.max line.
[[nodiscard]] unsigned cpus_of_cpu_max(std::string_view text);

/// Names the calling thread for debuggers and top (at most 15 characters are kept): "name-number",
/// "name-what".
void name_this_thread(std::string_view name, unsigned number) noexcept;
void name_this_thread(std::string_view name, std::string_view what) noexcept;

/// A child of fork() has another one.
[[nodiscard]] int process_id() noexcept;

/// True on the thread that the process began with.
[[nodiscard]] bool on_main_thread() noexcept;

/// Binds the calling thread to one core; false if that is not allowed.
bool bind_this_thread(unsigned cpu) noexcept;

}  // namespace heddle::detail
