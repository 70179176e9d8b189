#include "sync/reserve.hpp"
#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/slab.hpp>

#include <new>

// Each thread keeps a LIFO of free blocks; surplus travels in batches over a global stack. The memory is
// type-stable, so a pop that reads a stale node reads a valid one; a tag in the head's free bits tells a
// recycled head from the one that was read.
//
// [slab]  a slab is published by CAS, walkers acquire it.
// [batch] pushing a batch releases what its blocks' last users wrote; popping acquires it.

namespace heddle::detail {

namespace {

#ifndef HEDDLE_SLAB_BLOCKS
#define HEDDLE_SLAB_BLOCKS 1023
#endif
constexpr std::size_t slab_blocks = HEDDLE_SLAB_BLOCKS;  // with the header: 64 KiB
constexpr std::size_t batch_blocks = slab_blocks / 16 + 1;

struct alignas(cache_line) Slab {
    Slab* next = nullptr;
    TaskControl blocks[slab_blocks];
};
static_assert(sizeof(Slab) == (slab_blocks + 1) * cache_line);

Atomic<Slab*> slabs{nullptr};  // push-only

// Free blocks of one cache or batch link through `frame`; the first block of a batch links to the next batch
// through `join`, which is atomic because a pop may read it of a block that is in use again.
void set_link(TaskControl& block, TaskControl* next) noexcept { block.frame = next; }
TaskControl* link(const TaskControl& block) noexcept { return static_cast<TaskControl*>(block.frame); }

// { tag:22 | address / 64 : 42 }
Atomic<std::uint64_t> batches{0};
constexpr unsigned address_bits = 42;
constexpr std::uint64_t address_mask = (std::uint64_t{1} << address_bits) - 1;
TaskControl* head_block(std::uint64_t head) noexcept {
    return reinterpret_cast<TaskControl*>((head & address_mask) * cache_line);
}
std::uint64_t next_head(std::uint64_t old, const TaskControl* block) noexcept {
    return ((old & ~address_mask) + (address_mask + 1)) |
           (reinterpret_cast<std::uintptr_t>(block) / cache_line);
}

void push_batch(TaskControl* first) noexcept {
    std::uint64_t head = batches.load(relaxed);  // relaxed: the CAS validates it
    do {
        first->join.store(reinterpret_cast<std::uintptr_t>(head_block(head)),
                          relaxed);  // relaxed: published below
    } while (
        !batches.compare_exchange_weak(head, next_head(head, first), acq_rel, relaxed));  // acq_rel [batch]
}

TaskControl* pop_batch() noexcept {
    std::uint64_t head = batches.load(acquire);  // acquire [batch]
    while (head_block(head) != nullptr) {
        auto* next = reinterpret_cast<TaskControl*>(
            head_block(head)->join.load(relaxed));  // relaxed: validated by the tag
        if (batches.compare_exchange_weak(head, next_head(head, next), acq_rel,
                                          acquire)) {  // acq_rel [batch]
            return head_block(head);
        }
    }
    return nullptr;
}

struct Cache {
    TaskControl* free = nullptr;
    std::size_t n = 0;
    Cache() noexcept = default;
    ~Cache();
};
thread_local Cache cache;

Cache::~Cache() {
    if (free != nullptr) {
        push_batch(free);
        free = nullptr;
        n = 0;
    }
}

/// False: out of memory.
bool refill(Cache& c) noexcept {
    if (TaskControl* batch = pop_batch(); batch != nullptr) {
        c.free = batch;
        c.n = batch_blocks;  // about: the last batch of a thread may be shorter or longer
        return true;
    }
    auto* slab = new (std::nothrow) Slab;
    if (slab == nullptr) {
        return false;
    }
    Slab* head = slabs.load(relaxed);  // relaxed: the CAS validates it
    do {
        slab->next = head;
    } while (!slabs.compare_exchange_weak(head, slab, acq_rel, relaxed));  // acq_rel [slab]
    for (std::size_t i = slab_blocks; i-- > 0;) {
        set_link(slab->blocks[i], c.free);
        c.free = &slab->blocks[i];
    }
    c.n = slab_blocks;
    return true;
}

/// Null: out of memory.
TaskControl* try_allocate() noexcept {
    Cache& c = cache;
    if (c.free == nullptr && !refill(c)) [[unlikely]] {
        return nullptr;
    }
    TaskControl* block = c.free;
    c.free = link(*block);
    __builtin_prefetch(c.free, 1);  // another thread may have freed it
    c.n -= c.n > 0 ? 1 : 0;
    return block;
}

// A scope of forked children needs one when it has to wait, and a thief of a child: too late to refuse.
constinit Reserve kept_blocks(
    512, []() noexcept { return static_cast<void*>(try_allocate()); },
    [](void* block) noexcept { slab_free(static_cast<TaskControl*>(block)); });

}  // namespace

TaskControl* slab_allocate() {
    TaskControl* block = try_allocate();
    if (block == nullptr) [[unlikely]] {
        throw std::bad_alloc();
    }
    return block;
}

TaskControl* slab_allocate_always() noexcept {
    TaskControl* block = try_allocate();
    return block != nullptr ? block : static_cast<TaskControl*>(kept_blocks.take());
}

void slab_require_memory() { kept_blocks.require(); }
bool slab_has_memory() noexcept { return kept_blocks.fill(); }

void slab_free(TaskControl* control) noexcept {
    Cache& c = cache;
    set_link(*control, c.free);
    c.free = control;
    if (++c.n >= 2 * slab_blocks) [[unlikely]] {
        // Give the newer half away in batches; the older half stays warm enough.
        for (std::size_t given = 0; given < slab_blocks && c.free != nullptr; given += batch_blocks) {
            TaskControl* first = c.free;
            TaskControl* last = first;
            for (std::size_t i = 1; i < batch_blocks && link(*last) != nullptr; ++i) {
                last = link(*last);
            }
            c.free = link(*last);
            set_link(*last, nullptr);
            push_batch(first);
        }
        c.n -= slab_blocks;
    }
}

void slab_for_each(void (*fn)(TaskControl& control, void* context), void* context) {
    for (Slab* s = slabs.load(acquire); s != nullptr; s = s->next) {  // acquire [slab]
        for (TaskControl& block : s->blocks) {
            fn(block, context);
        }
    }
}

std::size_t slab_in_use() noexcept {
    std::size_t n = 0;
    slab_for_each(
        [](TaskControl& control, void* count) {
            *static_cast<std::size_t*>(count) += control.refs.load(acquire) != 0 ? 1U : 0U;  // acquire [refs]
        },
        &n);
    return n;
}

}  // namespace heddle::detail
