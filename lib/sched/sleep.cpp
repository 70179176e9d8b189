#include <heddle/sleep.hpp>

#include <stdexcept>

namespace heddle::detail {

void throw_invalid_delay() { throw std::invalid_argument("Invalid delay: NaN (not a number)"); }

bool SleepAwaiter::suspend(std::coroutine_handle<> frame) {
    if (deadline_ <= 0 || deadline_ <= now_ns()) {
        yield_.await_suspend(frame);
        return true;
    }
    const WaitToken token = suspension_.begin(frame);
    timer_ = arm_timer(token, deadline_);
    return suspension_.commit();
}

void SleepAwaiter::finish() {
    if (timer_ == nullptr) {
        yield_.await_resume();
        return;
    }
    disarm_timer(std::exchange(timer_, nullptr));
    if (suspension_.interrupted()) {
        throw_cancelled(suspension_.waiter());
    }
}

}  // namespace heddle::detail
