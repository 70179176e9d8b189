#pragma once

// Stands in for include/heddle/detail/sync/atomic.hpp: shipped code that includes it gets Relacy's atomics.
// Earlier on the include path than include/.

#include "../../../../relacy_main.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

// For the shipped code these are std's.
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace heddle::detail {

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr std::size_t cache_line = 64;

inline rl::memory_order order_of(std::memory_order order) {
    switch (order) {
        case std::memory_order_relaxed:
            return rl::mo_relaxed;
        case std::memory_order_consume:
        case std::memory_order_acquire:
            return rl::mo_acquire;
        case std::memory_order_release:
            return rl::mo_release;
        case std::memory_order_acq_rel:
            return rl::mo_acq_rel;
        case std::memory_order_seq_cst:
            break;
    }
    return rl::mo_seq_cst;
}

template <class T>
class Atomic {
public:
    using At = std::source_location;

    Atomic() : Atomic(T{}) {}
    Atomic(T value) { value_.store(value, rl::mo_relaxed, here(At::current())); }

    T load(std::memory_order order, At at = At::current()) const {
        return value_.load(order_of(order), here(at));
    }
    void store(T value, std::memory_order order, At at = At::current()) {
        value_.store(value, order_of(order), here(at));
    }
    T exchange(T value, std::memory_order order, At at = At::current()) {
        return value_.exchange(value, order_of(order), here(at));
    }
    T fetch_add(T value, std::memory_order order, At at = At::current()) {
        return value_.fetch_add(value, order_of(order), here(at));
    }
    T fetch_sub(T value, std::memory_order order, At at = At::current()) {
        return value_.fetch_sub(value, order_of(order), here(at));
    }
    T fetch_and(T value, std::memory_order order, At at = At::current()) {
        return value_.fetch_and(value, order_of(order), here(at));
    }
    T fetch_or(T value, std::memory_order order, At at = At::current()) {
        return value_.fetch_or(value, order_of(order), here(at));
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order order, std::memory_order failure,
                                 At at = At::current()) {
        return value_.compare_exchange(rl::bool_t<false>(), expected, value, order_of(order),
                                       order_of(failure), here(at));
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order order, std::memory_order failure,
                               At at = At::current()) {
        return value_.compare_exchange(rl::bool_t<true>(), expected, value, order_of(order),
                                       order_of(failure), here(at));
    }

private:
    static rl::debug_info here(const At& at) {
        return {at.function_name(), at.file_name(), static_cast<unsigned>(at.line())};
    }
    rl::atomic<T> value_;
};

inline void spin_pause() noexcept {}

}  // namespace heddle::detail
