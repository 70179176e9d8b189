#pragma once

#include <heddle/detail/structure/members.hpp>
#include <heddle/detail/structure/watch.hpp>
#include <heddle/shield.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace heddle {

/// Which of several finished first, and with what.
template <class T>
struct RaceResult {
    std::size_t index;
    T value;
};

namespace detail {

struct RaceState {
    Watch watch;
    Atomic<std::size_t> winner{none};
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

/// A losing Task is left alone, as in gather.
template <class T>
Coro<T> race_coro(Task<T> task) {
    return as_coro(shield(std::move(task)));
}
template <class A>
    requires(!is_task<std::remove_cvref_t<A>>)
auto race_coro(A&& awaitable) {
    return as_coro(std::forward<A>(awaitable));
}

template <class... Ts, std::size_t... I>
Coro<std::variant<OrMonostate<Ts>...>> race_tuple(std::tuple<Coro<Ts>...> competitors,
                                                  std::index_sequence<I...>) {
    RaceState state;
    std::tuple<std::optional<Stored<Ts>>...> results;
    std::exception_ptr error;
    (state.watch.add(compete(std::move(std::get<I>(competitors)), I, state, std::get<I>(results), error)),
     ...);
    const bool undisturbed = co_await state.watch;
    const std::size_t winner = state.winner.load(acquire);  // acquire [race]
    if (!undisturbed) {
        state.watch.raise_cancelled();
    }
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
    std::optional<std::variant<OrMonostate<Ts>...>> value;
    ((I == winner
          ? static_cast<void>(value.emplace(std::in_place_index<I>, race_value<Ts>(std::get<I>(results))))
          : static_cast<void>(0)),
     ...);
    co_return std::move(*value);
}

template <class T>
Coro<RaceResult<OrMonostate<T>>> race_vector(std::vector<Coro<T>> competitors) {
    RaceState state;
    std::vector<std::optional<Stored<T>>> results(competitors.size());
    std::exception_ptr error;
    for (std::size_t i = 0; i < competitors.size(); ++i) {
        state.watch.add(compete(std::move(competitors[i]), i, state, results[i], error));
    }
    const bool undisturbed = co_await state.watch;
    const std::size_t winner = state.winner.load(acquire);  // acquire [race]
    if (!undisturbed) {
        state.watch.raise_cancelled();
    }
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
    co_return RaceResult<OrMonostate<T>>{winner, race_value<T>(results[winner])};
}

}  // namespace detail

/// Runs all in parallel; the first to finish wins, the rest are cancelled and awaited. Gives a variant whose
/// index() is the winner's; void becomes std::monostate. Throws the winner's error if it failed. A Task that
/// loses is left running. If cancelled: all are cancelled and awaited, then CancelledError.
template <detail::Awaitable... As>
    requires(sizeof...(As) > 0)
auto race(As&&... awaitables) {
    return detail::race_tuple(std::tuple(detail::race_coro(std::forward<As>(awaitables))...),
                              std::index_sequence_for<As...>{});
}
/// The same for any number of one type. Throws std::invalid_argument if there are none.
template <detail::Awaitable A>
auto race(std::vector<A> awaitables) {
    if (awaitables.empty()) {
        throw std::invalid_argument("race() needs at least one awaitable");
    }
    std::vector<decltype(detail::race_coro(std::declval<A>()))> competitors;
    competitors.reserve(awaitables.size());
    for (A& one : awaitables) {
        competitors.push_back(detail::race_coro(std::move(one)));
    }
    return detail::race_vector(std::move(competitors));
}

}  // namespace heddle
