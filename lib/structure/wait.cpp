#include <heddle/wait.hpp>

namespace heddle::detail {

namespace {

Coro<void> watching_task(ControlRef task, WaitState& state) {
    const TaskControl& control = *task;
    co_await JoinQuietly(std::move(task));
    if (state.ended(control)) {
        state.watch.stop();
    }
}

Coro<void> watching_clock(std::int64_t deadline, WaitState& state) {
    const std::int64_t at = deadline;
    co_await SleepAwaiter(at);
    state.watch.stop();
}

}  // namespace

CoroFrame<void> watch_task(ControlRef task, WaitState& state) {
    auto coro = watching_task(std::move(task), state);
    return CoroAccess::take(coro);
}

CoroFrame<void> watch_clock(std::int64_t deadline, WaitState& state) {
    auto coro = watching_clock(deadline, state);
    return CoroAccess::take(coro);
}

void throw_nothing_to_wait_for() { throw std::invalid_argument("Set of Tasks/Futures is empty."); }

}  // namespace heddle::detail
