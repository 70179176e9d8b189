#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/task/control_block.hpp>

#include <cstddef>
#include <memory>

namespace heddle::detail {

/// Tasks made ready from outside a runtime's workers, and what overflows their rings. First in, first out
/// for each producer, no order between producers; a pop may miss an item that is there, so whoever is about
/// to sleep asks looks_empty().
class InjectQueue : Immovable {
public:
    explicit InjectQueue(unsigned workers);
    ~InjectQueue();

    /// Any thread.
    void push(TaskControl* task);
    /// Worker `worker` only.
    void push_bulk(unsigned worker, TaskControl* const* tasks, std::size_t n);
    [[nodiscard]] std::size_t pop_bulk(unsigned worker, TaskControl** tasks, std::size_t max);
    [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace heddle::detail
