#pragma once

#include <heddle/detail/wait/inspect.hpp>
#include <heddle/detail/wait/suspension.hpp>
#include <heddle/event.hpp>

#include <cstddef>
#include <cstdint>

namespace heddle {

namespace detail {

class BarrierBlock;

/// One call of Barrier.wait(): gives the index. See lib/primitives/barrier.cpp for the steps.
class [[nodiscard("does nothing until it is co_awaited")]] BarrierAwaiter : public WakeHook {
public:
    explicit BarrierAwaiter(BarrierBlock& block) noexcept : WakeHook{&BarrierAwaiter::woken}, block_(block) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    HEDDLE_SUSPEND std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
        return suspend(frame);
    }
    int await_resume() { return finish(); }
    int wait_blocking(const char* what);

private:
    enum class Phase : std::uint8_t { arriving, blocked, counted };
    enum class End : std::uint8_t { none, passed, broken, aborted, cancelled, out_of_memory };

    std::coroutine_handle<> suspend(std::coroutine_handle<> frame);
    [[nodiscard]] bool run();
    [[nodiscard]] bool arrive();
    [[nodiscard]] HEDDLE_COLD bool turned_away(bool broken);
    [[nodiscard]] HEDDLE_COLD bool stand_up() noexcept;
    [[nodiscard]] HEDDLE_NOINLINE bool trip() noexcept;
    [[nodiscard]] bool block();
    [[nodiscard]] HEDDLE_NOINLINE bool commit();
    void settle(bool interrupted);
    void leave_seat() noexcept;
    int finish();
    static std::coroutine_handle<> woken(WakeHook& hook) noexcept;

    BarrierBlock& block_;
    std::coroutine_handle<> frame_;
    Suspension suspension_;
    WaitToken token_;
    WaitPlace place_;
    std::uint64_t generation_ = 0;
    std::uint32_t seat_ = UINT32_MAX;  // none
    Phase phase_ = Phase::arriving;
    End end_ = End::none;
    bool on_thread_ = false;
};

}  // namespace detail

/// A meeting point of `parties` tasks, as asyncio.Barrier; may be used from any thread.
///
/// Order: the party that arrives last trips the barrier and all go on; it can be used again at once. Within a
/// round every index 0 … parties-1 is given exactly once, in order of arrival unless parties were cancelled
/// meanwhile. A party that is cancelled stops counting; it does not break the barrier.
/// Happens-before: what any party did before its wait() is seen by all after theirs.
/// Destruction: when all parties have returned from wait(), although the call that woke the last one may
/// not yet have returned on its own thread.
/// Cost: one block of 16 bytes per party; an arrival is two atomic operations and a suspension.
class Barrier : detail::Immovable {
public:
    /// Throws std::invalid_argument if `parties` is less than 1 or more than 16 million.
    explicit Barrier(std::ptrdiff_t parties);
    ~Barrier();

    /// Waits until all parties have arrived; gives this party's index. Throws BrokenBarrierError if the
    /// barrier is broken, reset or aborted, std::bad_alloc if there is no memory to wait in. If cancelled, or
    /// out of memory: this party no longer counts, the others stay.
    detail::BarrierAwaiter wait() noexcept { return detail::BarrierAwaiter(block_); }
    /// wait() for plain threads. Throws std::runtime_error on a worker thread.
    int wait_blocking() { return detail::BarrierAwaiter(block_).wait_blocking("Barrier.wait_blocking()"); }
    /// Sends those who wait away with BrokenBarrierError and makes the barrier as new. Never waits; parties
    /// that arrive meanwhile are held until the last one has left. O(parties).
    void reset();
    /// Breaks the barrier: those who wait and all who come get BrokenBarrierError, until reset(). O(parties).
    void abort();
    /// How many parties have to come.
    [[nodiscard]] std::ptrdiff_t parties() const noexcept;
    /// Parties that wait for the present round; 0 while the barrier is broken or being reset. A snapshot.
    [[nodiscard]] std::ptrdiff_t n_waiting() const noexcept;
    /// True after abort(). A snapshot.
    [[nodiscard]] bool broken() const noexcept;

private:
    detail::BarrierBlock& block_;
};
static_assert(sizeof(Barrier) <= 32);

}  // namespace heddle
