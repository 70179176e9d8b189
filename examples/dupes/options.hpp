#pragma once

#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace dupes {

struct Options {
    std::string directory = "/usr/include";
    unsigned workers = 0;  // 0: one per core
    unsigned max_open = 64;
    unsigned top = std::numeric_limits<unsigned>::max();    // how many groups to show
    unsigned names = std::numeric_limits<unsigned>::max();  // how many of each group
    bool show_groups = true;
    bool sizes = false;
    bool json = false;
    bool empty = true;
    bool hardlinks = false;
    bool help = false;
};

/// The command line makes no sense; what() says why.
struct WrongOption : std::runtime_error {
    using std::runtime_error::runtime_error;
};

extern const char* const help_text;

/// The arguments without the program's name. Throws WrongOption.
Options parse_options(std::span<const char* const> arguments);

}  // namespace dupes
