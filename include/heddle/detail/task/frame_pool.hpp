#pragma once

#include <heddle/detail/base/config.hpp>

#include <cstddef>

// Coroutine frames: a few cached blocks per size class and thread, refilled from and drained to a depot and
// tbbmalloc, which take blocks back on any thread. 64-byte aligned, so that workers do not share lines, and
// because GCC 12 misplaces over-aligned locals in a frame otherwise; all but those of 48 bytes, which have no
// room for such a local, and hardly any for waiting: most of them run once and are gone, or have not started.
// Under sanitizers every frame is a plain allocation, so that they see each use after free.

namespace heddle::detail::frame_pool {

inline constexpr std::size_t granule = 64;
inline constexpr std::size_t smallest = 48;
inline constexpr std::size_t least_alignment = 16;
inline constexpr std::size_t classes = 17;  // 48, 64, 128, up to 1 KiB
inline constexpr std::size_t max_cached = 128;

struct Block {
    Block* next;
    Block* next_batch;  // of the first one of a batch
};
struct Class {
    Block* head = nullptr;
    std::size_t n = max_cached;  // "full" until the thread has armed its clean-up: see arm()
};
struct Cache {
    Class of[classes];
    bool armed = false;
    bool over = false;  // the clean-up has run: whatever still ends on this thread goes to tbbmalloc
};
extern constinit thread_local Cache cache;

constexpr std::size_t class_of(std::size_t size) noexcept {
    return size <= smallest ? 0 : (size - 1) / granule + 1;
}
constexpr std::size_t class_bytes(std::size_t size_class) noexcept {
    return size_class == 0 ? smallest : size_class * granule;
}

void* refill(std::size_t size_class);
void surplus(std::size_t size_class, void* block) noexcept;
void* allocate_large(std::size_t size);
void free_large(void* block, std::size_t size) noexcept;

inline void* allocate(std::size_t size) {
#if HEDDLE_SANITIZED
    return allocate_large(size);
#else
    const std::size_t size_class = class_of(size);
    if (size_class >= classes) [[unlikely]] {
        return allocate_large(size);
    }
    Class& c = cache.of[size_class];
    Block* block = c.head;
    if (block == nullptr) [[unlikely]] {
        return refill(size_class);
    }
    c.head = block->next;
    __builtin_prefetch(c.head, 1);  // another thread may have freed it
    --c.n;
    return block;
#endif
}

inline void deallocate(void* p, std::size_t size) noexcept {
#if HEDDLE_SANITIZED
    free_large(p, size);
#else
    const std::size_t size_class = class_of(size);
    if (size_class >= classes) [[unlikely]] {
        free_large(p, size);
        return;
    }
    Class& c = cache.of[size_class];
    if (c.n >= max_cached) [[unlikely]] {
        surplus(size_class, p);
        return;
    }
    auto* block = static_cast<Block*>(p);
    block->next = c.head;
    c.head = block;
    ++c.n;
#endif
}

}  // namespace heddle::detail::frame_pool
