#pragma once

#include "context.hpp"
#include "file.hpp"
#include <heddle/heddle.hpp>

#include <vector>

namespace dupes {

/// Groups of the same size, the largest sum of sizes first. Sorts `files`, and drops the further names of an
/// inode unless the options want them.
std::vector<Group> group_by_size(std::vector<File>& files, const Options& options);

/// The groups of equal files in `candidates`.
heddle::Coro<std::vector<Group>> find_equal(Context& context, std::vector<Group> candidates);

}  // namespace dupes
