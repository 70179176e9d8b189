#include "allocator.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace heddle::test {

namespace {

std::atomic<bool> counting{false};
std::atomic<bool> lasting{false};
std::atomic<std::uint64_t> fails_at{0};
std::atomic<std::uint64_t> count{0};
std::atomic<std::int64_t> live{0};
constinit thread_local int unfailing = 0;

bool fails() noexcept {
    if (!counting.load(std::memory_order_acquire) || unfailing != 0) {
        return false;
    }
    const std::uint64_t n = count.fetch_add(1) + 1;
    const std::uint64_t at = fails_at.load();
    return at != 0 && (n == at || (n > at && lasting.load()));
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (fails()) {
        return nullptr;
    }
    constexpr std::size_t usual = alignof(std::max_align_t);
    void* block = nullptr;
    if (alignment <= usual) {
        block = std::malloc(size != 0 ? size : 1);
    } else {
        block = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    }
    if (block != nullptr) {
        live.fetch_add(1, std::memory_order_relaxed);
    }
    return block;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    void* block = allocate(size, alignment);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    return block;
}

void deallocate(void* block) noexcept {
    if (block != nullptr) {
        live.fetch_sub(1, std::memory_order_relaxed);
        std::free(block);
    }
}

}  // namespace

void fail_allocation(std::uint64_t n, Failing how) noexcept {
    fails_at.store(n);
    lasting.store(how == Failing::from_then);
    count.store(0);
    counting.store(true, std::memory_order_release);
}

std::uint64_t stop_failing() noexcept {
    counting.store(false);
    return count.load();
}

std::int64_t live_blocks() noexcept { return live.load(); }

Paused::Paused() noexcept { counting.store(false); }
Paused::~Paused() { counting.store(true); }

Unfailing::Unfailing() noexcept { ++unfailing; }
Unfailing::~Unfailing() { --unfailing; }

}  // namespace heddle::test

using heddle::test::allocate;
using heddle::test::allocate_or_throw;
using heddle::test::deallocate;

namespace {
constexpr std::size_t plain = 1;
constexpr std::size_t of(std::align_val_t alignment) noexcept { return static_cast<std::size_t>(alignment); }
}  // namespace

// NOLINTBEGIN(misc-new-delete-overloads): all of them are here
void* operator new(std::size_t n) { return allocate_or_throw(n, plain); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, plain); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, of(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate_or_throw(n, of(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, plain); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, plain); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, of(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, of(a));
}
void operator delete(void* p) noexcept { deallocate(p); }
void operator delete[](void* p) noexcept { deallocate(p); }
void operator delete(void* p, std::size_t) noexcept { deallocate(p); }
void operator delete[](void* p, std::size_t) noexcept { deallocate(p); }
void operator delete(void* p, std::align_val_t) noexcept { deallocate(p); }
void operator delete[](void* p, std::align_val_t) noexcept { deallocate(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { deallocate(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { deallocate(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { deallocate(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { deallocate(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { deallocate(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { deallocate(p); }
// NOLINTEND(misc-new-delete-overloads)

// Where the frame pool gets coroutine frames from, except under sanitizers.
extern "C" {
void* scalable_aligned_malloc(std::size_t size, std::size_t alignment) { return allocate(size, alignment); }
void scalable_aligned_free(void* block) { deallocate(block); }
}
