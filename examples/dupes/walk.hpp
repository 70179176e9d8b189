#pragma once

#include "context.hpp"
#include "file.hpp"
#include <heddle/heddle.hpp>

#include <vector>

namespace dupes {

/// All regular files below the directory, in no particular order: one task per directory.
heddle::Coro<std::vector<File>> walk(Context& context);

}  // namespace dupes
