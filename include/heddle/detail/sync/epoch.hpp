#pragma once

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <cstdint>

// Epoch-based memory reclamation.
//
// An object that lock-free readers may still be looking at is retire()d instead of deleted; it is deleted
// when every EpochPin that was open at that moment has closed. Pins are short: library code only, no user
// code, no system call. Foreign threads register themselves at their first pin.
//
// Handshakes, all of them RMWs (no fence, so ThreadSanitizer follows):
// [pin]   a pin publishes itself by an exchange on its record, the scan reads the record by an RMW:
//         either the scan sees the pin, or the pin sees all that happened before the scan.
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

/// Objects that a thread retires before it tries to free some. (The explorer sets it to 1.)
#ifndef HEDDLE_EPOCH_BAG
#define HEDDLE_EPOCH_BAG 64
#endif

/// One thread's place in the registry; records are reused, never freed.
struct EpochRecord {
    Atomic<std::uint64_t> state{0};  // 0: not pinned, (epoch << 1) | 1: pinned
    std::uint32_t depth = 0;         // owner only
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

HEDDLE_ASIDE EpochRecord* epoch_register() noexcept;
HEDDLE_ASIDE void epoch_collect(EpochRecord& record) noexcept;

/// While one exists on a thread, nothing retired after its construction is freed. Nests.
class EpochPin : Immovable {
public:
    EpochPin() noexcept : record_(this_thread_epoch) {
        if (record_ == nullptr) [[unlikely]] {
            record_ = epoch_register();
        } else if (record_->depth++ == 0) {
            const std::uint64_t e = global_epoch.load(acquire);  // acquire [epoch]
            // acq_rel [pin]: either the scan sees this pin, or this pin sees what preceded the scan.
            record_->state.exchange((e << 1) | 1, acq_rel);
        }
    }
    ~EpochPin() noexcept {
        if (--record_->depth == 0) {
            record_->state.store(0, release);  // release [pin]: our accesses end before the scan sees this
            if (record_->unsealed >= bag_size) [[unlikely]] {
                epoch_collect(*record_);
            }
        }
    }

    static constexpr std::uint32_t bag_size = HEDDLE_EPOCH_BAG;

private:
    EpochRecord* record_;
};

/// Hands `object` over for deletion by `object->reclaim`. Needs: an EpochPin on this thread.
void epoch_retire(Retired* object) noexcept;

/// Tries to free what this thread has retired; call it without a pin, now and then.
void epoch_tick() noexcept;

/// Objects retired and not yet freed, over all threads; exact only when nothing runs (tests).
std::int64_t epoch_pending() noexcept;

}  // namespace heddle::detail
