#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dupes {

/// A regular file as the walk has found it.
struct File {
    std::string path;
    std::uint64_t size = 0;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
};

inline bool same_inode(const File& a, const File& b) { return a.inode == b.inode && a.device == b.device; }

/// Files that may be, or are, equal. They belong to the vector that the walk has returned.
using Group = std::vector<const File*>;

/// A file or directory could not be read; what() is the reason.
class Unreadable : public std::runtime_error {
public:
    Unreadable(std::string path, const std::string& reason) : runtime_error(reason), path_(std::move(path)) {}
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// Throws Unreadable with the text of `error`, an errno.
[[noreturn]] void throw_unreadable(const std::string& path, int error);

/// Owns an open file.
class Descriptor {
public:
    /// Throws Unreadable.
    Descriptor(const std::string& path, int flags);
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();

    [[nodiscard]] int get() const { return number_; }
    /// Gives up ownership.
    int release() { return std::exchange(number_, -1); }

private:
    int number_;
};

/// Reads a file from its beginning and insists that it has the size that the walk saw.
class Reader {
public:
    /// Opens the file. Throws Unreadable, also if it has become something else.
    explicit Reader(const File& file);

    /// The next bytes, as many as fit into `buffer` or are left. Throws Unreadable.
    std::span<const std::byte> read(std::span<std::byte> buffer);
    [[nodiscard]] bool at_end() const { return left_ == 0; }
    /// Throws Unreadable if the file has another size now.
    void check_size() const;

private:
    const File& file_;
    Descriptor descriptor_;
    std::uint64_t left_;
};

}  // namespace dupes
