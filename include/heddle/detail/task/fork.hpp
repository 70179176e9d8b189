#pragma once

#include <heddle/detail/task/worker_context.hpp>
#include <heddle/detail/wait/suspension.hpp>

#include <coroutine>
#include <cstdint>
#include <span>

// Fork and join of children that live in their parent's frame: what gather stands on.
//
// The first child runs in line, the others wait on the worker's fork deque; the owner pops them newest
// first (they are pushed in reverse, so they start in order) and thieves take the last ones. As long as
// nothing is stolen and nothing suspends, no child has a control block and nobody counts: the last one in
// line ends the scope.
//
// A child becomes *detached* when it suspends or is stolen. Detached children are joined through `join` =
// { seq of the parked parent : 44 | children not yet accounted for : 20 }:
//
// [join]  a detached child's decrement releases its result; whoever brings the count to 0 acquires all. The
//         decrement is the child's last access to the scope, unless it finds a parked parent, whose control
//         block and seq it knows beforehand.
// [child] control = { TaskControl* | STARTS_ANYWAY | NEVER_RAN | DETACHED | CANCEL }: the block is set by CAS
//         by the worker that runs the child, or by the thief of one of its own children; CANCEL is set by
//         whoever cancels the scope. Either the canceller sees the control block, or its maker sees CANCEL.
//         DETACHED is set by whoever takes the child out of the line, before anybody else can run it.
//         NEVER_RAN is set by who finds it cancelled before its first step, STARTS_ANYWAY before the scope
//         starts. 0: nothing has happened to it.
// [happened] what is out of the ordinary with a scope, in one word, so that its parent looks once. Set before
//         the child concerned joins or is cancelled, by a release unless it is only asked for after the join.

namespace heddle::detail {

struct ForkScope;

struct ForkChild : Immovable {
    ForkScope* scope;  // these two: from when they are known
    void* frame;
    Atomic<std::uintptr_t> control{0};

    static constexpr std::uintptr_t cancel_bit = 1;
    static constexpr std::uintptr_t detached_bit = 2;
    static constexpr std::uintptr_t never_ran_bit = 4;      // cancelled before its first step
    static constexpr std::uintptr_t starts_anyway_bit = 8;  // has to pass a cancellation on to a Task
    static constexpr std::uintptr_t bits = 15;

    [[nodiscard]] std::coroutine_handle<> code() const noexcept {
        return std::coroutine_handle<>::from_address(frame);
    }
    /// Whoever runs it, or is about to.
    [[nodiscard]] bool detached() const noexcept { return has(detached_bit); }
    /// After it has ended.
    [[nodiscard]] bool never_ran() const noexcept { return has(never_ran_bit); }
    [[nodiscard]] bool starts_anyway() const noexcept { return has(starts_anyway_bit); }

private:
    [[nodiscard]] bool has(std::uintptr_t bit) const noexcept {
        // relaxed: set by this thread, or by an earlier one that ran it, or that has joined
        return (control.load(relaxed) & bit) != 0;
    }
};
static_assert(sizeof(ForkChild) == 24 && alignof(TaskControl) > ForkChild::bits);

struct ForkScope : WakeHook {
    using OnError = void (*)(ForkScope& scope, ForkChild& child) noexcept;

    /// `failed` is called on the thread of a child that ended with an error or cancelled, before it joins.
    ForkScope(std::span<ForkChild> all, OnError failed) noexcept
        : children(all), on_error(failed), join(all.size()) {}
    ~ForkScope() = default;
    ForkScope(const ForkScope&) = delete;
    ForkScope& operator=(const ForkScope&) = delete;

    /// Starts the children and joins them; `frame` is resumed when all have ended. Returns what to run now.
    [[nodiscard]] std::coroutine_handle<> start(std::coroutine_handle<> frame);
    /// Any thread that knows the scope alive: a child, or the parent.
    void cancel_children() noexcept;

    /// The parent goes on: call it once. True if on_error has noted no failure, and the parent was not asked
    /// to stop.
    [[nodiscard]] bool finish() noexcept {
        return happened_.load(acquire) == 0 || finish_slowly();  // acquire [happened]
    }
    /// The parent was asked to stop while it waited.
    [[nodiscard]] bool was_cancelled() const noexcept { return has_happened(is_cancelled); }
    /// For on_error: true for the first child that asks.
    [[nodiscard]] bool first_to_fail() noexcept {
        return (happened_.fetch_or(has_failure, acq_rel) & has_failure) == 0;  // acq_rel [happened]
    }
    /// The parent's waiter, if it was cancelled: for throw_cancelled.
    [[nodiscard]] Waiter& parent_waiter() const noexcept { return suspension_.waiter(); }

    // For the functions below.
    [[nodiscard]] std::coroutine_handle<> next_in_line(WorkerContext& worker) noexcept;
    [[nodiscard]] Running owner() const noexcept { return owner_; }
    void child_has_control() noexcept {
        happened_.fetch_or(has_controls, relaxed);  // relaxed: read after the join
    }
    std::span<ForkChild> children;
    OnError on_error;
    Atomic<std::uint64_t> join;
    Atomic<TaskControl*> parent_block;  // the block of the owner, once a child is detached
    // Once somebody has looked for it: the block of the owner, or of the nearest ancestor that had one then.
    Atomic<TaskControl*> nearest{nullptr};
    std::uint32_t away = 0;      // detached children, as far as known; owner's thread only
    std::uint32_t on_deque = 0;  // owner's thread only

    static constexpr unsigned count_bits = 20;
    static constexpr std::uint64_t count_mask = (std::uint64_t{1} << count_bits) - 1;

private:
    // What may have happened.
    static constexpr std::uint32_t is_cancelled = 1;
    static constexpr std::uint32_t has_failure = 2;   // of a child, and on_error has told
    static constexpr std::uint32_t has_controls = 4;  // of children
    [[nodiscard]] bool has_happened(std::uint32_t what) const noexcept {
        return (happened_.load(acquire) & what) != 0;  // acquire [happened]
    }
    [[nodiscard]] HEDDLE_NOINLINE bool finish_slowly() noexcept;
    void drop_controls() noexcept;
    [[nodiscard]] std::coroutine_handle<> parent() const noexcept {
        return std::coroutine_handle<>::from_address(parent_);
    }
    [[nodiscard]] std::coroutine_handle<> start_in_line(WorkerContext& worker) noexcept;
    [[nodiscard]] HEDDLE_COLD std::coroutine_handle<> start_slowly(WorkerContext& worker);
    [[nodiscard]] std::coroutine_handle<> start_as_tasks();
    [[nodiscard]] static bool starts(const ForkChild* child) noexcept;
    [[nodiscard]] std::coroutine_handle<> run_in_line(WorkerContext& worker, ForkChild& child) noexcept;
    [[nodiscard]] HEDDLE_COLD std::coroutine_handle<> not_in_line(WorkerContext& worker,
                                                                  ForkChild* child) noexcept;
    [[nodiscard]] HEDDLE_COLD std::coroutine_handle<> go_on_later() noexcept;
    [[nodiscard]] std::coroutine_handle<> park() noexcept;
    [[nodiscard]] std::coroutine_handle<> wait_for_rest(std::uint64_t seq, std::uint32_t ended) noexcept;
    [[nodiscard]] bool still_waiting() noexcept;
    static std::coroutine_handle<> on_wake_parent(WakeHook& hook) noexcept;

    Atomic<std::uint32_t> happened_{0};
    Running owner_;  // this and the next one: from start() on
    void* parent_;
    union {
        Suspension suspension_;  // from park() on
    };
};

/// When `running` has left this worker: the gather that goes on here, the innermost whose children run in
/// line. It is still there, because only this worker comes to the end of its line.
[[nodiscard]] inline ForkScope* scope_in_line(Running running) noexcept {
    return running.is_in_line() ? running.child()->scope : nullptr;
}

/// At a child's final suspension, or when it will not be started: what to run next.
[[nodiscard]] std::coroutine_handle<> fork_finished_slowly(ForkChild& child, bool failed) noexcept;
/// The same for one that has ended with a value.
[[nodiscard]] HEDDLE_ALWAYS_INLINE std::coroutine_handle<> fork_finished(ForkChild& child) noexcept {
    // relaxed: DETACHED has been set by this thread, or by an earlier one that ran it; the block has been
    // made by them too, or by the thief of a child of this one, which has joined; a cancel that comes later
    // is too late
    if (child.control.load(relaxed) != 0) [[unlikely]] {
        return fork_finished_slowly(child, false);
    }
    return child.scope->next_in_line(*this_worker);
}

/// Whether a child may be stolen: that needs a block for its parent, which is not to be missing afterwards.
[[nodiscard]] bool fork_adoptable() noexcept;

/// A child taken from another worker's deque: makes it the running one. Null: it was cancelled before.
[[nodiscard]] std::coroutine_handle<> fork_adopt(WorkerContext& thief, ForkChild& child) noexcept;

/// A detached child that was cancelled before its first step.
[[nodiscard]] std::coroutine_handle<> fork_skip(ForkChild& child) noexcept;

/// The control block of whoever runs, made now if it has none.
[[nodiscard]] TaskControl& control_of(Running running);

}  // namespace heddle::detail
