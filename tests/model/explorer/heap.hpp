#pragma once

#include "memory.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace heddle::explore {

/// The heap of one execution: memory is handed out once and never again, so that whoever uses it after it
/// was freed is found at once.
class Heap {
public:
    Heap();
    void clear() noexcept;

    [[nodiscard]] void* allocate(std::size_t size, std::size_t alignment, Pc pc);
    /// Gives its size.
    std::size_t release(void* address, Pc pc);
    [[nodiscard]] bool owns(std::uintptr_t address) const noexcept { return address - begin_ < capacity; }
    /// Fails the execution if these bytes are not (or no longer) allocated.
    void check(std::uintptr_t address, std::size_t size, Pc pc) const;

    void permanent(std::size_t size) { permanent_.push_back(size); }
    /// Fails the execution if anything is left that is not permanent.
    void check_leaks() const;

private:
    static constexpr std::size_t capacity = std::size_t{1} << 22U;
    static constexpr std::size_t unit = 16;
    struct Block {
        std::uintptr_t address;
        std::size_t size;
        Pc allocated;
        Pc freed;
    };
    [[nodiscard]] const Block* find(std::uintptr_t address) const;

    std::uintptr_t begin_;
    std::size_t used_ = 0;
    std::vector<Block> blocks_;  // by address
    std::vector<std::size_t> permanent_;
};

}  // namespace heddle::explore
