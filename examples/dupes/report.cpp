#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <span>
#include <tuple>
#include <utility>

namespace dupes {

namespace {

/// What deleting all but one would free: names of the same inode take their space only once.
std::uint64_t wasted_bytes(const Group& group) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> inodes;
    for (const File* file : group) {
        inodes.emplace(file->device, file->inode);
    }
    return (inodes.size() - 1) * group.front()->size;
}

std::span<const Duplicates> shown_groups(const Report& report, const Options& options) {
    const std::size_t n = options.show_groups ? std::min<std::size_t>(options.top, report.groups.size()) : 0;
    return std::span(report.groups).first(n);
}

std::string megabytes(std::uint64_t bytes) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
    return text.data();
}

std::string three_decimals(double seconds) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f", seconds);
    return text.data();
}

}  // namespace

void add_groups(Report& report, const std::vector<Group>& groups) {
    for (const Group& group : groups) {
        Duplicates& added = report.groups.emplace_back();
        added.size = group.front()->size;
        added.wasted = wasted_bytes(group);
        for (const File* file : group) {
            added.paths.push_back(file->path);
        }
        std::ranges::sort(added.paths);
        report.duplicate_files += group.size() - 1;
        report.wasted_bytes += added.wasted;
    }
    // Biggest waste first, then by name: the tasks have found them in any order.
    std::ranges::sort(report.groups, [](const Duplicates& a, const Duplicates& b) {
        return std::tie(b.wasted, a.paths) < std::tie(a.wasted, b.paths);
    });
}

std::string as_text(const Report& report, const Options& options) {
    std::string text;
    for (const Duplicates& group : shown_groups(report, options)) {
        if (options.sizes) {
            text += std::to_string(group.size) + " bytes each:\n";
        }
        const std::size_t names = std::min<std::size_t>(options.names, group.paths.size());
        for (const std::string& path : std::span(group.paths).first(names)) {
            text += path + '\n';
        }
        if (names < group.paths.size()) {
            text += "and " + std::to_string(group.paths.size() - names) + " more\n";
        }
        text += '\n';
    }
    text += std::to_string(report.files) + " files, " + megabytes(report.bytes) + "; " +
            std::to_string(report.groups.size()) + " groups, " + std::to_string(report.duplicate_files) +
            " duplicate files, " + megabytes(report.wasted_bytes) + " wasted; " +
            std::to_string(report.unreadable.size()) + " unreadable; " + three_decimals(report.seconds) +
            " s, " + std::to_string(report.workers) + (report.workers == 1 ? " worker\n" : " workers\n");
    return text;
}

std::string as_json(const Report& report, const Options& options) {
    std::string text = "{\n  \"directory\": " + json_string(options.directory) + ",\n  \"groups\": [";
    const char* separator = "\n";
    for (const Duplicates& group : shown_groups(report, options)) {
        text += separator;
        text += "    {\"size\": " + std::to_string(group.size) +
                ", \"wasted\": " + std::to_string(group.wasted) + ", \"files\": [";
        const char* comma = "";
        for (const std::string& path : group.paths) {
            text += comma + json_string(path);
            comma = ", ";
        }
        text += "]}";
        separator = ",\n";
    }
    text += "\n  ],\n  \"files\": " + std::to_string(report.files) +
            ",\n  \"bytes\": " + std::to_string(report.bytes) +
            ",\n  \"group_count\": " + std::to_string(report.groups.size()) +
            ",\n  \"duplicate_files\": " + std::to_string(report.duplicate_files) +
            ",\n  \"wasted_bytes\": " + std::to_string(report.wasted_bytes) +
            ",\n  \"unreadable\": " + std::to_string(report.unreadable.size()) +
            ",\n  \"seconds\": " + three_decimals(report.seconds) +
            ",\n  \"workers\": " + std::to_string(report.workers) + "\n}\n";
    return text;
}

}  // namespace dupes
