#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/task/control_block.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

// The ready lane of a worker.
//
// ReadyRing (several workers): a ring of which thieves take half at a time.
// head = { steal:32 | real:32 }: steal = real except while a thief copies what it has claimed; slots
// between steal and real are still his.
//
// [tail]  the owner's (or thief's, into its own ring) release of tail publishes slots; a thief acquires it.
// [slots] a thief releases the slots it has copied by advancing steal; the owner acquires head before it
//         writes a slot again, so that the slots may be plain.

namespace heddle::detail {

#ifndef HEDDLE_RING_SIZE
#define HEDDLE_RING_SIZE 256
#endif

class ReadyRing : Immovable {
public:
    static constexpr std::uint32_t capacity = HEDDLE_RING_SIZE;

    /// Owner only. `spill(tasks, n)` takes half of a full ring.
    template <class Spill>
    void push(TaskControl* task, Spill&& spill) {
        const std::uint32_t tail = tail_.load(relaxed);  // relaxed: owner writes
        for (;;) {
            std::uint64_t head = head_.load(acquire);  // acquire [slots]
            if (tail - steal(head) < capacity) [[likely]] {
                slots_[tail % capacity] = task;
                tail_.store(tail + 1, release);  // release [tail]
                return;
            }
            if (steal(head) != real(head)) {
                spill(&task, 1);  // a thief is copying: room will come
                return;
            }
            // Full: keep the older half, which holds what was just fetched, and spill the newer one.
            const std::uint32_t r = real(head);
            if (head_.compare_exchange_strong(head, pack(tail, tail), acq_rel,
                                              relaxed)) {  // acq_rel [slots]: all ours
                // release [tail]: the same slots, indices + 256. At once: till then nobody has any of them,
                // and this worker may stand still here. What it copies below lies behind the tail, where only
                // it writes.
                tail_.store(tail + capacity / 2, release);
                std::array<TaskControl*, capacity / 2 + 1> spilled;
                for (std::uint32_t i = 0; i < capacity / 2; ++i) {
                    spilled[i] = slots_[(r + capacity / 2 + i) % capacity];
                }
                spilled.back() = task;
                spill(spilled.data(), spilled.size());
                return;
            }
        }
    }

    /// Owner only.
    TaskControl* pop() noexcept {
        std::uint64_t head = head_.load(acquire);  // acquire [slots]
        for (;;) {
            const std::uint32_t r = real(head);
            if (r == tail_.load(relaxed)) {  // relaxed: owner writes
                return nullptr;
            }
            const std::uint64_t next = steal(head) == r ? pack(r + 1, r + 1) : pack(steal(head), r + 1);
            if (head_.compare_exchange_weak(head, next, acq_rel, acquire)) {  // acq_rel [slots]
                return slots_[r % capacity];
            }
        }
    }

    /// Called by the owner of `into`: moves half of this ring over, or what there is room for, and returns
    /// one task to run.
    TaskControl* steal_into(ReadyRing& into) noexcept {
        const std::uint32_t most = into.room() + 1;
        std::uint64_t head = head_.load(acquire);  // acquire [slots]
        std::uint32_t n = 0;
        for (;;) {
            if (steal(head) != real(head)) {
                return nullptr;  // one thief at a time
            }
            n = tail_.load(acquire) - real(head);  // acquire [tail]
            n -= n / 2;
            if (n == 0) {
                return nullptr;
            }
            if (n > capacity / 2) {          // head and tail did not belong together
                head = head_.load(acquire);  // acquire [slots]
                continue;
            }
            n = std::min(n, most);
            if (head_.compare_exchange_weak(head, pack(real(head), real(head) + n), acq_rel,
                                            acquire)) {  // acq_rel [slots]
                break;
            }
        }
        const std::uint32_t from = real(head);
        const std::uint32_t to = into.tail_.load(relaxed);  // relaxed: into's owner is us
        for (std::uint32_t i = 0; i + 1 < n; ++i) {
            into.slots_[(to + i) % capacity] = slots_[(from + i) % capacity];
        }
        TaskControl* const to_run = slots_[(from + n - 1) % capacity];
        head = head_.load(acquire);  // acquire [slots]
        while (!head_.compare_exchange_weak(head, pack(real(head), real(head)), acq_rel,
                                            acquire)) {  // acq_rel [slots]
        }
        into.tail_.store(to + n - 1, release);  // release [tail]
        return to_run;
    }

    /// Slots the owner may still fill: those a thief is copying do not count.
    [[nodiscard]] std::uint32_t room() const noexcept {
        return capacity -
               (tail_.load(relaxed) - steal(head_.load(acquire)));  // relaxed: owner only; acquire [slots]
    }
    /// Index behind the newest task, and whether a task from before such an index still waits: hints for
    /// thieves. (Spilling renumbers, and so makes tasks younger than they are.)
    [[nodiscard]] std::uint32_t end() const noexcept { return tail_.load(acquire); }  // acquire [tail]
    [[nodiscard]] bool waits_before(std::uint32_t end) const noexcept {
        const std::uint64_t head = head_.load(acquire);  // acquire [slots]
        return steal(head) == real(head) && static_cast<std::int32_t>(end - real(head)) > 0;
    }
    /// A hint for thieves and for the re-check before parking.
    [[nodiscard]] std::uint32_t size() const noexcept {
        const std::uint32_t tail = tail_.load(acquire);     // acquire [tail]
        const std::uint32_t r = real(head_.load(acquire));  // acquire [slots]
        return tail - r <= capacity ? tail - r : 0;
    }

private:
    static constexpr std::uint32_t real(std::uint64_t head) noexcept {
        return static_cast<std::uint32_t>(head);
    }
    static constexpr std::uint32_t steal(std::uint64_t head) noexcept {
        return static_cast<std::uint32_t>(head >> 32U);
    }
    static constexpr std::uint64_t pack(std::uint32_t steal, std::uint32_t real) noexcept {
        return (static_cast<std::uint64_t>(steal) << 32U) | real;
    }

    Atomic<std::uint64_t> head_{0};
    [[maybe_unused]] char pad_[cache_line]{};
    Atomic<std::uint32_t> tail_{0};
    std::array<TaskControl*, capacity> slots_{};
};

/// The ready lane of a runtime with one worker: nobody steals, so it is plain, unbounded and strictly FIFO,
/// which gives asyncio's order.
class ReadyFifo : Immovable {
public:
    /// False: full, and there is no memory.
    bool push(TaskControl* task) noexcept {
        if (tail_ - head_ > mask_ && !grow()) [[unlikely]] {
            return false;
        }
        slots_[tail_++ & mask_] = task;
        return true;
    }
    TaskControl* pop() noexcept { return head_ == tail_ ? nullptr : slots_[head_++ & mask_]; }
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }

    /// How many of `n` can be pushed, with more room made for them if need be.
    [[nodiscard]] std::size_t make_room(std::size_t n) noexcept {
        const std::size_t room = mask_ + 1 - (tail_ - head_);
        return room >= n || grow() ? n : room;
    }

private:
    static constexpr std::size_t initial = 256;

    HEDDLE_ASIDE bool grow() noexcept {
        const std::size_t size = (mask_ + 1) * 2;
        std::unique_ptr<TaskControl*[]> bigger(  // NOLINT(modernize-avoid-c-arrays): a vector would throw
            new (std::nothrow) TaskControl*[size]);
        if (bigger == nullptr) {
            return false;
        }
        for (std::size_t i = head_; i != tail_; ++i) {
            bigger[i & (size - 1)] = slots_[i & mask_];
        }
        slots_ = std::move(bigger);
        mask_ = size - 1;
        return true;
    }

    std::size_t head_ = 0;
    std::size_t tail_ = 0;
    std::size_t mask_ = initial - 1;
    std::unique_ptr<TaskControl*[]> slots_{
        new TaskControl*[initial]};  // NOLINT(modernize-avoid-c-arrays): as above
};

}  // namespace heddle::detail
