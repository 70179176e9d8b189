#include "support/driver.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// heddle_stress: random work with random cancellation, for as long as one likes. See usage().

namespace heddle::stress {
namespace {

int usage() {
    std::puts(
        "usage: heddle_stress [harness...] [options]\n"
        "\n"
        "  --seconds N      how long (10); several harnesses run one after the other, each so long\n"
        "  --seed N         the seed of all random numbers; printed at the start and with a failure\n"
        "  --workers N      at most so many workers in a runtime (4)\n"
        "  --threads N      plain threads that block and call beside the tasks (2)\n"
        "  --oversubscribe  three times as many workers as cores\n"
        "  --hang N         seconds without progress that are a failure (20; 120 under a sanitizer)\n"
        "  --self-test      plant a fault in each harness, which must find it\n"
        "  --plant          run with the planted fault\n"
        "  --list           the harnesses\n");
    return 2;
}

int list() {
    for (const Harness& harness : harnesses()) {
        std::printf("%-10s %s\n", harness.name, harness.what);
    }
    std::printf("%-10s %s\n", "mixed", "all of them at the same time (default)");
    return 0;
}

void check_nothing_is_left(const std::string& name, std::uint64_t seed) {
    if (const std::size_t n = living_tasks(); n != 0) {
        report_failure(name, seed, std::to_string(n) + " tasks or handles are left", Counters(), false);
    }
}

void run_one(const Harness& harness, const Options& options) {
    Run run(harness.name, options);
    harness.run(run);
    run.check(!options.plant, "the planted fault was not found");
    std::printf("%-10s ok:%s\n", harness.name, run.counters().c_str());
    std::fflush(stdout);
}

void run_all_at_once(const Options& options) {
    std::vector<std::thread> threads;
    for (const Harness& harness : harnesses()) {
        threads.emplace_back([&harness, options] { run_one(harness, options); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

/// Runs this program with a planted fault and looks for what it has to say about it.
bool finds_its_fault(const Harness& harness, const Options& options) {
    const std::string command = "/proc/self/exe " + std::string(harness.name) +
                                " --plant --hang 5 --seconds 60 --seed " + std::to_string(options.seed);
    std::string self(4096, '\0');
    // popen's shell has a /proc/self of its own.
    const char* program = realpath("/proc/self/exe", self.data());
    if (program == nullptr) {
        throw std::runtime_error("no /proc/self/exe");
    }
    const std::string line = std::string(program) + command.substr(command.find(' ')) + " 2>&1";
    FILE* pipe = popen(line.c_str(), "r");  // NOLINT(cert-env33-c): our own program
    if (pipe == nullptr) {
        throw std::runtime_error("cannot start " + line);
    }
    std::string said;
    std::array<char, 1024> buffer{};
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
        said += buffer.data();
    }
    const int status = pclose(pipe);
    const bool by_us =
        said.find(" failed: ") != std::string::npos && said.find(harness.finds) != std::string::npos;
    const bool by_tsan = said.find("ThreadSanitizer: data race") != std::string::npos;
    const bool found = status != 0 && (by_us || by_tsan);
    std::printf("%-10s %s the planted fault (\"%s\")\n", harness.name, found ? "finds" : "MISSES",
                harness.finds);
    if (!found) {
        std::printf("status %d, and it said:\n%s\n", status, said.c_str());
    }
    std::fflush(stdout);
    return found;
}

struct Arguments {
    Options options;
    std::vector<std::string> names;
    bool self_test = false;
    bool list = false;
};

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    Options& options = arguments.options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const auto number = [&] {
            if (i + 1 == argc) {
                throw std::invalid_argument(std::string(word) + " needs a number");
            }
            return std::stod(argv[++i]);
        };
        if (word == "--seconds") {
            options.seconds = number();
        } else if (word == "--seed") {
            options.seed = std::stoull(i + 1 == argc ? "" : argv[++i]);
        } else if (word == "--workers") {
            options.workers = static_cast<unsigned>(number());
        } else if (word == "--threads") {
            options.threads = static_cast<unsigned>(number());
        } else if (word == "--hang") {
            options.hang = static_cast<unsigned>(number());
        } else if (word == "--oversubscribe") {
            options.oversubscribe = true;
        } else if (word == "--plant") {
            options.plant = true;
        } else if (word == "--self-test") {
            arguments.self_test = true;
        } else if (word == "--list") {
            arguments.list = true;
        } else if (word.starts_with("-")) {
            throw std::invalid_argument("unknown option " + std::string(word));
        } else {
            arguments.names.emplace_back(word);
        }
    }
    if (options.workers == 0) {
        throw std::invalid_argument("--workers needs at least 1");
    }
    if (options.seed == 0) {
        options.seed =
            static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    }
    return arguments;
}

/// The harnesses that were asked for; empty means all.
std::vector<Harness> chosen(const std::vector<std::string>& names) {
    std::vector<Harness> found;
    for (const std::string& name : names) {
        const auto all = harnesses();
        const auto* const one = std::find_if(all.data(), all.data() + all.size(),
                                             [&](const Harness& h) { return h.name == name; });
        if (one == all.data() + all.size()) {
            throw std::invalid_argument("no harness " + name + "; see --list");
        }
        found.push_back(*one);
    }
    return found;
}

int run(int argc, char** argv) {
    Arguments arguments = parse(argc, argv);
    if (arguments.list) {
        return list();
    }
    const bool mixed = arguments.names.empty() || arguments.names.front() == "mixed";
    if (mixed) {
        arguments.names.clear();
    }
    const Options& options = arguments.options;
    std::vector<Harness> some = chosen(arguments.names);
    if (arguments.self_test) {
        if (mixed) {
            some.assign(harnesses().begin(), harnesses().end());
        }
        bool all = true;
        for (const Harness& harness : some) {
            all = finds_its_fault(harness, options) && all;
        }
        return all ? 0 : 1;
    }
    if (options.plant) {
        const rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);
    }
    std::printf("heddle_stress: seed %llu\n", static_cast<unsigned long long>(options.seed));
    std::fflush(stdout);
    if (mixed) {
        run_all_at_once(options);
        check_nothing_is_left("mixed", options.seed);
    }
    for (const Harness& harness : some) {
        run_one(harness, options);
        check_nothing_is_left(harness.name, options.seed);
    }
    return 0;
}

}  // namespace
}  // namespace heddle::stress

int main(int argc, char** argv) {
    try {
        return heddle::stress::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "heddle_stress: %s\n", error.what());
        return heddle::stress::usage();
    }
}
