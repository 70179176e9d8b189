#pragma once

#include <heddle/detail/wait/suspension.hpp>
#include <heddle/detail/wait/wait_queue.hpp>

namespace heddle::detail {

/// Waits on a word that hands out the index of the waiter's cell (EventWord, JoinWord). The word has
/// passable(): nothing to wait for; enqueue(token, place): false if it has become passable; leave(place,
/// who). If cancelled: nothing changes.
template <class Word>
class [[nodiscard("does nothing until it is co_awaited")]] TicketAwaiter {
public:
    explicit TicketAwaiter(Word& word) noexcept : word_(word) {}

    bool await_ready() noexcept {
        ready_ = word_.passable();
        return ready_ && !HEDDLE_FORCE_SUSPEND;
    }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        if (HEDDLE_FORCE_SUSPEND && ready_) {
            post_running_task(frame);
            return std::noop_coroutine();
        }
        const WaitToken token = suspension_.begin(frame);
        if (!word_.enqueue(token, place_)) {
            suspension_.not_needed();
            return frame;
        }
        return suspension_.commit() ? std::noop_coroutine() : frame;
    }
    void await_resume() {
        if (suspension_.begun() && suspension_.interrupted()) [[unlikely]] {
            word_.leave(place_, suspension_.waiter());
            throw_cancelled(suspension_.waiter());
        }
    }
    /// The same wait on a plain thread; throws std::runtime_error on a worker.
    void wait_blocking(const char* what) {
        const WaitToken token = suspension_.begin_blocking(what);
        if (!word_.passable() && word_.enqueue(token, place_)) {
            suspension_.block();
        }
    }

private:
    Word& word_;
    Suspension suspension_;
    WaitPlace place_;
    bool ready_ = false;
};

}  // namespace heddle::detail
