#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/task/control_block.hpp>

#include <cstddef>
#include <memory>

namespace heddle::detail {

/// Tasks made ready from outside a runtime's workers, and what overflows their rings. First in, first out for
/// each producer as a rule (not while another one has the token for outsiders, nor out of memory), no order
/// between producers. A pop may miss an item that is there, so whoever is about to sleep asks looks_empty().
class InjectQueue : Immovable {
public:
    explicit InjectQueue(unsigned workers);
    ~InjectQueue();

    /// Any thread.
    void push(TaskControl* task) noexcept;
    /// Worker `worker` only.
    void push_bulk(unsigned worker, TaskControl* const* tasks, std::size_t n) noexcept;
    /// Up to `share`, a part of size(), but never more than `room`. Of what there was no memory for, whose
    /// size nobody knows and which cannot be taken in parts, as much as there is room for, and first, or it
    /// would wait for as long as the queue is not empty.
    [[nodiscard]] std::size_t pop_bulk(unsigned worker, TaskControl** tasks, std::size_t share,
                                       std::size_t room) noexcept {
        const std::size_t n = room != 0 && overflowed() ? pop_overflow(tasks, room) : 0;
        share = share < room ? share : room;
        return n < share ? n + pop_queued(worker, tasks + n, share - n) : n;
    }
    /// There is something that there was no memory for.
    [[nodiscard]] bool overflowed() const noexcept {
        return overflow_.load(acquire) != nullptr;  // acquire [overflow]
    }
    [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }
    /// About; never 0 while something is there.
    [[nodiscard]] std::size_t size() const noexcept {
        return queued() + (overflow_.load(acquire) != nullptr ? 1 : 0);  // acquire [overflow]
    }

private:
    [[nodiscard]] std::size_t pop_queued(unsigned worker, TaskControl** tasks, std::size_t max) noexcept;
    [[nodiscard]] std::size_t queued() const noexcept;

    // A task that has been woken must run, though there is no memory to queue it: such tasks form a stack,
    // linked through the frame word of their blocks, whose old value can be told from the rest. [overflow]
    // pushing releases the tasks, taking the whole stack acquires them.
    void push_overflow(TaskControl* task) noexcept;
    [[nodiscard]] std::size_t pop_overflow(TaskControl** tasks, std::size_t max) noexcept;
    Atomic<TaskControl*> overflow_{nullptr};

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace heddle::detail
