#include "library_pin.hpp"
#include <heddle/detail/base/assert.hpp>
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/sync/parker.hpp>

#include <array>
#include <new>

namespace heddle::detail {

constinit thread_local EpochRecord* this_thread_epoch = nullptr;
Atomic<std::uint64_t> global_epoch{2};

namespace {

Atomic<EpochRecord*> registry{nullptr};  // push-only list
Atomic<bool> advancing{false};           // try-lock of the scan: nobody waits for it
Atomic<Retired*> orphans{nullptr};       // left by threads that ended; taken as a whole
Atomic<std::int64_t> pending{0};

/// Gives the record back when its thread ends.
struct ThreadExit {
    ThreadExit() noexcept = default;
    ~ThreadExit();
};

void release_record(EpochRecord& record) noexcept {
    if (record.stays) {  // exit() is called on a worker
        record.stays = false;
        record.state.store(0, release);  // release [pin]: as in epoch_rest()
    }
    // Everything still in limbo goes to the orphans: some other thread's collect() adopts it.
    if (record.sealed_tail != nullptr) {
        record.sealed_tail->next_retired = record.open;
        record.open = record.sealed_head;
        record.sealed_head = record.sealed_tail = nullptr;
    }
    if (Retired* first = record.open; first != nullptr) {
        Retired* last = first;
        while (last->next_retired != nullptr) {
            last = last->next_retired;
        }
        Retired* head = orphans.load(relaxed);  // relaxed: the CAS below decides
        do {
            last->next_retired = head;
        } while (!orphans.compare_exchange_weak(head, first, acq_rel, relaxed));  // acq_rel [orphan]
    }
    record.open = nullptr;
    record.unsealed = 0;
    record.in_use.store(false, release);  // release [reuse]: the next owner sees the record empty
}

ThreadExit::~ThreadExit() {
    if (this_thread_epoch != nullptr) {
        release_record(*this_thread_epoch);
        this_thread_epoch = nullptr;
    }
}

EpochRecord* find_free_record() noexcept {
    for (EpochRecord* r = registry.load(acquire); r != nullptr; r = r->next) {  // acquire [join]
        bool expected = false;
        // relaxed load: a hint; acquire [reuse]: we see the record as its last owner left it.
        if (!r->in_use.load(relaxed) && r->in_use.compare_exchange_strong(expected, true, acq_rel, relaxed)) {
            return r;
        }
    }
    return nullptr;
}

/// A pin cannot fail. These are for threads that come here first while there is no memory; as all records
/// they are used again by other threads.
constinit std::array<EpochRecord, 64> kept_records;
Atomic<std::uint32_t> kept_used{0};

EpochRecord* make_record() noexcept {
    if (auto* record = new (std::nothrow) EpochRecord; record != nullptr) {
        return record;
    }
    const std::uint32_t i = kept_used.fetch_add(1, relaxed);  // relaxed: only draws an index
    HEDDLE_CHECK(i < kept_records.size(), "out of memory for a thread's first use of the library");
    return &kept_records[i];
}

/// Moves the open bag behind the sealed ones, tagged with the present epoch.
void seal(EpochRecord& record) noexcept {
    if (Retired* adopted = orphans.load(relaxed); adopted != nullptr) {  // relaxed: a hint
        adopted = orphans.exchange(nullptr, acq_rel);                    // acq_rel [orphan]
        while (adopted != nullptr) {
            Retired* next = adopted->next_retired;
            adopted->next_retired = record.open;
            record.open = adopted;
            adopted = next;
        }
    }
    if (record.open == nullptr) {
        return;
    }
    // acq_rel [epoch]: the unlinking of these objects precedes every later advance of the epoch.
    const std::uint64_t tag = global_epoch.fetch_add(0, acq_rel);
    Retired* last = record.open;
    for (Retired* o = record.open; o != nullptr; o = o->next_retired) {
        o->epoch_tag = tag;
        last = o;
    }
    if (record.sealed_tail != nullptr) {
        record.sealed_tail->next_retired = record.open;
    } else {
        record.sealed_head = record.open;
    }
    record.sealed_tail = last;
    record.open = nullptr;
    record.unsealed = 0;
}

/// One scan at a time. Takes the announcement `seen` of a thread without an open pin back. False: it has one.
bool revoke(EpochRecord& record, std::uint64_t seen) noexcept {
    static const bool barrier_works = process_barrier();
    std::uint64_t expected = seen;
    // relaxed load: a hint; acq_rel [pin]: the owner's next pin sees that it has to announce itself
    if (!barrier_works || record.depth.load(relaxed) != 0 ||
        !record.state.compare_exchange_strong(expected, 0, acq_rel, relaxed)) {
        return false;
    }
    if (process_barrier() && record.depth.load(acquire) == 0) {  // acquire [revoke]
        return true;
    }
    // An open pin relies on it. If the owner has announced itself meanwhile, that counts.
    expected = 0;
    record.state.compare_exchange_strong(expected, seen, acq_rel, relaxed);  // acq_rel [pin]
    return false;
}

/// False: somebody is still in an earlier epoch.
bool all_in(std::uint64_t epoch, bool may_revoke) noexcept {
    for (EpochRecord* r = registry.load(acquire); r != nullptr; r = r->next) {  // acquire [join]
        const std::uint64_t v = r->state.fetch_add(0, acq_rel);  // acq_rel [pin]: an RMW on purpose
        if ((v & 1) != 0 && (v >> 1) != epoch && !(may_revoke && revoke(*r, v))) {
            return false;
        }
    }
    return true;
}

void try_advance(EpochRecord& mine) noexcept {
    if (advancing.exchange(true, acq_rel)) {  // acq_rel [scan]: one scan at a time
        return;
    }
    const std::uint64_t e = global_epoch.load(acquire);  // acquire [epoch]
    if (all_in(e, mine.stuck >= HEDDLE_EPOCH_PATIENCE)) {
        std::uint64_t expected = e;
        // acq_rel [epoch]: pins that read the new epoch see what was unlinked before the seal.
        global_epoch.compare_exchange_strong(expected, e + 1, acq_rel, relaxed);
        mine.stuck = 0;
    } else {
        ++mine.stuck;
    }
    advancing.store(false, release);  // release [scan]
}

void free_ripe(EpochRecord& record) noexcept {
    const std::uint64_t e = global_epoch.load(acquire);  // acquire [epoch]
    while (record.sealed_head != nullptr && record.sealed_head->epoch_tag + 2 <= e) {
        Retired* o = record.sealed_head;
        record.sealed_head = o->next_retired;
        if (record.sealed_head == nullptr) {
            record.sealed_tail = nullptr;
        }
        pending.fetch_sub(1, relaxed);  // relaxed: a counter for tests
        o->reclaim(o);
    }
}

}  // namespace

EpochRecord* epoch_register() noexcept {
    static thread_local const ThreadExit give_back;
    EpochRecord* record = find_free_record();
    if (record == nullptr) {
        record = make_record();
        EpochRecord* head = registry.load(relaxed);  // relaxed: the CAS below decides
        do {
            record->next = head;
        } while (!registry.compare_exchange_weak(head, record, acq_rel, relaxed));  // acq_rel [join]
    }
    this_thread_epoch = record;
    record->depth.store(1, relaxed);  // relaxed: [join] orders it
    // acq_rel [join]: an RMW, so that a scan that has missed this record still precedes us.
    const std::uint64_t e = global_epoch.fetch_add(0, acq_rel);
    record->state.exchange((e << 1) | 1, acq_rel);  // acq_rel [pin]
    return record;
}

void epoch_stay(bool yes) noexcept {
    const EpochPin pin;  // makes the record, and takes the announcement back at its end
    this_thread_epoch->stays = yes;
}

void epoch_retire(Retired* object) noexcept {
    EpochRecord& record = *this_thread_epoch;
    HEDDLE_ASSERT(record.depth.load(relaxed) > 0);  // relaxed: owner writes
    object->next_retired = record.open;
    record.open = object;
    ++record.unsealed;
    pending.fetch_add(1, relaxed);  // relaxed: a counter for tests
}

void epoch_collect(EpochRecord& record) noexcept {
    seal(record);
    if (record.stays) {
        epoch_refresh();  // or it would be in its own way
    }
    try_advance(record);
    free_ripe(record);
}

EpochRecord* EpochStepsAside::first() noexcept { return epoch_register(); }
void EpochStepsAside::collect(EpochRecord& record) noexcept { epoch_collect(record); }

void epoch_tick() noexcept {
    if (EpochRecord* record = this_thread_epoch;
        record != nullptr && record->depth.load(relaxed) == 0 &&  // relaxed: owner writes
        (record->open != nullptr || record->sealed_head != nullptr)) {
        epoch_collect(*record);
    }
}

std::int64_t epoch_pending() noexcept {
    return pending.load(relaxed);  // relaxed: a counter for tests
}

}  // namespace heddle::detail
