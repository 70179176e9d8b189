#include <heddle/detail/task/frame_pool.hpp>

#include <new>

#if !HEDDLE_SANITIZED
#include <tbb/scalable_allocator.h>
#endif

namespace heddle::detail::frame_pool {

constinit thread_local Cache cache;

namespace {

void* upstream_allocate(std::size_t size) {
#if HEDDLE_SANITIZED
    return ::operator new(size, std::align_val_t{granule});
#else
    void* p = scalable_aligned_malloc(size, granule);
    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p;
#endif
}

void upstream_free(void* p) noexcept {
#if HEDDLE_SANITIZED
    ::operator delete(p, std::align_val_t{granule});
#else
    scalable_aligned_free(p);
#endif
}

/// Empties the cache when its thread ends.
struct ThreadExit {
    ThreadExit() noexcept = default;
    ~ThreadExit() {
        for (Class& c : cache.of) {
            while (c.head != nullptr) {
                Block* block = c.head;
                c.head = block->next;
                upstream_free(block);
            }
            c.n = max_cached;
        }
        cache.armed = false;
    }
};

void arm() noexcept {
    static thread_local ThreadExit at_exit;
    for (Class& c : cache.of) {
        c.n = 0;
    }
    cache.armed = true;
}

}  // namespace

void* refill(std::size_t size_class) {
    if (!cache.armed) {
        arm();
    }
    return upstream_allocate((size_class + 1) * granule);
}

void surplus(std::size_t size_class, void* block) noexcept {
    if (!cache.armed) {
        arm();
        deallocate(block, (size_class + 1) * granule);
        return;
    }
    // Half of the cache goes back with it, so that a thread that only frees pays once per 64 frames.
    Class& c = cache.of[size_class];
    for (std::size_t i = 0; i < max_cached / 2; ++i) {
        Block* b = c.head;
        c.head = b->next;
        upstream_free(b);
    }
    c.n -= max_cached / 2;
    upstream_free(block);
}

void* allocate_large(std::size_t size) { return upstream_allocate(size); }

void free_large(void* block, std::size_t size) noexcept {
    static_cast<void>(size);
    upstream_free(block);
}

}  // namespace heddle::detail::frame_pool
