#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/fork_deque.hpp>

#include <coroutine>
#include <cstdint>

namespace heddle::detail {

struct ForkChild;

/// Who runs: a task's control block, or a forked child that has none yet: in line on its parent's worker, or
/// on a thief's.
class Running {
public:
    Running() noexcept = default;  // of none with {}, else undefined
    explicit Running(TaskControl* control) noexcept : bits_(reinterpret_cast<std::uintptr_t>(control)) {}
    static Running in_line(ForkChild* child) noexcept { return {child, child_tag}; }
    static Running stolen(ForkChild* child) noexcept { return {child, child_tag | stolen_tag}; }

    [[nodiscard]] bool is_child() const noexcept { return (bits_ & child_tag) != 0; }
    [[nodiscard]] bool is_in_line() const noexcept { return (bits_ & (child_tag | stolen_tag)) == child_tag; }
    [[nodiscard]] TaskControl* control() const noexcept { return reinterpret_cast<TaskControl*>(bits_); }
    [[nodiscard]] ForkChild* child() const noexcept {
        return reinterpret_cast<ForkChild*>(bits_ & ~(child_tag | stolen_tag));
    }

private:
    static constexpr std::uintptr_t child_tag = 1;
    static constexpr std::uintptr_t stolen_tag = 2;
    Running(ForkChild* child, std::uintptr_t tags) noexcept
        : bits_(reinterpret_cast<std::uintptr_t>(child) | tags) {}

    std::uintptr_t bits_;
};

/// The part of a worker that tasks deal with. One per worker thread, touched by that thread only (thieves
/// use the deque).
struct WorkerContext : Immovable {
    Running current{};  // whose code runs on this thread now
    Scheduler* scheduler = nullptr;

    // Left by a root frame at its final suspension: the loop has it moved out, freed and completed.
    void (*finish)(TaskControl& control, void* frame) noexcept = nullptr;
    void* finished_frame = nullptr;

    // Programs compiled by GCC only: a transfer that was cut because the stack would grow (see transfer()).
    void* bounced = nullptr;
    std::uint32_t transfers = 0;

    ForkDeque forks;
};

/// Null on foreign threads. Read it in functions that do not suspend, never keep it over a co_await.
extern constinit thread_local WorkerContext* this_worker;

/// Symmetric transfer with a bound on the stack where the compiler makes a call of it.
inline std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept {
#if HEDDLE_BOUND_TRANSFERS
    constexpr std::uint32_t max_transfers = 48;
    WorkerContext* worker = this_worker;
    if (++worker->transfers >= max_transfers) {
        worker->transfers = 0;
        worker->bounced = next.address();
        return std::noop_coroutine();
    }
#endif
    return next;
}

}  // namespace heddle::detail
