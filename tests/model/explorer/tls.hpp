#pragma once

#include <cstddef>
#include <vector>

namespace heddle::explore {

/// The thread_local variables of this program (not those of shared libraries): all virtual threads are one
/// real thread, so they take turns with them.
class ThreadLocals {
public:
    ThreadLocals();
    /// As a new thread finds them.
    [[nodiscard]] const std::vector<char>& fresh() const noexcept { return fresh_; }
    void save(std::vector<char>& to) const;
    void load(const std::vector<char>& from) const;

private:
    std::vector<char> fresh_;
    char* here_ = nullptr;
};

}  // namespace heddle::explore
