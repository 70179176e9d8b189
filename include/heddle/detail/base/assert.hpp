#pragma once

#include <heddle/detail/base/config.hpp>

namespace heddle::detail {

/// Prints one line on stderr and aborts.
[[noreturn]] HEDDLE_COLD void fail(const char* file, int line, const char* text) noexcept;

}  // namespace heddle::detail

/// A fact the library relies on: checked in debug builds only.
#ifdef NDEBUG
#define HEDDLE_ASSERT(cond) static_cast<void>(0)
#else
#define HEDDLE_ASSERT(cond) \
    (HEDDLE_LIKELY(cond) ? static_cast<void>(0) : ::heddle::detail::fail(__FILE__, __LINE__, #cond))
#endif

/// A misuse that would corrupt memory if it went on: checked in every build.
#define HEDDLE_CHECK(cond, text) \
    (HEDDLE_LIKELY(cond) ? static_cast<void>(0) : ::heddle::detail::fail(__FILE__, __LINE__, text))
