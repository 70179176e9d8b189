#include "walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dupes {

namespace {

struct Entries {
    std::vector<File> files;
    std::vector<std::string> directories;
    std::vector<std::exception_ptr> errors;
};

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

void add_entry(Entries& entries, int directory, const dirent& entry, std::string path) {
    if (entry.d_type == DT_DIR) {
        entries.directories.push_back(std::move(path));
        return;
    }
    if (entry.d_type != DT_REG && entry.d_type != DT_UNKNOWN) {
        return;
    }
    struct stat status{};
    if (::fstatat(directory, static_cast<const char*>(entry.d_name), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        throw_unreadable(path, errno);
    }
    if (S_ISDIR(status.st_mode)) {  // some file systems tell only here
        entries.directories.push_back(std::move(path));
    } else if (S_ISREG(status.st_mode)) {
        entries.files.push_back({.path = std::move(path),
                                 .size = static_cast<std::uint64_t>(status.st_size),
                                 .device = status.st_dev,
                                 .inode = status.st_ino});
    }
}

/// Throws Unreadable if nothing can be read.
Entries read_directory(const std::string& path, int flags) {
    Descriptor descriptor(path, flags | O_DIRECTORY);
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(descriptor.get()));
    if (!directory) {
        throw_unreadable(path, errno);
    }
    const int number = descriptor.release();  // the DIR closes it
    const std::string prefix = path.ends_with('/') ? path : path + '/';
    Entries entries;
    for (;;) {
        errno = 0;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this DIR
        const dirent* const entry = ::readdir(directory.get());
        if (entry == nullptr) {
            break;
        }
        const std::string_view name(static_cast<const char*>(entry->d_name));
        if (name == "." || name == "..") {
            continue;
        }
        try {
            add_entry(entries, number, *entry, prefix + std::string(name));
        } catch (const Unreadable&) {
            entries.errors.push_back(std::current_exception());
        }
    }
    if (errno != 0) {
        entries.errors.push_back(
            std::make_exception_ptr(Unreadable(path, std::generic_category().message(errno))));
    }
    return entries;
}

/// What the tasks of one walk share.
struct Found {
    heddle::Lock lock;  // guards files
    std::vector<File> files;
};

heddle::Coro<void> visit(Context& context, Found& found, heddle::TaskGroup& tasks, std::string path,
                         int flags) {
    Entries entries;
    {
        auto permit = co_await context.open_files.scoped();
        try {
            entries = read_directory(path, flags);
        } catch (const Unreadable&) {
            entries.errors.push_back(std::current_exception());
        }
    }
    for (std::string& directory : entries.directories) {
        tasks.create_task(visit(context, found, tasks, std::move(directory), O_NOFOLLOW));
    }
    for (std::exception_ptr& error : entries.errors) {
        co_await note_unreadable(context, std::move(error));
    }
    // relaxed: see Progress
    context.progress.files.fetch_add(entries.files.size(), std::memory_order_relaxed);
    auto held = co_await found.lock.scoped();
    std::ranges::move(entries.files, std::back_inserter(found.files));
}

}  // namespace

heddle::Coro<std::vector<File>> walk(Context& context) {
    Found found;
    // The group ends when the last directory has been visited, however deep it was found.
    auto body = [&](heddle::TaskGroup& tasks) -> heddle::Coro<void> {
        tasks.create_task(visit(context, found, tasks, context.options.directory, 0));
        co_return;
    };
    co_await heddle::task_group(std::move(body));
    co_return std::move(found.files);
}

}  // namespace dupes
