#pragma once

#include <heddle/detail/structure/members.hpp>
#include <heddle/detail/structure/scope.hpp>
#include <heddle/detail/task/frame_pool.hpp>
#include <heddle/task.hpp>

#include <array>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>
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
GatheredOne<Tolerant, T> gathered(const Coro<T>& coro, const ForkChild& child) {
    if constexpr (Tolerant) {
        if (std::exception_ptr error = completion_error(coro, child); error != nullptr) {
            return Result<T>(std::move(error));
        }
        return Result<T>(std::in_place, take_completion(coro));
    } else {
        return take_completion(coro);
    }
}

/// The part of both that does not depend on how the children are kept.
template <bool Tolerant>
class GatherBase : Immovable {
protected:
    explicit GatherBase(std::span<ForkChild> children) noexcept : scope_(children) {}
    std::coroutine_handle<> start(std::coroutine_handle<> parent) { return transfer(scope_.start(parent)); }
    /// After the join: false if all that is left to do is to take the results.
    [[nodiscard]] bool throws() const noexcept { return scope_.was_cancelled_or_failed(); }
    /// Then: throws if the gather was cancelled, else gives the child whose error is to be thrown.
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

/// What gather was given: a coroutine, or a task, and then the coroutine that waits for it.
template <class Member>
struct GatherMember;
template <class T>
struct GatherMember<Coro<T>> {
    explicit GatherMember(Coro<T> given) noexcept : coro(std::move(given)) {}
    void start(ForkScope& scope, ForkChild& child) { bind_child(scope, child, coro); }
    Coro<T> coro;
};
template <class T>
struct GatherMember<Task<T>> {
    explicit GatherMember(Task<T> given) noexcept : task(std::move(given)) {}
    void start(ForkScope& scope, ForkChild& child) {
        if (!task) {
            throw_coro_reused();
        }
        coro = member_coro(std::move(task), scope, child);
        bind_child(scope, child, coro);
    }
    Task<T> task;
    Coro<T> coro;
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
    explicit GatherTuple(Members... members) noexcept
        : GatherBase<Tolerant>(Children::children), members_(std::move(members)...) {}
    GatherTuple(GatherTuple&& other) noexcept
        : GatherBase<Tolerant>(Children::children), joined_(other.joined_) {
        if (!joined_) {
            std::construct_at(&members_, std::move(other.members_));
        }
    }
    GatherTuple& operator=(GatherTuple&&) = delete;
    GatherTuple(const GatherTuple&) = delete;
    GatherTuple& operator=(const GatherTuple&) = delete;
    HEDDLE_ALWAYS_INLINE ~GatherTuple() {
        if (!joined_) [[unlikely]] {  // not awaited
            drop_members();
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
        if (this->throws()) [[unlikely]] {
            rethrow(Indices());
        }
        const FramesEnd end{*this};
        return collect(Indices());
    }

private:
    /// The children's frames go when they have been joined, however long the object stays.
    struct FramesEnd {
        explicit FramesEnd(GatherTuple& joined) noexcept : gather(joined) {}
        FramesEnd(const FramesEnd&) = delete;
        FramesEnd& operator=(const FramesEnd&) = delete;
        ~FramesEnd() { gather.drop_members(); }
        GatherTuple& gather;
    };

    void drop_members() noexcept {
        std::destroy_at(&members_);
        joined_ = true;
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
              ? std::rethrow_exception(completion_error(std::get<I>(members_).coro, failed))
              : static_cast<void>(0)),
         ...);
        std::terminate();  // it is one of them
    }
    template <std::size_t... I>
    Results collect(std::index_sequence<I...>) {
        return {gathered<Tolerant>(std::get<I>(members_).coro, Children::children[I])...};
    }

    union {
        std::tuple<GatherMember<Members>...> members_;  // until they have been joined
    };
    bool joined_ = false;
};

/// An array of ForkChild, which cannot move, from the pool of frames.
class GatherVectorChildren : Immovable {
public:
    explicit GatherVectorChildren(std::size_t n)
        : children(static_cast<ForkChild*>(frame_pool::allocate(bytes(n))), n) {
        std::ranges::uninitialized_default_construct(children);
    }
    ~GatherVectorChildren() {
        std::ranges::destroy(children);
        frame_pool::deallocate(children.data(), bytes(children.size()));
    }

    std::span<ForkChild> children;

private:
    static constexpr std::size_t bytes(std::size_t n) noexcept { return (n > 0 ? n : 1) * sizeof(ForkChild); }
};

template <bool Tolerant, class T>
class GatherVectorAwaiter : GatherVectorChildren, public GatherBase<Tolerant> {
public:
    template <class Member>
    explicit GatherVectorAwaiter(std::vector<Member>&& members)
        : GatherVectorChildren(checked_size(members.size())),
          GatherBase<Tolerant>(children),
          coros_(as_coros(std::move(members))) {
        for (std::size_t i = 0; i < coros_.size(); ++i) {
            bind_child(this->scope_, children[i], coros_[i]);
        }
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
        return this->start(parent);
    }
    std::vector<GatheredOne<Tolerant, T>> await_resume() {
        if (this->throws()) [[unlikely]] {
            rethrow();
        }
        std::vector<GatheredOne<Tolerant, T>> results;
        results.reserve(coros_.size());
        for (std::size_t i = 0; i < coros_.size(); ++i) {
            results.push_back(gathered<Tolerant>(coros_[i], children[i]));
        }
        return results;
    }

private:
    [[noreturn]] HEDDLE_COLD void rethrow() {
        const ForkChild& failed = this->failed_child();
        std::rethrow_exception(
            completion_error(coros_[static_cast<std::size_t>(&failed - children.data())], failed));
    }
    template <class Member>
    std::vector<Coro<T>> as_coros(std::vector<Member>&& members) {
        if constexpr (is_coro<Member>) {
            return std::move(members);
        } else {
            std::vector<Coro<T>> coros;
            coros.reserve(members.size());
            for (std::size_t i = 0; i < members.size(); ++i) {
                coros.push_back(member_coro(std::move(members[i]), this->scope_, children[i]));
            }
            return coros;
        }
    }
    static std::size_t checked_size(std::size_t n) {
        if (n >= ForkScope::count_mask) {
            throw std::length_error("gather: too many children");
        }
        return n;
    }
    std::vector<Coro<T>> coros_;
};

/// The same for many of one type.
template <bool Tolerant, class Member>
class [[nodiscard("gather does nothing until it is co_awaited")]] GatherVector {
public:
    explicit GatherVector(std::vector<Member> members) : members_(std::move(members)) {}
    auto operator co_await() {
        if (std::exchange(awaited_, true)) {
            throw_coro_reused();
        }
        return GatherVectorAwaiter<Tolerant, typename Member::value_type>(std::move(members_));
    }

private:
    std::vector<Member> members_;
    bool awaited_ = false;
};

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
    return detail::GatherVector<false, decltype(detail::as_member(std::declval<A>()))>(
        detail::as_members(std::move(awaitables)));
}
/// The same for the elements of any range, which are moved out of a range that is given up:
/// `gather(std::views::iota(0, 5) | std::views::transform(work))`.
template <std::ranges::input_range R>
    requires detail::Awaitable<std::ranges::range_value_t<R>> && (!detail::Awaitable<R>)
auto gather(R&& range) {
    return gather(detail::listed(std::forward<R>(range)));
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
    return detail::GatherVector<true, decltype(detail::as_member(std::declval<A>()))>(
        detail::as_members(std::move(awaitables)));
}

/// The same for the elements of any range.
template <std::ranges::input_range R>
    requires detail::Awaitable<std::ranges::range_value_t<R>> && (!detail::Awaitable<R>)
auto gather(ReturnExceptions tag, R&& range) {
    return gather(tag, detail::listed(std::forward<R>(range)));
}

}  // namespace heddle
