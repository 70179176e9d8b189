#pragma once

#include <heddle/detail/structure/members.hpp>
#include <heddle/detail/structure/watch.hpp>
#include <heddle/task.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace heddle {

/// Which of several finished first, and with what.
template <class T>
struct RaceResult {
    std::size_t index;  ///< the winner's place among the arguments
    T value;            ///< what it ended with
};

namespace detail {

struct RaceState {
    Watch watch;
    Atomic<std::size_t> winner{none};

    /// `task`: what the helper waits for, or null if that is a coroutine, which must not start once
    /// cancelled.
    void add(Coro<void> helper, const ControlRef& task) {
        if (task) {
            watch.add_for_task(std::move(helper));
        } else {
            watch.add(std::move(helper));
        }
    }
    static constexpr std::size_t none = SIZE_MAX;

    /// True for the first to finish, whose result counts; ends the others.
    [[nodiscard]] bool won(std::size_t index) noexcept {
        std::size_t expected = none;
        return winner.compare_exchange_strong(expected, index, acq_rel, relaxed);  // acq_rel [race]
    }
};

/// Runs one competitor; the winner's result goes to `result`.
template <class T>
Coro<void> compete(Coro<T> competitor, std::size_t index, RaceState& state, std::optional<Stored<T>>& result,
                   std::exception_ptr& error) {
    std::optional<Stored<T>> mine;
    std::exception_ptr failed;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(competitor);
            mine.emplace();
        } else if constexpr (std::is_reference_v<T>) {
            T value = co_await std::move(competitor);
            mine.emplace(std::addressof(value));
        } else {
            mine.emplace(co_await std::move(competitor));
        }
    } catch (...) {
        failed = std::current_exception();
    }
    if (state.won(index)) {
        result = std::move(mine);
        error = std::move(failed);
        state.watch.stop();
    }
}

template <class T>
OrMonostate<T> race_value(std::optional<Stored<T>>& result) {
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        return unwrap<T>(std::move(*result));
    }
}

/// The block of a competitor that is a Task; null for others.
template <class A>
ControlRef competing_task(const A& awaitable) {
    if constexpr (is_task<A>) {
        return TaskAccess::ref(awaitable);
    } else {
        static_cast<void>(awaitable);
        return {};
    }
}

[[noreturn]] void throw_nothing_to_race();
/// Throws what the race has to throw, if anything, when all competitors have ended.
void settle_race(RaceState& state, bool undisturbed, const std::exception_ptr& cancelled,
                 const std::exception_ptr& error);
/// Cancels those of `tasks` that still run and waits for them. Gives the CancelledError that this task got
/// meanwhile, or null.
[[nodiscard]] CoroFrame<std::exception_ptr> end_losers(std::span<const ControlRef> tasks);

template <class... Ts, std::size_t... I>
Coro<std::variant<OrMonostate<Ts>...>> race_tuple(std::tuple<Coro<Ts>...> competitors,
                                                  std::array<ControlRef, sizeof...(Ts)> tasks,
                                                  std::index_sequence<I...>) {
    RaceState state;
    std::tuple<std::optional<Stored<Ts>>...> results;
    std::exception_ptr error;
    state.watch.reserve(sizeof...(Ts));
    (state.add(compete(std::move(std::get<I>(competitors)), I, state, std::get<I>(results), error), tasks[I]),
     ...);
    const bool undisturbed = co_await state.watch;
    const std::exception_ptr cancelled = co_await Coro(end_losers(tasks));
    settle_race(state, undisturbed, cancelled, error);
    const std::size_t winner = state.winner.load(acquire);  // acquire [race]
    std::optional<std::variant<OrMonostate<Ts>...>> value;
    ((I == winner
          ? static_cast<void>(value.emplace(std::in_place_index<I>, race_value<Ts>(std::get<I>(results))))
          : static_cast<void>(0)),
     ...);
    co_return std::move(*value);
}

template <class T>
Coro<RaceResult<OrMonostate<T>>> race_vector(std::vector<Coro<T>> competitors,
                                             std::vector<ControlRef> tasks) {
    RaceState state;
    std::vector<std::optional<Stored<T>>> results(competitors.size());
    std::exception_ptr error;
    state.watch.reserve(competitors.size());
    for (std::size_t i = 0; i < competitors.size(); ++i) {
        state.add(compete(std::move(competitors[i]), i, state, results[i], error),
                  tasks.empty() ? ControlRef() : tasks[i]);
    }
    const bool undisturbed = co_await state.watch;
    const std::exception_ptr cancelled = co_await Coro(end_losers(tasks));
    settle_race(state, undisturbed, cancelled, error);
    const std::size_t winner = state.winner.load(acquire);  // acquire [race]
    co_return RaceResult<OrMonostate<T>>{winner, race_value<T>(results[winner])};
}

}  // namespace detail

/// Runs all in parallel; the first to finish wins, the rest are cancelled and awaited: Tasks too (pass
/// shield(task) for one that is to go on). Gives a variant whose index() is the winner's; void becomes
/// std::monostate. Throws the winner's error if it failed; what the losers end with is dropped. If cancelled:
/// all are cancelled and awaited, then CancelledError.
template <detail::Awaitable... As>
    requires(sizeof...(As) > 0)
auto race(As&&... awaitables) {
    std::array<detail::ControlRef, sizeof...(As)> tasks{detail::competing_task(awaitables)...};
    return detail::race_tuple(std::tuple(detail::as_coro(std::forward<As>(awaitables))...), std::move(tasks),
                              std::index_sequence_for<As...>{});
}
/// The same for any number of one type. Throws std::invalid_argument if there are none, std::length_error
/// from 2^20 - 1 on.
template <detail::Awaitable A>
auto race(std::vector<A> awaitables) {
    if (awaitables.empty()) {
        detail::throw_nothing_to_race();
    }
    std::vector<decltype(detail::as_coro(std::declval<A>()))> competitors;
    std::vector<detail::ControlRef> tasks;
    competitors.reserve(awaitables.size());
    for (A& one : awaitables) {
        if (detail::is_task<A>) {
            tasks.push_back(detail::competing_task(one));
        }
        competitors.push_back(detail::as_coro(std::move(one)));
    }
    return detail::race_vector(std::move(competitors), std::move(tasks));
}

}  // namespace heddle
