#include "engine.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

// What code calls that was compiled with -fsanitize=thread, and the allocator. Outside of an execution all of
// it does what it says and nothing else.

namespace {

using heddle::explore::engine;
using heddle::explore::in_execution;
using heddle::explore::Pc;
using heddle::explore::Unwatched;
using heddle::explore::watching;

#define CALLER reinterpret_cast<Pc>(__builtin_return_address(0))

void plain(const volatile void* address, std::size_t size, bool write, Pc pc) {
    if (watching()) {
        engine().plain(reinterpret_cast<std::uintptr_t>(address), size, write, pc);
    }
}

template <class T>
T atomic_load(const volatile T* address, int order, Pc pc) {
    auto* real = const_cast<T*>(address);
    if (!watching()) {
        return *real;
    }
    return static_cast<T>(engine().load(real, sizeof(T), order, pc));
}
template <class T>
void atomic_store(volatile T* address, T value, int order, Pc pc) {
    auto* real = const_cast<T*>(address);
    if (!watching()) {
        *real = value;
        return;
    }
    engine().store(real, sizeof(T), value, order, pc);
}
using Change = std::uint64_t (*)(std::uint64_t, std::uint64_t);
template <class T>
T atomic_modify(volatile T* address, T operand, int order, Pc pc, Change change) {
    auto* real = const_cast<T*>(address);
    if (!watching()) {
        const T old = *real;
        *real = static_cast<T>(change(old, operand));
        return old;
    }
    return static_cast<T>(engine().modify(real, sizeof(T), order, pc, change, operand));
}
template <class T>
bool atomic_cas(volatile T* address, T* expected, T desired, int order, int failure, Pc pc) {
    auto* real = const_cast<T*>(address);
    if (!watching()) {
        if (*real == *expected) {
            *real = desired;
            return true;
        }
        *expected = *real;
        return false;
    }
    std::uint64_t seen = *expected;
    const bool done = engine().compare_exchange(real, sizeof(T), seen, desired, order, failure, pc);
    *expected = static_cast<T>(seen);
    return done;
}

std::uint64_t exchange(std::uint64_t, std::uint64_t b) { return b; }
std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a + b; }
std::uint64_t sub(std::uint64_t a, std::uint64_t b) { return a - b; }
std::uint64_t bit_and(std::uint64_t a, std::uint64_t b) { return a & b; }
std::uint64_t bit_or(std::uint64_t a, std::uint64_t b) { return a | b; }
std::uint64_t bit_xor(std::uint64_t a, std::uint64_t b) { return a ^ b; }

void* allocate(std::size_t size, std::size_t alignment, Pc pc) {
    if (in_execution()) {
        const Unwatched unwatched;
        return engine().heap().allocate(size, alignment, pc);
    }
    void* memory = alignment > alignof(std::max_align_t)
                       ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                       : std::malloc(size);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

void release(void* memory, Pc pc) {
    if (memory == nullptr) {
        return;
    }
    if (heddle::explore::on_its_heap(memory)) {
        engine().release(memory, pc);
    } else {
        std::free(memory);
    }
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the compiler's names
// NOLINTBEGIN(bugprone-macro-parentheses): types and parts of names
extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}

#define HEDDLE_PLAIN(size)                                                            \
    void __tsan_read##size(void* a) { plain(a, size, false, CALLER); }                \
    void __tsan_write##size(void* a) { plain(a, size, true, CALLER); }                \
    void __tsan_unaligned_read##size(void* a) { plain(a, size, false, CALLER); }      \
    void __tsan_unaligned_write##size(void* a) { plain(a, size, true, CALLER); }      \
    void __tsan_read_write##size(void* a) { plain(a, size, true, CALLER); }           \
    void __tsan_unaligned_read_write##size(void* a) { plain(a, size, true, CALLER); } \
    void __tsan_volatile_read##size(void* a) { plain(a, size, false, CALLER); }       \
    void __tsan_volatile_write##size(void* a) { plain(a, size, true, CALLER); }
HEDDLE_PLAIN(1)
HEDDLE_PLAIN(2)
HEDDLE_PLAIN(4)
HEDDLE_PLAIN(8)
HEDDLE_PLAIN(16)

void __tsan_vptr_update(void** a, void* value) {
    if (*a != value) {
        plain(static_cast<void*>(a), sizeof(void*), true, CALLER);
    }
}
void __tsan_vptr_read(void** a) { plain(static_cast<void*>(a), sizeof(void*), false, CALLER); }
void __tsan_read_range(void* a, std::size_t size) { plain(a, size, false, CALLER); }
void __tsan_write_range(void* a, std::size_t size) { plain(a, size, true, CALLER); }

void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
    plain(from, size, false, CALLER);
    plain(to, size, true, CALLER);
    return std::memcpy(to, from, size);
}
void* __tsan_memmove(void* to, const void* from, std::size_t size) {
    plain(from, size, false, CALLER);
    plain(to, size, true, CALLER);
    return std::memmove(to, from, size);
}
void* __tsan_memset(void* to, int value, std::size_t size) {
    plain(to, size, true, CALLER);
    return std::memset(to, value, size);
}

#define HEDDLE_ATOMIC(bits, T)                                                                             \
    T __tsan_atomic##bits##_load(const volatile T* a, int order) { return atomic_load(a, order, CALLER); } \
    void __tsan_atomic##bits##_store(volatile T* a, T v, int order) { atomic_store(a, v, order, CALLER); } \
    T __tsan_atomic##bits##_exchange(volatile T* a, T v, int order) {                                      \
        return atomic_modify(a, v, order, CALLER, exchange);                                               \
    }                                                                                                      \
    T __tsan_atomic##bits##_fetch_add(volatile T* a, T v, int order) {                                     \
        return atomic_modify(a, v, order, CALLER, add);                                                    \
    }                                                                                                      \
    T __tsan_atomic##bits##_fetch_sub(volatile T* a, T v, int order) {                                     \
        return atomic_modify(a, v, order, CALLER, sub);                                                    \
    }                                                                                                      \
    T __tsan_atomic##bits##_fetch_and(volatile T* a, T v, int order) {                                     \
        return atomic_modify(a, v, order, CALLER, bit_and);                                                \
    }                                                                                                      \
    T __tsan_atomic##bits##_fetch_or(volatile T* a, T v, int order) {                                      \
        return atomic_modify(a, v, order, CALLER, bit_or);                                                 \
    }                                                                                                      \
    T __tsan_atomic##bits##_fetch_xor(volatile T* a, T v, int order) {                                     \
        return atomic_modify(a, v, order, CALLER, bit_xor);                                                \
    }                                                                                                      \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile T* a, T* e, T v, int order, int failure) {  \
        return atomic_cas(a, e, v, order, failure, CALLER) ? 1 : 0;                                        \
    }                                                                                                      \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile T* a, T* e, T v, int order, int failure) {    \
        return atomic_cas(a, e, v, order, failure, CALLER) ? 1 : 0;                                        \
    }                                                                                                      \
    T __tsan_atomic##bits##_compare_exchange_val(volatile T* a, T e, T v, int order, int failure) {        \
        atomic_cas(a, &e, v, order, failure, CALLER);                                                      \
        return e;                                                                                          \
    }
HEDDLE_ATOMIC(8, std::uint8_t)
HEDDLE_ATOMIC(16, std::uint16_t)
HEDDLE_ATOMIC(32, std::uint32_t)
HEDDLE_ATOMIC(64, std::uint64_t)

// Variables that a function makes at its first call: the compiler's code looks at the first byte of the
// guard, and calls these when that is 0. The second byte: somebody is making it.
int __cxa_guard_acquire(std::uint64_t* guard) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(guard);
    for (;;) {
        if (atomic_load(bytes, __ATOMIC_ACQUIRE, CALLER) != 0) {
            return 0;
        }
        std::uint8_t nobody = 0;
        if (atomic_cas<std::uint8_t>(bytes + 1, &nobody, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE, CALLER)) {
            return 1;
        }
    }
}
void __cxa_guard_release(std::uint64_t* guard) noexcept {
    atomic_store<std::uint8_t>(reinterpret_cast<std::uint8_t*>(guard), 1, __ATOMIC_RELEASE, CALLER);
}
void __cxa_guard_abort(std::uint64_t* guard) noexcept {
    atomic_store<std::uint8_t>(reinterpret_cast<std::uint8_t*>(guard) + 1, 0, __ATOMIC_RELEASE, CALLER);
}

/// Each virtual thread has its own thread_local variables, and ends.
int __cxa_thread_atexit(void (*destroy)(void*), void* object, void*) noexcept {
    if (in_execution()) {
        engine().at_thread_exit(destroy, object);
    }
    return 0;
}

void __tsan_atomic_thread_fence(int order) {
    if (watching()) {
        engine().fence(order);
    }
}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
// NOLINTEND(bugprone-macro-parentheses)
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t), CALLER); }
void* operator new[](std::size_t size) { return allocate(size, alignof(std::max_align_t), CALLER); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, alignof(std::max_align_t), CALLER);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, alignof(std::max_align_t), CALLER);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate(size, static_cast<std::size_t>(alignment), CALLER);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment), CALLER);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment), CALLER);
}
void operator delete(void* memory) noexcept { release(memory, CALLER); }
void operator delete[](void* memory) noexcept { release(memory, CALLER); }
void operator delete(void* memory, std::size_t) noexcept { release(memory, CALLER); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory, CALLER); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory, CALLER); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory, CALLER); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory, CALLER); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory, CALLER); }
