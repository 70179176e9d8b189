#include "engine.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace heddle::explore {
namespace {

// Filled while the program starts; kept out of the variables that each execution puts back only by its
// address, which does not change any more.
std::vector<Scenario>& scenarios() {
    static std::vector<Scenario> all;
    return all;
}

struct Options {
    std::vector<std::string> names;
    double seconds = 2;  // per scenario and strategy
    std::uint64_t executions = std::uint64_t{1} << 40U;
    std::uint64_t seed = 1;
    int preemptions = -1;
    int stale = -1;
    std::string strategy = "all";
    std::string replay;
    bool list = false;
    bool quiet = false;
    bool self_test = false;
    bool first = false;
};

int usage() {
    std::puts(
        "usage: heddle_explorer [scenario...] [options]\n"
        "\n"
        "  --strategy S     exhaustive, random, pct, or all three (default)\n"
        "  --preemptions N  bound of the exhaustive search (each scenario has its own)\n"
        "  --stale N        loads per execution that may return an older value, same search\n"
        "  --seconds S      at most so long per scenario and strategy (2)\n"
        "  --executions N   at most so many\n"
        "  --seed N         of the random ones (1)\n"
        "  --replay TEXT    one execution, as a failure printed it\n"
        "  --quiet          only failures, and no trace\n"
        "  --first          end with the first failure\n"
        "  --self-test      faults planted for it must be found, and none where there is none\n"
        "  --list           the scenarios");
    return 2;
}

/// What was searched of one scenario: for the table at the end.
struct Summary {
    const char* name;
    std::string complete = "-";  // the largest bound of which all executions were tried
    std::uint64_t bounded = 0;   // executions within bounds
    std::uint64_t random = 0;    // random walks and PCT
    bool ok = true;
};

struct Outcome {
    bool failed = false;
    bool complete = false;
    std::uint64_t executions = 0;
    double seconds = 0;
    std::string what;  // of the failure
};

Outcome search(Engine& explorer, const Scenario& scenario, Strategy& strategy, const char* name,
               double seconds, const Options& options) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    const std::uint64_t steps = explorer.steps();
    Outcome outcome;
    const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
    while (!outcome.complete && outcome.executions < options.executions && elapsed() < seconds) {
        if (!strategy.begin()) {
            outcome.complete = true;
            break;
        }
        const Verdict verdict = explorer.execute(scenario, strategy);
        ++outcome.executions;
        if (verdict.failed) {
            outcome.failed = true;
            outcome.what = verdict.what;
            if (options.self_test) {
                return outcome;
            }
            if (options.quiet) {
                std::printf("%s: %s\n", scenario.name, verdict.what.c_str());
            } else {
                explorer.print_trace(verdict);
                std::printf("  replay: heddle_explorer %s --replay %s\n", scenario.name,
                            strategy.text().c_str());
            }
            break;
        }
    }
    outcome.seconds = elapsed();
    if (options.quiet && !outcome.failed) {
        return outcome;
    }
    const char* end = outcome.complete ? "ok, all of them" : "ok";
    if (outcome.failed) {
        end = "FAILED";
    }
    std::printf("%-28s %-11s %8llu executions %9llu steps %6.2f s  %s\n", scenario.name, name,
                static_cast<unsigned long long>(outcome.executions),
                static_cast<unsigned long long>(explorer.steps() - steps), elapsed(), end);
    std::fflush(stdout);
    return outcome;
}

bool explore(Engine& explorer, const Scenario& scenario, const Options& options, std::string* found = nullptr,
             Summary* summary = nullptr) {
    if (!options.replay.empty()) {
        Replay replay(options.replay);
        return !search(explorer, scenario, replay, "replay", options.seconds, options).failed;
    }
    bool ok = true;
    const auto judged = [&](Outcome outcome, const std::string& bound = {}) {
        ok = !outcome.failed;
        if (summary != nullptr) {
            (bound.empty() ? summary->random : summary->bounded) += outcome.executions;
            if (outcome.complete && !bound.empty()) {
                summary->complete = bound;
            }
        }
        if (found != nullptr) {
            *found = std::move(outcome.what);
        }
        return outcome.seconds;
    };
    const auto wanted = [&](std::string_view name) {
        return options.strategy == "all" || options.strategy == name;
    };
    if (wanted("exhaustive")) {
        const unsigned preemptions =
            options.preemptions < 0 ? scenario.preemptions : static_cast<unsigned>(options.preemptions);
        const unsigned stale = options.stale < 0 ? scenario.stale : static_cast<unsigned>(options.stale);
        // The small bounds first: they end, and what they find is the shortest.
        double left = options.seconds;
        for (unsigned bound = 0; ok && left > 0 && bound <= std::max(preemptions, stale); ++bound) {
            const unsigned p = std::min(bound, preemptions);
            const unsigned s = std::min(bound, stale);
            Exhaustive exhaustive(p, s);
            const std::string size = std::to_string(p) + "+" + std::to_string(s);
            const std::string name = "bound " + size;
            left -= judged(search(explorer, scenario, exhaustive, name.c_str(), left, options), size);
        }
    }
    if (ok && wanted("random")) {
        RandomWalk random(options.seed, options.executions);
        judged(search(explorer, scenario, random, "random", options.seconds, options));
    }
    if (ok && wanted("pct")) {
        Pct pct(options.seed, options.executions, 3);
        judged(search(explorer, scenario, pct, "pct 3", options.seconds, options));
    }
    return ok;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const auto value = [&]() -> std::string {
            if (i + 1 == argc) {
                throw std::invalid_argument(std::string(word) + " needs a value");
            }
            return argv[++i];
        };
        if (word == "--strategy") {
            options.strategy = value();
        } else if (word == "--preemptions") {
            options.preemptions = std::stoi(value());
        } else if (word == "--stale") {
            options.stale = std::stoi(value());
        } else if (word == "--seconds") {
            options.seconds = std::stod(value());
        } else if (word == "--executions") {
            options.executions = std::stoull(value());
        } else if (word == "--seed") {
            options.seed = std::stoull(value());
        } else if (word == "--replay") {
            options.replay = value();
        } else if (word == "--quiet") {
            options.quiet = true;
        } else if (word == "--first") {
            options.first = true;
        } else if (word == "--self-test") {
            options.self_test = true;
        } else if (word == "--list") {
            options.list = true;
        } else if (word.starts_with("-")) {
            throw std::invalid_argument("unknown option " + std::string(word));
        } else {
            options.names.emplace_back(word);
        }
    }
    return options;
}

/// Every strategy has to find each fault by itself.
int self_test(const std::vector<Scenario>& planted, Options options) {
    options.quiet = true;
    unsigned missed = 0;
    for (const Scenario& scenario : planted) {
        const std::string_view expected = scenario.planted;
        for (const char* strategy : {"exhaustive", "random", "pct"}) {
            options.strategy = strategy;
            std::string found;
            const bool ok = explore(engine(), scenario, options, &found);
            const bool right = expected.empty() ? ok : !ok && std::string_view(found).starts_with(expected);
            std::printf("%-28s %-11s %s%s\n", scenario.name, strategy,
                        right ? "" : "WRONG: ", ok ? "nothing found" : found.c_str());
            missed += right ? 0U : 1U;
        }
    }
    std::printf("%u of %zu wrong\n", missed, 3 * planted.size());
    return missed == 0 ? 0 : 1;
}

void print_table(const std::vector<Summary>& all) {
    std::puts(
        "\nAll executions with so many preemptions + old values were tried, besides so many of the next "
        "bound, and\n"
        "so many random ones:\n\n"
        "scenario                     all of     bounded      random");
    std::uint64_t bounded = 0;
    std::uint64_t random = 0;
    for (const Summary& one : all) {
        std::printf("%-28s %-6s %11llu %11llu%s\n", one.name, one.complete.c_str(),
                    static_cast<unsigned long long>(one.bounded), static_cast<unsigned long long>(one.random),
                    one.ok ? "" : "  FAILED");
        bounded += one.bounded;
        random += one.random;
    }
    std::printf("%-28s %-6s %11llu %11llu\n\n", "together", "", static_cast<unsigned long long>(bounded),
                static_cast<unsigned long long>(random));
}

int run(const Options& options) {
    std::vector<Scenario> chosen;
    for (const Scenario& scenario : scenarios()) {
        // "lock": all of lock.…, but not lock_all.…
        const auto named = [&](const std::string& name) {
            const std::string_view full = scenario.name;
            return full.starts_with(name) &&
                   (name.find('.') != std::string::npos || full[name.size()] == '.');
        };
        if (scenario.planted != nullptr && options.names.empty() && !options.self_test) {
            continue;
        }
        if (options.self_test && scenario.planted == nullptr) {
            continue;
        }
        if (options.names.empty() || std::ranges::any_of(options.names, named)) {
            chosen.push_back(scenario);
        }
    }
    if (chosen.empty()) {
        throw std::invalid_argument("no such scenario; see --list");
    }
    if (options.list) {
        for (const Scenario& scenario : chosen) {
            std::printf("%-28s %s\n", scenario.name, scenario.what);
        }
        return 0;
    }
    if (options.self_test) {
        return self_test(chosen, options);
    }
    unsigned failed = 0;
    std::vector<Summary> summaries;
    for (const Scenario& scenario : chosen) {
        Summary& summary = summaries.emplace_back(Summary{scenario.name});
        summary.ok = explore(engine(), scenario, options, nullptr, &summary);
        failed += summary.ok ? 0U : 1U;
        if (options.first && failed != 0) {
            break;
        }
    }
    if (!options.quiet && options.replay.empty()) {
        print_table(summaries);
    }
    std::printf("%zu scenarios, %u failed\n", chosen.size(), failed);
    return failed == 0 ? 0 : 1;
}

}  // namespace

Register::Register(const Scenario& scenario) { scenarios().push_back(scenario); }

}  // namespace heddle::explore

int main(int argc, char** argv) {
    using namespace heddle::explore;  // NOLINT(google-build-using-namespace): main is short
    try {
        new Engine;  // lives as long as the program
        set_up();    // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): so it does
        return run(parse(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "heddle_explorer: %s\n", error.what());
        return usage();
    }
}
