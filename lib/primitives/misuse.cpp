#include <heddle/detail/wait/inspect.hpp>

#include <stdexcept>

// asyncio's words for wrong calls. Out of line: the headers stay light and the hot paths small.

namespace heddle::detail {

void throw_lock_not_acquired() { throw std::runtime_error("Lock is not acquired."); }

void throw_released_too_often() { throw std::invalid_argument("BoundedSemaphore released too many times"); }

void throw_permit_overflow() { throw std::overflow_error("Semaphore released too many times"); }

void throw_negative_permits(bool initial) {
    throw std::invalid_argument(initial ? "Semaphore initial value must be >= 0"
                                        : "cannot release a negative number of permits");
}

}  // namespace heddle::detail
