#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::detail {

/// Each of the two words of a queue: { count:32, signed | closed:1 | immediate:1 | spare:1 | number:29 }.
/// The count is what Permits makes of it, in units. The number goes up modulo 2^29: who draws clears the
/// spare bit, which takes the carry. A queue holds fewer items than there are numbers.
struct QueueWord {
    static constexpr unsigned number_bits = 29;
    static constexpr std::uint32_t numbers = std::uint32_t{1} << number_bits;
    static constexpr std::int64_t immediate = std::int64_t{1} << (number_bits + 1);
    static constexpr std::int64_t closed = std::int64_t{1} << (number_bits + 2);
    static constexpr unsigned count_shift = number_bits + 3;
    static constexpr std::int64_t unit = std::int64_t{1} << count_shift;

    /// Where each queue begins to count: the step from the last number to 0 comes soon and not after years.
    static constexpr std::uint32_t first_number = numbers - 3;

    static constexpr std::int64_t initial(std::int64_t count) noexcept { return count * unit + first_number; }
    static constexpr std::int64_t count(std::int64_t w) noexcept { return w >> count_shift; }
    static constexpr std::uint32_t number(std::int64_t w) noexcept {
        return static_cast<std::uint32_t>(w) & (numbers - 1);
    }
    /// The word with `n` numbers drawn.
    static constexpr std::int64_t drawn(std::int64_t w, std::size_t n = 1) noexcept {
        return (w & ~std::int64_t{numbers}) + static_cast<std::int64_t>(n);
    }
    /// How far number `a` is ahead of number `b`. Higher bits do not count.
    static constexpr std::uint32_t ahead(std::int64_t a, std::uint32_t b) noexcept {
        return (static_cast<std::uint32_t>(a) - b) & (numbers - 1);
    }
};

}  // namespace heddle::detail
