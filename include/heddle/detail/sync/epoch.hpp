#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <cstdint>

// Epoch-based memory reclamation.
//
// An object that lock-free readers may still be looking at is retire()d instead of deleted; it is deleted
// when every EpochPin that was open at that moment has closed. Pins are short: library code only, no user
// code but moving values, no system call but the clock's where that is one. Foreign threads register
// themselves at their first pin.
//
// A thread announces itself before its first pin: from then on nothing that is retired is freed. Foreign
// threads take that back at the end of the pin. Workers stay announced, so that their pins cost no RMW; they
// announce the present epoch now and then (epoch_refresh), and rest while they search and sleep.
//
// Handshakes (no fence in the pin, so ThreadSanitizer follows):
// [pin]   an announcement is an exchange on the record, the scan reads the record by an RMW:
//         either the scan sees it, or the pins under it see all that happened before the scan.
// [revoke] a worker in a long step does not hold up reclamation: a scan that has found it behind for some
//         time takes its announcement back, has all threads pass a barrier, and then looks whether a pin is
//         open. A pin raises its depth, and then looks for the announcement. With the barrier in between,
//         either the scan sees the depth, or the pin sees that it has to announce itself anew.
// [epoch] a bag is sealed by an RMW on the epoch: the advance that follows comes after the unlinking.
// [join]  a record is pushed by CAS; its first pin reads the epoch by an RMW, because a scan that had
//         loaded the list head before does not visit it.

namespace heddle::detail {

/// Base of everything that is reclaimed by epochs. The retired object carries its own list node, so that
/// retiring never allocates.
struct Retired {
    Retired* next_retired = nullptr;
    void (*reclaim)(Retired*) noexcept = nullptr;
    std::uint64_t epoch_tag = 0;
};

/// Objects that a thread retires before it tries to free some, and how often it tries in vain before it
/// revokes announcements. (The explorer sets them to 1 and 0.)
#ifndef HEDDLE_EPOCH_BAG
#define HEDDLE_EPOCH_BAG 64
#endif
#ifndef HEDDLE_EPOCH_PATIENCE
#define HEDDLE_EPOCH_PATIENCE 8
#endif

/// One thread's place in the registry; records are reused, never freed.
struct EpochRecord {
    Atomic<std::uint64_t> state{0};  // 0, or announced: (epoch << 1) | 1
    Atomic<std::uint32_t> depth{0};  // open pins; written by the owner, looked at by a scan that revokes
    bool stays = false;              // owner only: announced between pins, too
    std::uint32_t stuck = 0;         // owner only: scans in a row that could not advance
    std::uint32_t unsealed = 0;      // owner only: objects in the open bag
    Retired* open = nullptr;         // owner only: open bag, newest first
    Retired* sealed_head = nullptr;  // owner only: sealed objects, oldest first
    Retired* sealed_tail = nullptr;
    Atomic<bool> in_use{true};
    EpochRecord* next = nullptr;  // written once, before the record is published
};

/// The calling thread's record, or null before its first pin.
extern constinit thread_local EpochRecord* this_thread_epoch;
extern Atomic<std::uint64_t> global_epoch;

HEDDLE_COLD EpochRecord* epoch_register() noexcept;
HEDDLE_COLD void epoch_collect(EpochRecord& record) noexcept;

/// The rare steps of a pin as everybody calls them.
struct EpochSteps {
    static EpochRecord* first() noexcept { return epoch_register(); }
    static void collect(EpochRecord& record) noexcept { epoch_collect(record); }
};

/// Announces the present epoch.
inline void epoch_announce(EpochRecord& record) noexcept {
    const std::uint64_t e = global_epoch.load(acquire);  // acquire [epoch]
    // acq_rel [pin]: either the scan sees this, or we see what preceded the scan.
    record.state.exchange((e << 1) | 1, acq_rel);
}

/// A pin for a function that calls nothing, and so saves no registers: null if the thread has never had one.
/// It ends with epoch_unpin(). Whoever retires something has an EpochPin, which tries to free it later.
[[nodiscard]] HEDDLE_ALWAYS_INLINE EpochRecord* epoch_try_pin() noexcept {
    EpochRecord* record = this_thread_epoch;
    if (record != nullptr) [[likely]] {
        const std::uint32_t outer = record->depth.load(relaxed);  // relaxed: owner writes
        record->depth.store(outer + 1, relaxed);                  // relaxed: [revoke] has a barrier
        if (outer == 0) {
            compiler_barrier();                      // its part of [revoke]
            if (record->state.load(relaxed) == 0) {  // relaxed: [revoke] has a barrier
                epoch_announce(*record);
            }
        }
    }
    return record;
}
/// True: it was the outermost pin of the thread.
HEDDLE_ALWAYS_INLINE bool epoch_unpin(EpochRecord& record) noexcept {
    const std::uint32_t outer = record.depth.load(relaxed) - 1;  // relaxed: owner writes
    if (outer == 0 && !record.stays) {
        // release [pin]: our accesses end before the scan sees this; before depth, so that there is
        // nothing to revoke
        record.state.store(0, release);
    }
    record.depth.store(outer, release);  // release [revoke]: as above
    return outer == 0;
}

/// While one exists on a thread, nothing retired after its construction is freed. Nests.
template <class Rarely>
class BasicEpochPin : Immovable {
public:
    BasicEpochPin() noexcept : record_(epoch_try_pin()) {
        if (record_ == nullptr) [[unlikely]] {
            record_ = Rarely::first();
        }
    }
    ~BasicEpochPin() noexcept {
        if (epoch_unpin(*record_) && record_->unsealed >= bag_size) [[unlikely]] {
            Rarely::collect(*record_);
        }
    }

    static constexpr std::uint32_t bag_size = HEDDLE_EPOCH_BAG;

private:
    EpochRecord* record_;
};
using EpochPin = BasicEpochPin<EpochSteps>;

/// For assertions: an EpochPin is open on this thread.
inline bool epoch_pinned() noexcept {
    return this_thread_epoch != nullptr &&
           this_thread_epoch->depth.load(relaxed) > 0;  // relaxed: owner writes
}
/// Hands `object` over for deletion by `object->reclaim`. Needs: an EpochPin on this thread.
void epoch_retire(Retired* object) noexcept;

/// The calling thread stays announced between its pins, or does so no longer. It must call epoch_refresh()
/// often, and epoch_rest() before it waits. Without a pin, as the next two.
void epoch_stay(bool yes) noexcept;
/// Announces the present epoch, if an older one is announced.
inline void epoch_refresh() noexcept {
    EpochRecord* record = this_thread_epoch;
    // relaxed: stale means a little later
    if (record != nullptr && record->state.load(relaxed) != ((global_epoch.load(relaxed) << 1) | 1) &&
        record->state.load(relaxed) != 0) [[unlikely]] {
        epoch_announce(*record);
    }
}
/// Takes the announcement back until the next pin.
inline void epoch_rest() noexcept {
    // relaxed: only a scan takes it back besides us, and then that is done
    if (EpochRecord* record = this_thread_epoch; record != nullptr && record->state.load(relaxed) != 0) {
        // acq_rel [pin]: our accesses end before the scan sees this; an RMW, so that the next pin sees what a
        // scan has done that came before
        record->state.exchange(0, acq_rel);
    }
}

/// Tries to free what this thread has retired; call it without a pin, now and then.
void epoch_tick() noexcept;

/// Objects retired and not yet freed, over all threads; exact only when nothing runs (tests).
std::int64_t epoch_pending() noexcept;

}  // namespace heddle::detail
