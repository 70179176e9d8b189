// Finds duplicate files. The walk (walk.cpp) is a task per directory; groups of files of equal size go
// through a bounded queue to the workers (search.cpp), who read the files (content.cpp).

#include "context.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "search.hpp"
#include "walk.hpp"
#include <heddle/heddle.hpp>

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <utility>

namespace dupes {

namespace {

heddle::Coro<Report> search(Context& context) {
    Report report;
    auto files = co_await walk(context);
    auto candidates = group_by_size(files, context.options);
    report.files = files.size();
    for (const File& file : files) {
        report.bytes += file.size;
    }
    context.progress.groups.store(candidates.size(), std::memory_order_relaxed);  // relaxed: see Progress
    auto groups = co_await find_equal(context, std::move(candidates));
    add_groups(report, groups);
    co_return report;
}

heddle::Coro<Report> search_with_progress(Context& context) {
    auto body = [&](heddle::TaskGroup& tasks) -> heddle::Coro<Report> {
        auto display = tasks.create_task(show_progress(context.progress));
        auto report = co_await search(context);
        display.cancel();  // the group waits until the display has wiped its line
        co_return report;
    };
    co_return co_await heddle::task_group(std::move(body));
}

heddle::Coro<Report> run(const Options& options) {
    const auto start = std::chrono::steady_clock::now();
    Context context(options);
    Report report;
    if (can_show_progress()) {
        report = co_await search_with_progress(context);
    } else {
        report = co_await search(context);
    }
    report.unreadable = std::move(context.unreadable);
    report.workers = heddle::Runtime::current().workers();
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    co_return report;
}

bool is_directory(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

int run_command(std::span<const char* const> arguments) {
    const Options options = parse_options(arguments);
    if (options.help) {
        std::fputs(help_text, stdout);
        return std::fflush(stdout) == 0 ? 0 : 1;
    }
    if (!is_directory(options.directory)) {
        throw WrongOption("'" + options.directory + "' is not a directory");
    }
    const Report report = heddle::run(run(options), {.workers = options.workers});
    for (const auto& [path, reason] : report.unreadable) {
        std::fprintf(stderr, "dupes: %s: %s\n", path.c_str(), reason.c_str());
    }
    const std::string output = options.json ? as_json(report, options) : as_text(report, options);
    if (std::fwrite(output.data(), 1, output.size(), stdout) != output.size() || std::fflush(stdout) != 0) {
        std::perror("dupes: standard output");
        return 1;
    }
    return 0;
}

}  // namespace
}  // namespace dupes

int main(int argc, char** argv) {
    try {
        return dupes::run_command(
            std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
    } catch (const dupes::WrongOption& error) {
        std::fprintf(stderr, "dupes: %s\nTry 'dupes --help'.\n", error.what());
        return 2;
    } catch (const heddle::CancelledError&) {
        return 130;  // Ctrl-C
    } catch (const std::exception& error) {
        std::fprintf(stderr, "dupes: %s\n", error.what());
        return 1;
    }
}
