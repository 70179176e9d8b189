#include <heddle/detail/base/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace heddle::detail {

void fail(const char* file, int line, const char* text) noexcept {
    std::fprintf(stderr, "heddle: %s:%d: %s\n", file, line, text);
    std::fflush(stderr);
    std::abort();
}

}  // namespace heddle::detail
