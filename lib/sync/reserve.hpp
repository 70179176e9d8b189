#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/sync/tiny_lock.hpp>

#include <array>
#include <cstdint>

namespace heddle::detail {

/// Memory for steps that can no longer be taken back when the allocator has none: a waiter that has drawn its
/// place needs a segment to stand in, a waker one to look into, a thief a control block to name its victim.
///
/// 1. Whoever begins something that may need such a block calls require() before it changes anything. That
///    throws std::bad_alloc unless the reserve is full, and it has tried to fill it.
/// 2. So a block is taken only by those who began while it was full: at most one operation per thread. Each
///    needs a few at most; a thief that unwinds forks one per level. With more than that it ends the program
///    and says why.
///
/// Owners may offer what they free with keep(). The lock is taken only when memory has run out, and to fill
/// the reserve.
class Reserve : Immovable {
public:
    /// `make` gives a block or null; `drop` takes one back that is not needed. At most max_size.
    constexpr Reserve(std::uint32_t size, void* (*make)() noexcept, void (*drop)(void*) noexcept) noexcept
        : size_(size), make_(make), drop_(drop) {}

    /// Throws std::bad_alloc if it is not full and cannot be filled.
    void require() {
        if (!full()) [[unlikely]] {
            refill();
        }
    }
    [[nodiscard]] bool full() const noexcept {
        return !short_.load(
            relaxed);  // relaxed: who finds it full by a stale look was under way while it was
    }
    /// The same without throwing: true if it is full now.
    [[nodiscard]] bool fill() noexcept;
    /// Never null.
    [[nodiscard]] void* take() noexcept;
    /// True: the block was missing here. False: it is the caller's to free.
    [[nodiscard]] bool keep(void* block) noexcept;

    static constexpr std::uint32_t max_size = 512;

private:
    HEDDLE_COLD void refill();

    const std::uint32_t size_;
    void* (*const make_)() noexcept;
    void (*const drop_)(void*) noexcept;
    Atomic<bool> short_{true};
    TinyLock lock_;
    std::uint32_t n_ = 0;
    std::array<void*, max_size> blocks_{};
};

}  // namespace heddle::detail
