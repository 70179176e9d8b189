#include "options.hpp"

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace dupes {

const char* const help_text = R"(usage: dupes [options] [DIRECTORY]

Finds files of equal content below DIRECTORY (/usr/include). Candidates have the same size and the same hash;
every match is confirmed byte by byte.

  --workers N    worker threads (one per core)
  --max-open N   files and directories open at the same time, at least 2 (64)
  --top N        show only the N groups that waste most
  --names N      show only the first N names of each group (not with --json)
  --summary      show no groups, only the numbers: --top 0
  --sizes        show the size of the files above each group
  --json         write one JSON object instead
  --no-empty     ignore empty files
  --hardlinks    count the names of one and the same file as duplicates, too
  --help         show this

Groups are separated by an empty line and sorted by the bytes that they waste, then by name. The last line has
the numbers: of a group of n files, n - 1 count as duplicates, and wasted is what deleting them would free.

What counts, as in fdupes: empty files are duplicates of each other (--no-empty leaves them out, as rdfind does).
Symbolic links below DIRECTORY are not followed; devices, pipes and sockets are ignored. A file with several names
(hard links) is looked at once, under the first of its names; with --hardlinks under each.

A file or directory that cannot be read, or a file whose size changes meanwhile, is left out, named on stderr and
counted as unreadable. Names are written as they are, even with a line break in them; --json escapes them, and
writes a byte that is not UTF-8 as \udc80 to \udcff, which Python's os.fsencode() turns back into that byte.

Exit status: 0, also if something was unreadable; 1 after an error; 2 if the options are wrong.
)";

namespace {

struct Flag {
    std::string_view name;
    bool Options::* field;
    bool value;
};
constexpr std::array flags{
    Flag{"--sizes", &Options::sizes, true},          Flag{"--json", &Options::json, true},
    Flag{"--no-empty", &Options::empty, false},      Flag{"--hardlinks", &Options::hardlinks, true},
    Flag{"--summary", &Options::show_groups, false}, Flag{"--help", &Options::help, true},
};

struct Number {
    std::string_view name;
    unsigned Options::* field;
    unsigned least;
    unsigned most;
};
constexpr std::array numbers{
    Number{"--workers", &Options::workers, 1, 1024},
    Number{"--max-open", &Options::max_open, 2, 1'000'000},
    Number{"--top", &Options::top, 0, 1'000'000'000},
    Number{"--names", &Options::names, 1, 1'000'000'000},
};

unsigned parse_number(const Number& number, std::string_view text) {
    unsigned value = 0;
    const char* const end = std::to_address(text.end());
    const auto parsed = std::from_chars(std::to_address(text.begin()), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || value < number.least || value > number.most) {
        throw WrongOption(std::string(number.name) + " needs a number from " + std::to_string(number.least) +
                          " to " + std::to_string(number.most) + ", not '" + std::string(text) + "'");
    }
    return value;
}

bool set_flag(Options& options, std::string_view argument) {
    for (const Flag& flag : flags) {
        if (argument == flag.name) {
            options.*flag.field = flag.value;
            return true;
        }
    }
    return false;
}

/// `--name value` or `--name=value`; moves `rest` on when it takes the value from there.
bool set_number(Options& options, std::string_view argument, std::span<const char* const>& rest) {
    const auto equals = argument.find('=');
    for (const Number& number : numbers) {
        if (argument.substr(0, equals) != number.name) {
            continue;
        }
        std::string_view text;
        if (equals != std::string_view::npos) {
            text = argument.substr(equals + 1);
        } else if (!rest.empty()) {
            text = rest.front();
            rest = rest.subspan(1);
        } else {
            throw WrongOption(std::string(argument) + " needs a number");
        }
        options.*number.field = parse_number(number, text);
        return true;
    }
    return false;
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
    Options options;
    std::optional<std::string> directory;
    bool only_names = false;  // after "--"
    while (!arguments.empty()) {
        const std::string_view argument = arguments.front();
        arguments = arguments.subspan(1);
        if (!only_names && argument == "--") {
            only_names = true;
        } else if (!only_names && argument.starts_with('-')) {
            if (!set_flag(options, argument) && !set_number(options, argument, arguments)) {
                throw WrongOption("unknown option '" + std::string(argument) + "'");
            }
        } else if (directory) {
            throw WrongOption("more than one directory: '" + *directory + "' and '" + std::string(argument) +
                              "'");
        } else {
            directory = argument;
        }
    }
    if (directory) {
        options.directory = *std::move(directory);
    }
    return options;
}

}  // namespace dupes
