#pragma once

#include <heddle/detail/structure/many_children.hpp>
#include <heddle/detail/structure/members.hpp>
#include <heddle/detail/structure/scope.hpp>
#include <heddle/task.hpp>

#include <array>
#include <exception>
#include <ranges>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace heddle {

/// Tag: `gather(return_exceptions, …)` gives a Result for each child instead of throwing the first error.
struct ReturnExceptions {};
/// The value of the tag.
inline constexpr ReturnExceptions return_exceptions{};

/// What one child ended with.
template <class T>
class Result {
public:
    /// T; std::monostate for void.
    using value_type = detail::OrMonostate<T>;

    /// An error.
    explicit Result(std::exception_ptr error) noexcept : state_(std::in_place_index<1>, std::move(error)) {}
    /// A value.
    template <class U>
    explicit Result(std::in_place_t, U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

    /// True if the child ended with a value.
    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    /// The same.
    explicit operator bool() const noexcept { return has_value(); }
    /// The value; throws the child's error if it has none.
    [[nodiscard]] value_type& value() & {
        require();
        return std::get<0>(state_);
    }
    /// The same.
    [[nodiscard]] const value_type& value() const& {
        require();
        return std::get<0>(state_);
    }
    /// The same, to move from.
    [[nodiscard]] value_type&& value() && {
        require();
        return std::move(std::get<0>(state_));
    }
    /// The error, also a CancelledError; null if there is a value.
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return has_value() ? nullptr : std::get<1>(state_);
    }

private:
    void require() const {
        if (!has_value()) {
            std::rethrow_exception(std::get<1>(state_));
        }
    }
    std::variant<value_type, std::exception_ptr> state_;
};

namespace detail {

template <bool Tolerant, class T>
using GatheredOne = std::conditional_t<Tolerant, Result<T>, OrMonostate<T>>;

/// The result of one child after the join; unless Tolerant, it has ended with a value.
template <bool Tolerant, class T>
GatheredOne<Tolerant, T> gathered(const ForkChild& child) {
    if constexpr (Tolerant) {
        if (std::exception_ptr error = completion_error<T>(child); error != nullptr) {
            return Result<T>(std::move(error));
        }
        return Result<T>(std::in_place, take_completion<T>(child));
    } else {
        return take_completion<T>(child);
    }
}

/// The part of both that does not depend on how the children are kept.
template <bool Tolerant>
class GatherBase : Immovable {
protected:
    explicit GatherBase(std::span<ForkChild> children) noexcept : scope_(children) {}
    std::coroutine_handle<> start(std::coroutine_handle<> parent) { return transfer(scope_.start(parent)); }
    /// After a join that has not ended well: throws if the gather was cancelled, else gives the child whose
    /// error is to be thrown.
    [[nodiscard]] const ForkChild& failed_child() {
        if constexpr (!Tolerant) {
            if (!scope_.was_cancelled()) {
                return *scope_.first_failed;
            }
        }
        throw_cancelled(scope_.parent_waiter());
    }
    std::conditional_t<Tolerant, TolerantScope, FailFastScope> scope_;
};

/// What gather was given: the frame of a coroutine, which its child keeps, or a task, for which the coroutine
/// that waits is made when it starts.
template <class Member>
struct GatherMember;
template <class T>
struct GatherMember<Coro<T>> {
    GatherMember(Coro<T> given, ForkChild& child) noexcept {
        child.frame = CoroAccess::release(given).address();
    }
    void start(ForkScope& scope, ForkChild& child) { bind_child<T>(scope, child); }
};
template <class T>
struct GatherMember<Task<T>> {
    GatherMember(Task<T> given, ForkChild& child) noexcept : task(std::move(given)) { child.frame = nullptr; }
    void start(ForkScope& scope, ForkChild& child) {
        Coro<T> waits = member_coro(std::move(task), scope);
        child.frame = CoroAccess::release(waits).address();
        child.control.store(ForkChild::starts_anyway_bit, relaxed);  // relaxed: not shared yet
        bind_child<T>(scope, child);
    }
    Task<T> task;
};

template <std::size_t N>
struct GatherTupleChildren {
    std::array<ForkChild, N> children;
};

/// What gather() returns: nothing runs until it is awaited, once. It may be moved before that.
template <bool Tolerant, class... Members>
class [[nodiscard("gather does nothing until it is co_awaited")]] GatherTuple
    : GatherTupleChildren<sizeof...(Members)>,
      GatherBase<Tolerant> {
    using Children = GatherTupleChildren<sizeof...(Members)>;
    using Indices = std::index_sequence_for<Members...>;
    using Results = std::tuple<GatheredOne<Tolerant, typename Members::value_type>...>;

public:
    explicit GatherTuple(Members... members) noexcept : GatherTuple(Indices(), std::move(members)...) {}
    GatherTuple(GatherTuple&& other) noexcept
        : GatherBase<Tolerant>(Children::children),
          members_(std::move(other.members_)),
          joined_(std::exchange(other.joined_, true)) {
        for (std::size_t i = 0; i < sizeof...(Members); ++i) {
            Children::children[i].frame = other.children[i].frame;
        }
    }
    GatherTuple& operator=(GatherTuple&&) = delete;
    GatherTuple(const GatherTuple&) = delete;
    GatherTuple& operator=(const GatherTuple&) = delete;
    HEDDLE_ALWAYS_INLINE ~GatherTuple() {
        if (!joined_) [[unlikely]] {  // not awaited
            drop_frames();
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
        if (joined_) [[unlikely]] {
            throw_coro_reused();
        }
        start_members(Indices());
        return this->start(parent);
    }
    HEDDLE_ALWAYS_INLINE Results await_resume() {
        if (!this->scope_.finish()) [[unlikely]] {
            rethrow(Indices());
        }
        const FramesEnd end{*this};
        return collect(Indices());
    }

private:
    template <std::size_t... I>
    GatherTuple(std::index_sequence<I...>, Members... members) noexcept
        : GatherBase<Tolerant>(Children::children),
          members_(GatherMember<Members>(std::move(members), Children::children[I])...) {}

    /// The children's frames go when they have been joined, however long the object stays.
    struct FramesEnd {
        explicit FramesEnd(GatherTuple& joined) noexcept : gather(joined) {}
        FramesEnd(const FramesEnd&) = delete;
        FramesEnd& operator=(const FramesEnd&) = delete;
        ~FramesEnd() { gather.end_frames(Indices()); }
        GatherTuple& gather;
    };

    /// Newest first: the next ones made get them in the order of the children.
    template <std::size_t... I>
    void end_frames(std::index_sequence<I...>) noexcept {
        (destroy_frame(Children::children[sizeof...(I) - 1 - I]), ...);
        joined_ = true;
    }

    /// Not all of them need to have one.
    HEDDLE_COLD void drop_frames() noexcept {
        for (ForkChild& child : Children::children) {
            if (child.frame != nullptr) {
                destroy_frame(child);
            }
        }
    }
    template <std::size_t... I>
    void start_members(std::index_sequence<I...>) {
        (std::get<I>(members_).start(this->scope_, Children::children[I]), ...);
    }
    template <std::size_t... I>
    [[noreturn]] HEDDLE_COLD void rethrow(std::index_sequence<I...>) {
        const FramesEnd end{*this};
        const ForkChild& failed = this->failed_child();
        ((&failed == &Children::children[I]
              ? std::rethrow_exception(completion_error<typename Members::value_type>(failed))
              : static_cast<void>(0)),
         ...);
        std::terminate();  // it is one of them
    }
    template <std::size_t... I>
    Results collect(std::index_sequence<I...>) {
        return {gathered<Tolerant, typename Members::value_type>(Children::children[I])...};
    }

    [[no_unique_address]] std::tuple<GatherMember<Members>...> members_;
    bool joined_ = false;  // or moved from: no frames
};

/// The same for any number of one type, from the co_await on.
template <bool Tolerant, class T>
class GatherManyAwaiter : ManyChildren<T>, public GatherBase<Tolerant> {
    using Children = ManyChildren<T>;

public:
    explicit GatherManyAwaiter(Children&& coros)
        : Children(std::move(coros)), GatherBase<Tolerant>(Children::all()) {
        Children::bind(this->scope_);
    }
    explicit GatherManyAwaiter(std::vector<Task<T>>&& tasks)
        : Children(tasks.size()), GatherBase<Tolerant>(Children::places()) {
        for (Task<T>& task : tasks) {
            ForkChild& child = Children::push_back(member_coro(std::move(task), this->scope_));
            child.control.store(ForkChild::starts_anyway_bit, relaxed);  // relaxed: not shared yet
        }
        Children::bind(this->scope_);
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
        return this->start(parent);
    }
    std::vector<GatheredOne<Tolerant, T>> await_resume() {
        if (!this->scope_.finish()) [[unlikely]] {
            std::rethrow_exception(completion_error<T>(this->failed_child()));
        }
        std::vector<GatheredOne<Tolerant, T>> results;
        results.reserve(Children::all().size());
        for (const ForkChild& child : Children::all()) {
            results.push_back(gathered<Tolerant, T>(child));
        }
        return results;
    }
};

/// What gather() returns for them: children, or a vector of tasks.
template <bool Tolerant, class T, class Members>
class [[nodiscard("gather does nothing until it is co_awaited")]] GatherMany {
public:
    explicit GatherMany(Members members) noexcept : members_(std::move(members)) {}
    GatherMany(GatherMany&& other) noexcept
        : members_(std::move(other.members_)), awaited_(std::exchange(other.awaited_, true)) {}
    GatherMany& operator=(GatherMany&&) = delete;
    GatherMany(const GatherMany&) = delete;
    GatherMany& operator=(const GatherMany&) = delete;
    ~GatherMany() = default;
    auto operator co_await() {
        if (std::exchange(awaited_, true)) {
            throw_coro_reused();
        }
        return GatherManyAwaiter<Tolerant, T>(std::move(members_));
    }

private:
    Members members_;
    bool awaited_ = false;
};

template <bool Tolerant, std::ranges::input_range R>
auto gather_many(R&& range) {
    using Member = decltype(as_member(std::declval<std::ranges::range_value_t<R>>()));
    using Members = decltype(as_members(std::forward<R>(range)));
    return GatherMany<Tolerant, typename Member::value_type, Members>(as_members(std::forward<R>(range)));
}

}  // namespace detail

/// Runs all and gives their results as a tuple in the order of the arguments; void becomes std::monostate.
///
/// Coroutines (and other awaitables) are children of this call: they run in parallel, start in the order of
/// the arguments, and none outlives it. At the first error the others are cancelled, all are awaited, and
/// that error is thrown. Tasks are only waited for: at the first error they are left running, as asyncio
/// does. If cancelled: every child and task is cancelled and awaited, then CancelledError is thrown. Cost: a
/// child that neither suspends nor is stolen by another worker costs its frame and two jumps.
template <detail::Awaitable... As>
auto gather(As&&... awaitables) {
    return detail::GatherTuple<false, decltype(detail::as_member(std::forward<As>(awaitables)))...>(
        detail::as_member(std::forward<As>(awaitables))...);
}
/// The same for any number of children of one type; the results come as a vector. Throws std::length_error
/// from 2^20 - 1 children on. O(children).
template <detail::Awaitable A>
auto gather(std::vector<A> awaitables) {
    return detail::gather_many<false>(std::move(awaitables));
}
/// The same for the elements of any range, which are moved out of a range that is given up:
/// `gather(std::views::iota(0, 5) | std::views::transform(work))`.
template <std::ranges::input_range R>
    requires detail::Awaitable<std::ranges::range_value_t<R>> && (!detail::Awaitable<R>)
auto gather(R&& range) {
    return detail::gather_many<false>(std::forward<R>(range));
}
/// gather that never throws a child's error: each child gives a Result.
template <detail::Awaitable... As>
auto gather(ReturnExceptions, As&&... awaitables) {
    return detail::GatherTuple<true, decltype(detail::as_member(std::forward<As>(awaitables)))...>(
        detail::as_member(std::forward<As>(awaitables))...);
}
/// The same for any number of children of one type.
template <detail::Awaitable A>
auto gather(ReturnExceptions, std::vector<A> awaitables) {
    return detail::gather_many<true>(std::move(awaitables));
}

/// The same for the elements of any range.
template <std::ranges::input_range R>
    requires detail::Awaitable<std::ranges::range_value_t<R>> && (!detail::Awaitable<R>)
auto gather(ReturnExceptions, R&& range) {
    return detail::gather_many<true>(std::forward<R>(range));
}

}  // namespace heddle
