#pragma once

#include <heddle/detail/structure/child.hpp>
#include <heddle/detail/sync/tiny_lock.hpp>
#include <heddle/detail/wait/suspension.hpp>
#include <heddle/task.hpp>

#include <coroutine>
#include <exception>
#include <string>
#include <utility>

namespace heddle::detail {

/// What TaskGroup does: CPython's rules, with children that run in parallel.
///
/// The lists of children, their number and the errors are under a tiny lock, which is never held over user
/// code or a wake-up. A child that fails cancels the parent under the lock, together with the note that it
/// did, and only later counts itself out; so the parent can neither miss the request nor have left. The
/// child's last access to the group is the unlocking after that.
class GroupState final : public ChildObserver {
public:
    GroupState();
    GroupState(const GroupState&) = delete;
    GroupState& operator=(const GroupState&) = delete;
    GroupState(GroupState&&) = delete;
    GroupState& operator=(GroupState&&) = delete;
    ~GroupState();

    template <class T>
    Task<T> spawn(Coro<T> coro, std::string* name = nullptr) {
        static_cast<void>(CoroAccess::startable(coro));
        const ObservedChild<T> child = observed_child(std::move(coro));
        child.frame.promise().observer = this;
        return Task<T>(ControlRef(&start(child.frame, child.frame.promise().node, name)));
    }

    /// The body is over: with an error (perhaps CancelledError), or null.
    void body_ended(std::exception_ptr error, bool cancelled);

    /// Waits until there are no children. Gives false when there are none, true when the parent was asked to
    /// stop meanwhile, which has been passed on to the children: wait again.
    class ChildrenAwaiter {
    public:
        explicit ChildrenAwaiter(GroupState& group) noexcept : group_(group) {}
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
            return suspend(frame) ? std::noop_coroutine() : frame;
        }
        bool await_resume() { return suspension_.begun() && finish(); }

    private:
        bool suspend(std::coroutine_handle<> frame);
        bool finish();
        GroupState& group_;
        Suspension suspension_;
    };
    ChildrenAwaiter wait_children() noexcept { return ChildrenAwaiter(*this); }

    /// After the last child: throws what the scope has to throw, if anything.
    void raise();

private:
    TaskControl& start(std::coroutine_handle<> frame, ChildNode& node, std::string* name);
    void child_leaves(ChildNode& node) noexcept override;
    void child_ended(TaskControl& control) noexcept override;
    void keep_failed(TaskControl& control) noexcept HEDDLE_REQUIRES(lock_);
    void count_out() noexcept;
    void abort() noexcept;

    TinyLock lock_;
    TaskControl* parent_;
    ChildNode running_ HEDDLE_GUARDED_BY(lock_);  // heads of circular lists
    ChildNode aborted_ HEDDLE_GUARDED_BY(lock_);
    std::size_t count_ HEDDLE_GUARDED_BY(lock_) = 0;
    bool body_over_ HEDDLE_GUARDED_BY(lock_) = false;
    bool aborting_ HEDDLE_GUARDED_BY(lock_) = false;
    bool parent_cancel_requested_ HEDDLE_GUARDED_BY(lock_) = false;
    WaitToken waiting_ HEDDLE_GUARDED_BY(lock_);
    // Those that failed, first to last, linked through the frame words of their blocks, each with a
    // reference: noting an error needs no memory.
    TaskControl* first_failed_ HEDDLE_GUARDED_BY(lock_) = nullptr;
    TaskControl* last_failed_ HEDDLE_GUARDED_BY(lock_) = nullptr;
    std::exception_ptr body_error_;  // parent only, as what follows
    std::exception_ptr cancelled_;   // the CancelledError to propagate
};

}  // namespace heddle::detail
