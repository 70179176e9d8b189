#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heddle::test {

/// Bytes of the calling thread's stack in use, at the caller or a little below. Never inlined: it reads
/// thread-local state, and a coroutine that calls it may be on another thread at its next line.
[[gnu::noinline]] inline std::size_t stack_in_use() {
    static thread_local std::uintptr_t top = 0;
    if (top == 0) {
        pthread_attr_t attributes;
        pthread_getattr_np(pthread_self(), &attributes);
        void* lowest = nullptr;
        std::size_t size = 0;
        pthread_attr_getstack(&attributes, &lowest, &size);
        pthread_attr_destroy(&attributes);
        top = reinterpret_cast<std::uintptr_t>(lowest) + size;
    }
    return top - reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

/// The most stack that was in use at any look().
class StackGauge {
public:
    void look() {
        const std::size_t now = stack_in_use();
        std::size_t most = most_.load();
        while (now > most && !most_.compare_exchange_weak(most, now)) {
        }
    }
    [[nodiscard]] std::size_t most() const { return most_.load(); }

    /// A flat program uses a few KiB; one that grows with every await would need many times this.
    static constexpr std::size_t flat = std::size_t{64} * 1024;

private:
    std::atomic<std::size_t> most_{0};
};

}  // namespace heddle::test
