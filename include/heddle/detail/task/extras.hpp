#pragma once

#include <heddle/detail/sync/tiny_lock.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/worker_context.hpp>
#include <heddle/event.hpp>

#include <memory>
#include <string>

namespace heddle::detail {

struct ScopeTimer;
struct ContextNode;

/// One add_done_callback registration; runs on a worker, after the end.
struct DoneCallback {
    virtual ~DoneCallback() = default;
    virtual void run(TaskControl& done) = 0;
    DoneCallback* next = nullptr;
};

/// What only some tasks need, made on first use.
struct TaskExtras {
    EventWord joined;                          // joiners beyond the first
    Atomic<DoneCallback*> callbacks{nullptr};  // newest first; closed when the task is done
    Atomic<std::string*> cancel_message{nullptr};
    TinyLock name_lock;
    std::string name HEDDLE_GUARDED_BY(name_lock);
    ScopeTimer* scopes = nullptr;                // owner only: innermost open timeout scope
    std::shared_ptr<const ContextNode> context;  // owner only after the start
};

[[nodiscard]] TaskExtras& extras_of(TaskControl& control);
/// The same where it is too late to fail; as slab_allocate_always().
[[nodiscard]] TaskExtras& extras_of_always(TaskControl& control) noexcept;
void extras_require_memory();
[[nodiscard]] bool extras_have_memory() noexcept;

/// The ContextVars that `running` sees: those of the nearest ancestor with a control block, since the ones
/// without have set nothing.
[[nodiscard]] std::shared_ptr<const ContextNode> inherited_context(Running running) noexcept;
/// False: whoever runs here has no ContextVars set.
[[nodiscard]] bool may_hand_down_context() noexcept;
/// The same on a plain thread.
[[nodiscard]] std::shared_ptr<const ContextNode> thread_context();
void set_thread_context(std::shared_ptr<const ContextNode> context) noexcept;

}  // namespace heddle::detail
