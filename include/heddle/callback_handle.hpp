#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/join.hpp>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace heddle {

namespace detail {

/// A callback that may be taken back until it is called: whoever takes the slot owns the function.
class CallbackSlot : Immovable {
public:
    explicit CallbackSlot(const TaskControl* future) noexcept : future_(future) {}
    virtual ~CallbackSlot() = default;
    [[nodiscard]] bool remove(const TaskControl* future) noexcept {
        if (future != future_ || !take()) {
            return false;
        }
        drop();
        return true;
    }

protected:
    [[nodiscard]] bool take() noexcept {
        return !taken_.exchange(true, acq_rel);  // acq_rel: the one who takes it has seen it made
    }
    virtual void drop() noexcept = 0;

private:
    const TaskControl* future_;
    Atomic<bool> taken_{false};
};

template <class Fn>
class FunctionSlot final : public CallbackSlot {
public:
    FunctionSlot(const TaskControl* future, Fn fn) : CallbackSlot(future), function_(std::move(fn)) {}
    template <class... Handle>
    void run(Handle&&... done) {
        if (take()) {
            (*function_)(std::forward<Handle>(done)...);
        }
    }

private:
    void drop() noexcept override { function_.reset(); }
    std::optional<Fn> function_;
};

struct CallbackAccess;

}  // namespace detail

/// One registration of a callback of a Task or Future: what remove_done_callback() takes. A cheap copyable
/// handle.
class CallbackHandle {
public:
    CallbackHandle() noexcept = default;

private:
    friend struct detail::CallbackAccess;
    explicit CallbackHandle(std::weak_ptr<detail::CallbackSlot> slot) noexcept : slot_(std::move(slot)) {}
    std::weak_ptr<detail::CallbackSlot> slot_;
};

namespace detail {

/// What Task and Future share: callbacks that can be taken back.
struct CallbackAccess {
    template <class Handle, class Fn>
    static CallbackHandle add(TaskControl& control, Fn fn) {
        auto slot = std::make_shared<FunctionSlot<Fn>>(&control, std::move(fn));
        CallbackHandle handle(slot);
        auto call = [slot = std::move(slot)]<class... Done>(Done&&... done)
            requires std::is_invocable_v<Fn&, Done...>
        { slot->run(std::forward<Done>(done)...); };
        add_done_callback(control, make_done_callback<Handle>(std::move(call)));
        return handle;
    }
    static bool remove(const TaskControl& control, const CallbackHandle& handle) {
        const auto slot = handle.slot_.lock();
        return slot != nullptr && slot->remove(&control);
    }
};

}  // namespace detail

}  // namespace heddle
