#pragma once

namespace heddle::detail {

/// Base of everything that others point to: neither copied nor moved.
struct Immovable {
    Immovable() = default;
    ~Immovable() = default;
    Immovable(const Immovable&) = delete;
    Immovable& operator=(const Immovable&) = delete;
    Immovable(Immovable&&) = delete;
    Immovable& operator=(Immovable&&) = delete;
};

}  // namespace heddle::detail
