#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/sync/tiny_lock.hpp>
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
    void* p = scalable_aligned_malloc(size, size <= smallest ? least_alignment : granule);
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

constexpr std::size_t batch = max_cached / 2;
constexpr std::size_t depot_bytes = std::size_t{16} << 20U;  // of each size; what is more goes back

/// Frames that no thread's cache has room for, in batches: for threads that mostly allocate from those that
/// mostly free (in a server the one that accepts work and those that do it), and for the next time so many
/// tasks are alive at once. A lock that is taken once per batch; whoever finds it held, or the depot full,
/// goes upstream instead.
struct Depot {
    TinyLock lock;
    Atomic<std::size_t> n{0};  // batches; written under the lock
    Block* first HEDDLE_GUARDED_BY(lock) = nullptr;

    bool put(Block* block, std::size_t most) noexcept {
        if (!lock.try_lock()) {
            return false;
        }
        const std::size_t kept = n.load(relaxed);  // relaxed: only written under the lock
        if (kept < most) {
            block->next_batch = first;
            first = block;
            n.store(kept + 1, relaxed);  // relaxed: as above
        }
        lock.unlock();
        return kept < most;
    }
    Block* take() noexcept {
        // relaxed: a hint. A thread that only allocates, and finds nothing here, asks for every single frame.
        if (n.load(relaxed) == 0 || !lock.try_lock()) {
            return nullptr;
        }
        Block* const block = first;
        if (block != nullptr) {
            first = block->next_batch;
            n.store(n.load(relaxed) - 1, relaxed);  // relaxed: only written under the lock
        }
        lock.unlock();
        return block;
    }
};
struct alignas(cache_line) PaddedDepot : Depot {};
constinit PaddedDepot depots[classes];

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
        cache.over = true;
    }
};

void arm() noexcept {
    static thread_local const ThreadExit at_exit;
    for (Class& c : cache.of) {
        c.n = 0;
    }
    cache.armed = true;
}

}  // namespace

void* refill(std::size_t size_class) {
    if (cache.over) [[unlikely]] {
        return upstream_allocate(class_bytes(size_class));
    }
    if (!cache.armed) {
        arm();
    }
    if (Block* first = depots[size_class].take(); first != nullptr) {
        Class& c = cache.of[size_class];
        c.head = first->next;
        c.n = batch - 1;
        return first;
    }
    return upstream_allocate(class_bytes(size_class));
}

void surplus(std::size_t size_class, void* block) noexcept {
    if (cache.over) [[unlikely]] {
        upstream_free(block);
        return;
    }
    if (!cache.armed) {
        arm();
        deallocate(block, class_bytes(size_class));
        return;
    }
    // Half of the cache goes, so that a thread that only frees pays once per 64 frames.
    Class& c = cache.of[size_class];
    Block* first = c.head;
    Block* last = first;
    for (std::size_t i = 1; i < batch; ++i) {
        last = last->next;
    }
    c.head = last->next;
    last->next = nullptr;
    c.n -= batch;
    if (!depots[size_class].put(first, depot_bytes / (batch * class_bytes(size_class)))) {
        while (first != nullptr) {
            Block* b = first;
            first = b->next;
            upstream_free(b);
        }
    }
    deallocate(block, class_bytes(size_class));
}

void* allocate_large(std::size_t size) { return upstream_allocate(size); }

void free_large(void* block, std::size_t size) noexcept {
    static_cast<void>(size);
    upstream_free(block);
}

}  // namespace heddle::detail::frame_pool
