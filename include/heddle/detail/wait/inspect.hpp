#pragma once

#include <cstddef>

namespace heddle::detail {

/// Door for tests into primitives: how many wait now. Exact when nothing else moves.
struct Inspect {
    template <class Primitive>
    static std::size_t waiters(const Primitive& primitive) {
        const auto n = primitive.permits_.count();
        return n < 0 ? static_cast<std::size_t>(-n) : 0;
    }
    template <class Queue>
    static std::size_t getters(const Queue& queue) {
        return queue.waiting_getters();
    }
    template <class Queue>
    static std::size_t putters(const Queue& queue) {
        return queue.waiting_putters();
    }
    template <class Primitive>
    static std::size_t parked(const Primitive& primitive) {
        return primitive.parked_waiters();
    }
};

[[noreturn]] void throw_lock_not_acquired();
[[noreturn]] void throw_released_too_often();
[[noreturn]] void throw_permit_overflow();
[[noreturn]] void throw_negative_permits(bool initial);

}  // namespace heddle::detail
