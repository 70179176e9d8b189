#pragma once

#include "file.hpp"
#include "options.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dupes {

/// Files of equal content, sorted by name.
struct Duplicates {
    std::vector<std::string> paths;
    std::uint64_t size = 0;
    std::uint64_t wasted = 0;
};

/// What a search has found.
struct Report {
    std::vector<Duplicates> groups;  // sorted
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t duplicate_files = 0;
    std::uint64_t wasted_bytes = 0;
    std::map<std::string, std::string> unreadable;  // path and reason
    double seconds = 0;
    unsigned workers = 0;
};

/// Sorts and counts the groups.
void add_groups(Report& report, const std::vector<Group>& groups);

std::string as_text(const Report& report, const Options& options);
std::string as_json(const Report& report, const Options& options);

/// With the quotes. Bytes that are not UTF-8 become lone surrogates, as Python's os.fsdecode() has it.
std::string json_string(std::string_view bytes);

}  // namespace dupes
