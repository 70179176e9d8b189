#pragma once

#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/wait/waiter.hpp>

#include <cstdint>

// Cells and segments of the wait queue.
//
// A cell:   EMPTY --enqueue--> WAITER --resume--> DONE
//             |  ^               |
//      resume |  +-- take_back --+        (the aborting task, until settle_aborted)
//             v
//           DONE                          final: resumed, cancelled, or a wake-up left for whoever
//                                         is in transit at this cell
//
// A segment's word: { REMOVED:1 | .. | pins:16 | cleaned:8 }
// cleaned  cells settled by their own aborting waiter, with no wake-up attached
// pins     how many of the two segment pointers designate it, plus movers in transit
// REMOVED  set once by the maintainer when cleaned = all and pins = 0; never designated again

namespace heddle::detail {

#ifndef HEDDLE_SEGMENT_CELLS
#define HEDDLE_SEGMENT_CELLS 32
#endif
inline constexpr std::uint64_t segment_cells = HEDDLE_SEGMENT_CELLS;

namespace segment_word {
inline constexpr std::uint32_t cleaned_one = 1;
inline constexpr std::uint32_t pin_one = 1U << 8U;
inline constexpr std::uint32_t removed = 1U << 31U;
/// Every cell cancelled, no pointer on it.
inline constexpr std::uint32_t dead = static_cast<std::uint32_t>(segment_cells);
static_assert(segment_cells < 256);
}  // namespace segment_word

inline constexpr std::uintptr_t cell_empty = 0;
inline constexpr std::uintptr_t cell_done = 1;
static_assert(alignof(Waiter) > 1, "a Waiter's address must differ from cell_done");

struct WaitCell {
    Atomic<std::uintptr_t> state{cell_empty};
    std::uint64_t seq = 0;  // written before EMPTY -> WAITER, read after WAITER -> DONE
};

struct WaitSegment final : Retired {
    WaitSegment(std::uint64_t segment_id, std::uint32_t pins) noexcept
        : id(segment_id), word(pins * segment_word::pin_one) {
        reclaim = [](Retired* self) noexcept { free(static_cast<WaitSegment*>(self)); };
    }
    static void free(WaitSegment* segment) noexcept;

    /// False: removed, it may not be designated any more.
    bool try_pin() noexcept {
        std::uint32_t w = word.load(relaxed);  // relaxed: the CAS validates it
        do {
            if ((w & segment_word::removed) != 0) {
                return false;
            }
        } while (
            !word.compare_exchange_weak(w, w + segment_word::pin_one, acq_rel, relaxed));  // acq_rel [pins]
        return true;
    }

    const std::uint64_t id;
    Atomic<WaitSegment*> next{nullptr};
    Atomic<std::uint32_t> word;
    WaitCell cells[segment_cells];
};

}  // namespace heddle::detail
