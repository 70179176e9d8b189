#pragma once

#include "context.hpp"
#include "file.hpp"
#include <heddle/heddle.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace dupes {

/// XXH3's 128 bits.
using Digest = std::pair<std::uint64_t, std::uint64_t>;

/// How much digest_of_start() looks at: most headers are whole in it.
inline constexpr std::size_t start_size = std::size_t{16} * 1024;

// All of these throw Unreadable.
heddle::Coro<Digest> digest_of_start(Context& context, const File& file);
heddle::Coro<Digest> digest_of_whole(Context& context, const File& file);
/// Compares byte by byte. The two have the same size.
heddle::Coro<bool> equal_content(Context& context, const File& a, const File& b);

}  // namespace dupes
