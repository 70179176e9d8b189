#pragma once

#include <heddle/detail/task/slab.hpp>
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/detail/wait/wait_queue.hpp>
#include <heddle/detail/wait/waiter.hpp>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <type_traits>

namespace heddle::detail {

class Scheduler;
struct TaskExtras;

enum class TaskKind : std::uint8_t {
    free,        ///< not in use
    task,        ///< made by create_task
    fork_child,  ///< a child of gather or the like that had to suspend
    thread,      ///< a plain thread inside a _blocking call
    internal,    ///< the library's own: runs done callbacks
    future,      ///< nobody runs it: set from outside
};

enum class Outcome : std::uint8_t { none, value, error, cancelled };

/// What outlives a task's frame: its word, where it goes on, its result, who waits for it. One cache line.
///
/// Who may touch what:
/// word, join, refs    anybody (atomics)
/// resume, frame       the owner while ACTIVE; after DONE the two words hold the result, read-only
/// outcome             written before DONE, read after
/// extras              created by CAS by whoever needs it first, lives until the last reference goes
///
/// join = { waiter:61 | DONE | BUSY | EXTRAS }: one inline joiner; further joiners and callbacks go to the
/// extras, announced by the EXTRAS bit, so that the completer learns of everything from one exchange.
/// [join] the completer's exchange releases the result; joiners and observers acquire it.
struct alignas(cache_line) TaskControl : Waiter {
    void* resume = nullptr;  // a frame, or WakeHook* | hook_bit
    void* frame = nullptr;   // root frame of a task that has not ended
    Atomic<std::uint32_t> refs{0};
    TaskKind kind = TaskKind::free;
    Outcome outcome = Outcome::none;
    Atomic<std::uint8_t> flags{0};
    Atomic<std::uint8_t> marks{0};  // retrieved, shut_down
    Atomic<std::uintptr_t> join{0};
    std::uint64_t join_seq = 0;  // of the inline joiner; written under BUSY
    Atomic<TaskExtras*> extras{nullptr};
    Scheduler* scheduler = nullptr;

    // flags, by the owner only:
    static constexpr std::uint8_t started = 1;  // the root frame has been resumed once
    static constexpr std::uint8_t boxed = 2;    // the value lies behind a ResultBox
    static constexpr std::uint8_t observed =
        4;  // its frame looks itself whether it is cancelled at the start
    // marks, by anybody, so by RMWs, and in a byte of their own:
    static constexpr std::uint8_t retrieved = 1;  // somebody has looked at the error, or will
    static constexpr std::uint8_t shut_down = 2;  // cancelled by the runtime's shutdown

    [[nodiscard]] bool has_flag(std::uint8_t flag) const noexcept {
        return (flags.load(relaxed) & flag) != 0;  // relaxed: ordered by [join], or owner only
    }
    void mark_retrieved() noexcept {
        marks.fetch_or(retrieved, relaxed);  // relaxed: read when the last reference has gone
    }
    /// Without an RMW: nobody else writes flags.
    void set_own_flag(std::uint8_t flag) noexcept {
        flags.store(static_cast<std::uint8_t>(flags.load(relaxed) | flag), relaxed);  // relaxed: owner only
    }

    static constexpr std::uintptr_t hook_bit = 1;
    static constexpr std::uintptr_t join_extras = 1;
    static constexpr std::uintptr_t join_busy = 2;
    static constexpr std::uintptr_t join_done = 4;
    static constexpr std::uintptr_t join_flags = 7;

    [[nodiscard]] bool done() const noexcept {
        return (join.load(acquire) & join_done) != 0;  // acquire [join]
    }
    /// A handle counts two, the runtime (or the scope of a forked child) one: so a handle can tell whether
    /// it is the only one, though the runtime has not let go yet.
    static constexpr std::uint32_t handle_ref = 2;
    static constexpr std::uint32_t runtime_ref = 1;
    void add_ref() noexcept {
        refs.fetch_add(handle_ref, relaxed);  // relaxed: the caller owns a reference already
    }
    /// Owner of a reference gives it up; the last one frees the block.
    void drop_ref(std::uint32_t ref) noexcept {
        if (refs.fetch_sub(ref, acq_rel) == ref) {  // acq_rel [refs]: the last one sees everybody's use
            release_control(*this);
        }
    }
    [[nodiscard]] bool only_handle() const noexcept {
        return refs.load(acquire) / handle_ref == 1;  // acquire [refs]: former handles' uses are over
    }
    static void release_control(TaskControl& control) noexcept;
    /// What few have: an error, a boxed result, extras.
    HEDDLE_ASIDE static void release_more(TaskControl& control) noexcept;
};
static_assert(sizeof(TaskControl) == 64);

/// A fresh block in state ACTIVE with `refs` references.
[[nodiscard]] TaskControl& make_control(TaskKind kind, Scheduler* scheduler, std::uint32_t refs);
/// The same in a block fresh from slab_allocate().
TaskControl& init_control(TaskControl* control, TaskKind kind, Scheduler* scheduler,
                          std::uint32_t refs) noexcept;

/// Intrusive counted pointer.
class ControlRef {
public:
    ControlRef() noexcept = default;
    /// Takes over one reference.
    explicit ControlRef(TaskControl* adopted) noexcept : control_(adopted) {}
    ControlRef(const ControlRef& other) noexcept : control_(other.control_) {
        if (control_ != nullptr) {
            control_->add_ref();
        }
    }
    ControlRef(ControlRef&& other) noexcept : control_(other.control_) { other.control_ = nullptr; }
    ControlRef& operator=(ControlRef other) noexcept {
        TaskControl* mine = control_;
        control_ = other.control_;
        other.control_ = mine;
        return *this;
    }
    ~ControlRef() {
        if (control_ != nullptr) {
            control_->drop_ref(TaskControl::handle_ref);
        }
    }
    [[nodiscard]] TaskControl* get() const noexcept { return control_; }
    TaskControl& operator*() const noexcept { return *control_; }
    TaskControl* operator->() const noexcept { return control_; }
    explicit operator bool() const noexcept { return control_ != nullptr; }
    friend bool operator==(const ControlRef& a, const ControlRef& b) noexcept {
        return a.control_ == b.control_;
    }
    /// Gives the reference away.
    [[nodiscard]] TaskControl* release_ref() noexcept {
        TaskControl* c = control_;
        control_ = nullptr;
        return c;
    }

private:
    TaskControl* control_ = nullptr;
};

/// A reference to a block found by slab_for_each, if it is in use.
[[nodiscard]] ControlRef ref_if_alive(TaskControl& control) noexcept;

/// ACTIVE -> DONE with the outcome already stored; a request still pending turns a value into "cancelled".
/// Wakes joiners, hands callbacks to the scheduler. Does not drop a reference.
void complete_control(TaskControl& control) noexcept;

/// A block that will not be used after all: all_tasks() may have given out a handle to it, so it ends first.
void abandon_control(TaskControl& control, std::uint32_t refs) noexcept;

/// Second half of complete_control: publishes the outcome and wakes whoever waits for it.
void finish_join(TaskControl& control) noexcept;
/// Destroys the result, at which nobody will look any more.
void drop_result(TaskControl& control) noexcept;

/// True for the one who may set a future's outcome.
[[nodiscard]] bool decide_future(TaskControl& control) noexcept;

/// Task::cancel. False: it was already done. The message is dropped when there is no memory for it.
bool cancel_control(TaskControl& control, const char* message, std::size_t length) noexcept;
[[nodiscard]] int cancel_count(const TaskControl& control) noexcept;
int uncancel_control(TaskControl& control) noexcept;

/// Where a joiner stands: in the inline cell, or in the queue of the extras.
struct JoinPlace {
    bool inline_cell = false;
    WaitPlace place;
};
/// False: the task is done.
[[nodiscard]] bool join_enqueue(TaskControl& control, WaitToken token, JoinPlace& place);
/// The joiner gives up. False: it has been woken.
bool join_leave(TaskControl& control, const JoinPlace& place, const Waiter& who) noexcept;

/// The stored result: inline when it is small and trivial, else behind a pointer with its deleter.
struct ResultBox {
    void* object;
    void (*destroy)(void*) noexcept;
};
template <class T>
inline constexpr bool result_inline =
    std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
    sizeof(T) <= 2 * sizeof(void*) && alignof(T) <= alignof(void*);

/// The two words that hold the result.
inline void* result_words(TaskControl& control) noexcept { return static_cast<void*>(&control.resume); }

template <class T>
void store_value(TaskControl& control, T&& value) {
    using V = std::remove_cvref_t<T>;
    if constexpr (result_inline<V>) {
        ::new (result_words(control)) V(static_cast<T&&>(value));
    } else {
        auto* object = new V(static_cast<T&&>(value));
        ::new (result_words(control)) ResultBox{object, [](void* p) noexcept { delete static_cast<V*>(p); }};
        control.set_own_flag(TaskControl::boxed);
    }
    control.outcome = Outcome::value;
}
template <class T>
[[nodiscard]] T& stored_value(TaskControl& control) noexcept {
    if constexpr (result_inline<T>) {
        return *std::launder(static_cast<T*>(result_words(control)));
    } else {
        return *static_cast<T*>(std::launder(static_cast<ResultBox*>(result_words(control)))->object);
    }
}
/// A CancelledError with this message; null without one, since one can be made at any time.
[[nodiscard]] std::exception_ptr cancelled_error(std::string message) noexcept;
inline void store_exception(TaskControl& control, Outcome kind, std::exception_ptr error) noexcept {
    ::new (result_words(control)) std::exception_ptr(static_cast<std::exception_ptr&&>(error));
    control.outcome = kind;
}
[[nodiscard]] inline std::exception_ptr& stored_exception(TaskControl& control) noexcept {
    return *std::launder(static_cast<std::exception_ptr*>(result_words(control)));
}
static_assert(sizeof(std::exception_ptr) <= 2 * sizeof(void*));

/// Throws what a done task ended with, or InvalidStateError while it is not done.
[[noreturn]] HEDDLE_COLD void throw_outcome(TaskControl& control);
/// The same, unless it has ended with a value.
inline void require_value(TaskControl& control) {
    if (!control.done() || control.outcome != Outcome::value) [[unlikely]] {
        throw_outcome(control);
    }
}

}  // namespace heddle::detail
