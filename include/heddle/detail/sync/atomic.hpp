#pragma once

// The door to atomics: nothing else in the library includes <atomic>. A model build replaces the alias
// below and sees every access.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heddle::detail {

template <class T>
using Atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;

static_assert(Atomic<std::uint64_t>::is_always_lock_free && Atomic<void*>::is_always_lock_free);

/// Two objects this far apart never share a cache line. Fixed rather than taken from <new>, whose value
/// depends on tuning flags and would change the layout between translation units.
inline constexpr std::size_t cache_line = 64;

/// Keeps the compiler from moving accesses over it. What the cores do is for others to order:
/// process_barrier().
inline void compiler_barrier() noexcept {
    // shape: allow fence: no instruction, and nothing that ThreadSanitizer would have to understand
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// Tells the core that this is a spin loop.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace heddle::detail
