// The programs with which asyncio's primitives are taught, in C++. Each file below this folder is one of
// them; beside it lie what it prints (.expected) and, where parallel tasks may print in several orders, which
// (.orders).

#include "gallery.hpp"
#include <heddle/runtime.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

constexpr const char* help_text =
    "usage: gallery [options] NAME...   run these programs, one after the other\n"
    "       gallery --list              their names and how many seconds the Python originals take\n"
    "\n"
    "  --time-scale X   make every second last X seconds (1)\n"
    "  --workers N      worker threads; 1 prints in asyncio's order, 0 is one per core (0)\n"
    "  --elapsed        say on stderr how long each program took, in its own seconds\n";

struct Options {
    std::vector<const gallery::Program*> chosen;
    unsigned workers = 0;
    bool elapsed = false;
    bool list = false;
    bool help = false;
};

template <class Number>
Number parse_number(std::string_view option, std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw std::invalid_argument(std::string(option) + ": '" + std::string(text) + "' is no such number");
    }
    return number;
}

const gallery::Program* find_program(std::string_view name) {
    const auto all = gallery::programs();
    const auto found = std::ranges::find(all, name, &gallery::Program::name);
    if (found == all.end()) {
        throw std::invalid_argument("no program '" + std::string(name) + "'; see gallery --list");
    }
    return *found;
}

Options parse_options(std::span<const char* const> arguments) {
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument(arguments[i]);
        const auto value = [&] {
            if (++i == arguments.size()) {
                throw std::invalid_argument(std::string(argument) + " needs a value");
            }
            return std::string_view(arguments[i]);
        };
        if (argument == "--time-scale") {
            gallery::set_time_scale(parse_number<double>(argument, value()));
        } else if (argument == "--workers") {
            options.workers = parse_number<unsigned>(argument, value());
        } else if (argument == "--elapsed") {
            options.elapsed = true;
        } else if (argument == "--list") {
            options.list = true;
        } else if (argument == "--help" || argument == "-h") {
            options.help = true;
        } else if (argument.starts_with('-')) {
            throw std::invalid_argument("no option " + std::string(argument));
        } else {
            options.chosen.push_back(find_program(argument));
        }
    }
    return options;
}

void run(const gallery::Program& program, const Options& options) {
    const gallery::Stopwatch stopwatch;
    heddle::run(program.start(), {.workers = options.workers});
    if (options.elapsed) {
        std::fprintf(stderr, "%.6f\n", stopwatch.elapsed().count());
    }
}

int run_command(std::span<const char* const> arguments) {
    const Options options = parse_options(arguments);
    if (options.list) {
        for (const auto* program : gallery::programs()) {
            gallery::print(program->name(), " ", program->time());
        }
    } else if (options.help || options.chosen.empty()) {
        std::fputs(help_text, stdout);
    }
    for (const auto* program : options.chosen) {
        run(*program, options);
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // lines appear when they are printed, also in a pipe
    try {
        return run_command(std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "gallery: %s\n", error.what());
        return 2;
    } catch (const heddle::CancelledError&) {
        return 130;  // Ctrl-C
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gallery: %s\n", error.what());
        return 1;
    }
}
