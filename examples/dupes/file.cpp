#include "file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace dupes {

void throw_unreadable(const std::string& path, int error) {
    throw Unreadable(path, std::generic_category().message(error));
}

Descriptor::Descriptor(const std::string& path, int flags)
    : number_(::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) {
        throw_unreadable(path, errno);
    }
}

Descriptor::~Descriptor() {
    if (number_ >= 0) {
        ::close(number_);
    }
}

// Since the walk, somebody may have put a symbolic link there (not to be followed) or a pipe (not to be
// waited for).
Reader::Reader(const File& file)
    : file_(file), descriptor_(file.path, O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), left_(file.size) {
    check_size();
}

std::span<const std::byte> Reader::read(std::span<std::byte> buffer) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
    std::size_t have = 0;
    while (have < wanted) {
        const ssize_t n = ::read(descriptor_.get(), buffer.data() + have, wanted - have);
        if (n == 0) {
            throw Unreadable(file_.path, "shorter than its size");
        }
        if (n > 0) {
            have += static_cast<std::size_t>(n);
        } else if (errno != EINTR) {
            throw_unreadable(file_.path, errno);
        }
    }
    left_ -= wanted;
    return buffer.first(wanted);
}

void Reader::check_size() const {
    struct stat now{};
    if (::fstat(descriptor_.get(), &now) != 0) {
        throw_unreadable(file_.path, errno);
    }
    if (!S_ISREG(now.st_mode)) {
        throw Unreadable(file_.path, "no regular file any more");
    }
    if (static_cast<std::uint64_t>(now.st_size) != file_.size) {
        throw Unreadable(file_.path, "its size has changed");
    }
}

}  // namespace dupes
