#pragma once

#include "context.hpp"
#include <heddle/heddle.hpp>

namespace dupes {

/// Shows on stderr how far the search is, again and again until it is cancelled; then wipes the line.
heddle::Coro<void> show_progress(const Progress& progress);

/// True if stderr is a terminal.
bool can_show_progress();

}  // namespace dupes
