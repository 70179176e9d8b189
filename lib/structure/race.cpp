#include <heddle/detail/structure/timeout_scope.hpp>
#include <heddle/race.hpp>

#include <stdexcept>

namespace heddle::detail {

void throw_nothing_to_race() { throw std::invalid_argument("race() needs at least one awaitable"); }

void settle_race(RaceState& state, bool undisturbed, const std::exception_ptr& cancelled,
                 const std::exception_ptr& error) {
    if (!undisturbed) {
        state.watch.raise_cancelled();
    }
    if (cancelled != nullptr) {
        std::rethrow_exception(cancelled);
    }
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
    state.watch.rethrow_failure();                        // the winner's result could not be moved
    if (state.winner.load(acquire) == RaceState::none) {  // acquire [race]
        throw CancelledError();  // somebody found the competitors by all_tasks() and cancelled them all
    }
}

namespace {

// Most losers have ended before: their competitor passed the cancellation on. One that was cancelled before
// its first step could not.
Coro<std::exception_ptr> ending_losers(std::span<const ControlRef> tasks) {
    std::exception_ptr cancelled;
    for (const ControlRef& task : tasks) {
        if (task && !task->done()) {
            cancel_control(*task, nullptr, 0);
        }
    }
    for (const ControlRef& task : tasks) {
        while (task && !task->done()) {
            try {
                co_await JoinQuietly(task);
            } catch (const CancelledError&) {
                cancelled = std::current_exception();
            }
        }
    }
    co_return cancelled;
}

}  // namespace

CoroFrame<std::exception_ptr> end_losers(std::span<const ControlRef> tasks) {
    auto coro = ending_losers(tasks);
    return CoroAccess::take(coro);
}

}  // namespace heddle::detail
