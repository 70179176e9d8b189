#pragma once

#include <heddle/detail/queue/core.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace heddle::detail {

/// A container whose items have no places: `Container` has push(T&&) and pop(take), as LifoContainer has.
template <class T, class Container>
class Pile : Container {
public:
    static constexpr bool numbered = false;
    static constexpr bool nothrow = false;

    using Container::Container;

    struct Spot {};
    static Spot spot() noexcept { return {}; }
    static Spot reach(Spot, std::int64_t, std::size_t) noexcept { return {}; }
    static Spot next(Spot) noexcept { return {}; }
    static void abandon(Spot, std::size_t) noexcept {}

    bool store(Spot, T& from, std::optional<T>&) {
        Container::push(std::move(from));
        return true;
    }
    void rethrow_error() {
        if constexpr (requires { Container::rethrow_error(); }) {
            Container::rethrow_error();
        }
    }
    /// With a permit taken. False: it is sealed, and nothing is left (`all`: or shut down at once).
    template <class Take>
    bool pop(QueueCore& core, Take&& take, bool all = false) {
        return (all || (core.items.count() & QueueWord::immediate) == 0) &&
               Container::pop(std::forward<Take>(take));
    }
};

}  // namespace heddle::detail
