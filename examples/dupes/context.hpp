#pragma once

#include "file.hpp"
#include "options.hpp"
#include <heddle/heddle.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <string>

namespace dupes {

/// How far the search is. Every task counts, the progress display reads: a value that is a little old does
/// not matter.
struct Progress {
    std::atomic<std::uint64_t> files = 0;   // found
    std::atomic<std::uint64_t> groups = 0;  // of equal size, to be examined
    std::atomic<std::uint64_t> done = 0;    // of those
    std::atomic<std::uint64_t> bytes = 0;   // read
};

/// What the tasks of one search share.
struct Context {
    explicit Context(const Options& chosen) : options(chosen), open_files(chosen.max_open) {}

    const Options& options;
    Progress progress;

    /// Whoever has a file or directory open holds a permit; who needs two at once collects them under
    /// `pairing`.
    heddle::Semaphore open_files;
    heddle::Lock pairing;

    /// Guards `unreadable`: path and reason.
    heddle::Lock lock;
    std::map<std::string, std::string> unreadable;
};

/// Notes an Unreadable and returns its path; throws any other exception again.
heddle::Coro<std::string> note_unreadable(Context& context, std::exception_ptr error);

}  // namespace dupes
