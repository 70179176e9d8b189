#include "heap.hpp"

#include "engine.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace heddle::explore {

Heap::Heap() {
    void* memory =
        mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("explorer: mmap");
        std::exit(2);  // NOLINT(concurrency-mt-unsafe): there is one thread only
    }
    begin_ = reinterpret_cast<std::uintptr_t>(memory);
}

void Heap::clear() noexcept {
    // The same garbage each time: an execution can be repeated exactly.
    std::memset(reinterpret_cast<void*>(begin_), 0xCD, used_);
    used_ = 0;
    blocks_.clear();
}

void* Heap::allocate(std::size_t size, std::size_t alignment, Pc pc) {
    alignment = std::max(alignment, unit);
    const std::size_t at = (used_ + alignment - 1) / alignment * alignment;
    if (at + size + unit > capacity) {
        engine().fail("the scenario allocates more than the explorer's heap");
    }
    used_ = at + size + unit;  // a gap, so that an overrun hits nobody's memory
    blocks_.push_back({begin_ + at, size, pc, 0});
    return reinterpret_cast<void*>(begin_ + at);
}

const Heap::Block* Heap::find(std::uintptr_t address) const {
    const auto next = std::ranges::upper_bound(blocks_, address, {}, &Block::address);
    return next == blocks_.begin() ? nullptr : &*(next - 1);
}

std::size_t Heap::release(void* address, Pc pc) {
    auto* block = const_cast<Block*>(find(reinterpret_cast<std::uintptr_t>(address)));
    if (block == nullptr || block->address != reinterpret_cast<std::uintptr_t>(address)) {
        engine().fail("freed what was not allocated", pc);
    }
    if (block->freed != 0) {
        engine().fail("double free", pc, "freed before", block->freed);
    }
    block->freed = pc;
    return block->size;
}

void Heap::check(std::uintptr_t address, std::size_t size, Pc pc) const {
    const Block* block = find(address);
    if (block == nullptr || address + size > block->address + block->size) {
        engine().fail("access outside of any allocation", pc);
    }
    if (block->freed != 0) {
        engine().fail("use after free", pc, "freed", block->freed);
    }
}

void Heap::check_leaks() const {
    for (const Block& block : blocks_) {
        if (block.freed == 0 && std::ranges::find(permanent_, block.size) == permanent_.end()) {
            engine().fail(("leak of " + std::to_string(block.size) + " bytes").c_str(), block.allocated);
        }
    }
}

}  // namespace heddle::explore
