#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace heddle::detail {

/// Moves an item back to where it was moved from, when it could not be put after all. Also items that can
/// only be constructed. What a move throws here is swallowed, with the item.
template <class T>
void give_back(T& value, T& from) noexcept {
    if constexpr (std::is_nothrow_move_assignable_v<T>) {
        value = std::move(from);
    } else if constexpr (std::is_nothrow_move_constructible_v<T>) {
        std::destroy_at(std::addressof(value));
        ::new (static_cast<void*>(std::addressof(value))) T(std::move(from));
    } else if constexpr (std::is_move_assignable_v<T>) {
        try {
            value = std::move(from);
        } catch (...) {  // NOLINT(bugprone-empty-catch): the caller is about to report why it was not put
        }
    }
}

}  // namespace heddle::detail
