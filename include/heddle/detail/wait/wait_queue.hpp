#pragma once

#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/wait/waiter.hpp>

#include <cstdint>

namespace heddle::detail {

struct WaitCell;
struct WaitSegment;

/// Where a waiter stands in a WaitQueue: its way back when it gives up.
struct WaitPlace {
    WaitSegment* segment = nullptr;
    std::uint64_t index = 0;
};

/// FIFO of waiters with abort: the cancellable queue synchroniser of Koval, Khalanskiy and Alistarh
/// (PLDI 2023) with three-state cells. It orders who waits; the word of the primitive that owns it decides
/// whether to wait and whether somebody must be woken. Lives outside the primitive and is reclaimed by
/// epochs, so that the primitive may be destroyed while a waker is still in here.
///
/// Every member needs an EpochPin. No member blocks or spins on another thread. The state diagram of a
/// cell and the proofs are in lib/wait/wait_queue.cpp.
class WaitQueue final : public Retired {
public:
    /// The queue that `slot` points to, created on first use; what comes next will find memory. Call it
    /// before anything is changed that would have to be taken back: it throws std::bad_alloc.
    static WaitQueue& of(Atomic<WaitQueue*>& slot) {
        require_memory();
        WaitQueue* queue = slot.load(acquire);  // acquire [link]
        return queue != nullptr ? *queue : make(slot);
    }
    /// True: of() would neither create nor throw.
    [[nodiscard]] static bool ready(const Atomic<WaitQueue*>& slot) noexcept;
    /// For one more token that is to be put into an existing queue. Throws std::bad_alloc.
    static void require_memory();
    /// Retires the queue (if any) with all its segments. Needs no pin.
    static void dispose(Atomic<WaitQueue*>& slot) noexcept;

    /// Joins the tail. False: a wake-up was already there, the caller has what it wanted.
    [[nodiscard]] bool enqueue(WaitToken token, WaitPlace& place) noexcept;

    /// For primitives whose word hands out the index: begin() before the RMW that draws it.
    [[nodiscard]] WaitSegment* begin() const noexcept {
        return tail_segment_.load(acquire);
    }  // acquire [link]
    [[nodiscard]] bool enqueue_at(WaitSegment* from, std::uint64_t index, WaitToken token,
                                  WaitPlace& place) noexcept;
    /// Lowest index nobody has woken yet.
    [[nodiscard]] std::uint64_t head_index() const noexcept { return head_.load(acquire); }  // acquire [cell]
    [[nodiscard]] std::uint64_t tail_index() const noexcept { return tail_.load(acquire); }  // acquire [cell]

    /// Takes the first waiter. A null token: the obligation stays with somebody on his way in or out.
    [[nodiscard]] WaitToken resume_one() noexcept;
    /// The same under a lock that excludes enqueueing: null token when the queue is empty.
    [[nodiscard]] WaitToken resume_next_below(std::uint64_t end) noexcept;
    /// Wakes and schedules everybody with an index below `end`.
    void resume_all(std::uint64_t end) noexcept;

    /// Gives the place back. False: it has been (or is being) granted.
    [[nodiscard]] bool take_back(WaitPlace place, const Waiter& who) noexcept;
    /// Second step after take_back, when the word says that nobody has been sent to this cell: settles it.
    /// Returns a token when a waker came by meanwhile and left its obligation here.
    [[nodiscard]] WaitToken settle_aborted(WaitPlace place) noexcept;
    /// One-step abort for queues that are only woken by resume_all / resume_next_below.
    [[nodiscard]] bool leave(WaitPlace place, const Waiter& who) noexcept;

    /// Number of segments linked now: a test hook.
    [[nodiscard]] std::size_t linked_segments() const noexcept;
    /// Number of waiters parked in cells now: a test hook, exact when nothing moves.
    [[nodiscard]] std::size_t parked() const noexcept;

private:
    WaitQueue();
    ~WaitQueue() = default;
    HEDDLE_COLD static WaitQueue& make(Atomic<WaitQueue*>& slot);
    static void destroy(Retired* self) noexcept;

    WaitSegment* locate(WaitSegment* from, std::uint64_t id) noexcept;
    HEDDLE_ASIDE WaitSegment* reach_beyond(Atomic<WaitSegment*>& pointer, WaitSegment* from,
                                           std::uint64_t id) noexcept;
    WaitCell* draw() noexcept;
    bool advance(Atomic<WaitSegment*>& pointer, WaitSegment* to) noexcept;
    void drop(WaitSegment& segment) noexcept;
    void on_cleaned(WaitSegment& segment) noexcept;
    void one_more_dead() noexcept;
    [[nodiscard]] std::uint32_t sweep_bound() const noexcept;
    void maintain() noexcept;
    void sweep() noexcept;
    bool passed(WaitPlace place) const noexcept;

    // Written by the two sides and by the maintainer: a line each.
    [[maybe_unused]] char pad0_[cache_line - sizeof(Retired)]{};
    Atomic<std::uint64_t> tail_{0};  // next index to enqueue
    Atomic<WaitSegment*> tail_segment_;
    [[maybe_unused]] char pad1_[cache_line - 16]{};
    Atomic<std::uint64_t> head_{0};  // next index to resume
    Atomic<WaitSegment*> head_segment_;
    [[maybe_unused]] char pad2_[cache_line - 16]{};
    Atomic<std::uint32_t> maintaining_{0};
    Atomic<std::uint32_t> dead_{0};
    Atomic<std::uint32_t> last_live_{1};  // written by the maintainer
    WaitSegment* base_;                   // maintainer only: first segment not yet retired
};

}  // namespace heddle::detail
