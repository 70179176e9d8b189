#include "segment.hpp"
#include "sync/reserve.hpp"
#include <heddle/detail/wait/suspend.hpp>
#include <heddle/detail/wait/wait_queue.hpp>

#include <algorithm>
#include <new>

// Invariants
// 1. Which cell an operation works on is decided by one RMW on an index; the two operations of an index
//    meet in its cell and settle their race there.
// 2. A segment pointer is read before the index is drawn. Pointers are moved only by operations that have
//    drawn an index at or beyond them, so a pointer read earlier is never beyond our cell.
// 3. cleaned counts only cells that no waker has to visit; a segment with all cells cleaned may be jumped.
// 4. Only the maintainer writes a non-null `next`, so the next of an unlinked segment is frozen, and from
//    any segment reachable at the pin every step leads to one that was linked after the pin began.
// 5. Segments behind both pointers, and dead interior ones, are retired by the maintainer, elected by a
//    try-lock: nobody ever waits for it.
// 6. Segments come from a reserve when the allocator has none, so that no operation fails half-way; of()
//    checks that it is full before anybody registers (lib/sync/reserve.hpp).
//
// Handshakes
// [cell] enqueue's CAS publishes seq and what the waiter wrote; resume's exchange acquires them.
// [link] a segment pointer or next is read by acquire after the CAS that published the segment's contents.
// [pins] every change of a segment's word is an RMW: "dead" is seen by exactly one of the last two events.
// [maint] the maintainer's exchanges acquire the deaths it is about to count.

namespace heddle::detail {

namespace {

// A segment is needed when a waiter has drawn its index, or a waker its: too late to refuse.
constinit Reserve kept_segments(
    128, []() noexcept { return ::operator new(sizeof(WaitSegment), std::nothrow); },
    [](void* block) noexcept { ::operator delete(block); });

WaitSegment* make_segment(std::uint64_t id) noexcept {
    void* memory = ::operator new(sizeof(WaitSegment), std::nothrow);
    return ::new (memory != nullptr ? memory : kept_segments.take()) WaitSegment(id, 0);
}

}  // namespace

void WaitSegment::free(WaitSegment* segment) noexcept {
    segment->~WaitSegment();
    if (!kept_segments.keep(segment)) {
        ::operator delete(segment);
    }
}

WaitQueue::WaitQueue() {
    auto* first = ::new (::operator new(sizeof(WaitSegment))) WaitSegment(0, 2);
    tail_segment_.store(first, relaxed);  // relaxed: not yet published
    head_segment_.store(first, relaxed);  // relaxed: not yet published
    base_ = first;
    reclaim = &WaitQueue::destroy;
}

void WaitQueue::destroy(Retired* self) noexcept {
    auto* queue = static_cast<WaitQueue*>(self);
    WaitSegment* s = queue->base_;
    while (s != nullptr) {
        WaitSegment* next = s->next.load(relaxed);  // relaxed: nobody else is left
        WaitSegment::free(s);
        s = next;
    }
    delete queue;
}

WaitQueue& WaitQueue::make(Atomic<WaitQueue*>& slot) {
    auto* fresh = new WaitQueue;
    WaitQueue* queue = nullptr;
    if (slot.compare_exchange_strong(queue, fresh, acq_rel, acquire)) {  // acq_rel [link]
        return *fresh;
    }
    destroy(fresh);
    return *queue;
}

void WaitQueue::require_memory() { kept_segments.require(); }

bool WaitQueue::ready(const Atomic<WaitQueue*>& slot) noexcept {
    return kept_segments.full() && slot.load(acquire) != nullptr;  // acquire [link]
}

void WaitQueue::dispose(Atomic<WaitQueue*>& slot) noexcept {
    WaitQueue* queue = slot.load(acquire);  // acquire [link]
    if (queue != nullptr) {
        const EpochPin pin;
        epoch_retire(queue);
    }
}

WaitSegment* WaitQueue::locate(WaitSegment* from, std::uint64_t id) noexcept {
    WaitSegment* s = from;
    // acquire [pins]: a segment seen removed has its frozen next
    while (s->id < id || (s->word.load(acquire) & segment_word::removed) != 0) {
        WaitSegment* next = s->next.load(acquire);  // acquire [link]
        if (next == nullptr) {
            WaitSegment* fresh = make_segment(s->id + 1);
            if (s->next.compare_exchange_strong(next, fresh, acq_rel, acquire)) {  // acq_rel [link]
                next = fresh;
            } else {
                WaitSegment::free(fresh);
            }
        }
        s = next;
    }
    return s;
}

/// Not needed where `from` is the wanted one already, removed or not: the pin keeps it, and where all waiters
/// have left, a waker finds each cell DONE and draws the next.
WaitSegment* WaitQueue::reach_beyond(Atomic<WaitSegment*>& pointer, WaitSegment* from,
                                     std::uint64_t id) noexcept {
    for (;;) {
        WaitSegment* s = locate(from, id);
        if (advance(pointer, s)) {
            return s;
        }
    }
}

bool WaitQueue::advance(Atomic<WaitSegment*>& pointer, WaitSegment* to) noexcept {
    WaitSegment* current = pointer.load(acquire);  // acquire [link]
    while (current->id < to->id) {
        if (!to->try_pin()) {
            return false;
        }
        if (pointer.compare_exchange_strong(current, to, acq_rel, acquire)) {  // acq_rel [link]
            drop(*current);
            if (&pointer == &head_segment_) {
                maintain();
            }
            return true;
        }
        drop(*to);
    }
    return true;
}

void WaitQueue::drop(WaitSegment& segment) noexcept {
    // acq_rel [pins]
    if (segment.word.fetch_sub(segment_word::pin_one, acq_rel) - segment_word::pin_one ==
        segment_word::dead) {
        one_more_dead();
    }
}

void WaitQueue::on_cleaned(WaitSegment& segment) noexcept {
    // acq_rel [pins]
    if (segment.word.fetch_add(segment_word::cleaned_one, acq_rel) + segment_word::cleaned_one ==
        segment_word::dead) {
        one_more_dead();
    }
}

void WaitQueue::one_more_dead() noexcept {
    // acq_rel [maint]: the maintainer that takes this count sees the segment's word
    if (dead_.fetch_add(1, acq_rel) + 1 >= sweep_bound()) {
        maintain();
    }
}

/// Sweeping visits every linked segment: worth it when half as many are dead, so that it stays O(1) per
/// death.
std::uint32_t WaitQueue::sweep_bound() const noexcept {
    return std::max(2U,
                    last_live_.load(relaxed) / 2);  // relaxed: a hint, stale means a sweep sooner or later
}

void WaitQueue::maintain() noexcept {
    do {
        if (maintaining_.exchange(1, acq_rel) == 1) {  // acq_rel [maint]
            return;                                    // somebody is at it and looks again at the end
        }
        sweep();
        // acq_rel [maint]: acquires a loser's exchange, so that the deaths it brought are seen below
        maintaining_.exchange(0, acq_rel);
    } while (dead_.load(acquire) >= sweep_bound());  // acquire [maint]
}

void WaitQueue::sweep() noexcept {
    // acquire [link]: both pointers are beyond what we retire
    const std::uint64_t limit = std::min(head_segment_.load(acquire)->id, tail_segment_.load(acquire)->id);
    while (base_->id < limit) {
        WaitSegment* next = base_->next.load(acquire);  // acquire [link]
        epoch_retire(base_);
        base_ = next;
    }
    // acq_rel [maint]: synchronises with the deaths it is about to find
    if (dead_.exchange(0, acq_rel) == 0) {
        return;
    }
    std::uint32_t live = 1;
    WaitSegment* previous = base_;
    WaitSegment* s = previous->next.load(acquire);              // acquire [link]
    while (s != nullptr && s->next.load(acquire) != nullptr) {  // never the tail; acquire [link]
        WaitSegment* next = s->next.load(acquire);              // acquire [link]
        std::uint32_t expected = segment_word::dead;
        // acq_rel [pins]: from here on nobody may designate it
        if (s->word.compare_exchange_strong(expected, expected | segment_word::removed, acq_rel, relaxed)) {
            previous->next.store(next, release);  // release [link]
            epoch_retire(s);
        } else {
            previous = s;
            ++live;
        }
        s = next;
    }
    last_live_.store(live, relaxed);  // relaxed: a hint
}

bool WaitQueue::passed(WaitPlace place) const noexcept {
    // acquire [link]: if the segment had been retired before our pin, this load would see the pointer
    // beyond it, so it may be dereferenced when this is false
    return head_segment_.load(acquire)->id > place.index / segment_cells;
}

bool WaitQueue::enqueue(WaitToken token, WaitPlace& place) noexcept {
    WaitSegment* from = begin();
    const std::uint64_t index = tail_.fetch_add(1, acq_rel);  // acq_rel [cell]: draws the cell
    return enqueue_at(from, index, token, place);
}

bool WaitQueue::enqueue_at(WaitSegment* from, std::uint64_t index, WaitToken token,
                           WaitPlace& place) noexcept {
    const std::uint64_t id = index / segment_cells;
    WaitSegment* segment = from->id == id ? from : reach_beyond(tail_segment_, from, id);
    HEDDLE_ASSERT(segment->id == index / segment_cells);
    WaitCell& cell = segment->cells[index % segment_cells];
    cell.seq = token.seq;
    place = {segment, index};  // before publishing: afterwards the waiter may be running
    std::uintptr_t expected = cell_empty;
    // acq_rel [cell]: publishes the token; on failure acquires the wake-up that was left here
    return cell.state.compare_exchange_strong(expected, reinterpret_cast<std::uintptr_t>(token.who), acq_rel,
                                              acquire);
}

/// Draws the next index: its cell. Null: all cells up to the next segment are cancelled, and jumped over.
inline WaitCell* WaitQueue::draw() noexcept {
    WaitSegment* segment = head_segment_.load(acquire);       // acquire [link], before the draw
    const std::uint64_t index = head_.fetch_add(1, acq_rel);  // acq_rel [cell]: draws the cell
    const std::uint64_t id = index / segment_cells;
    if (segment->id != id) [[unlikely]] {
        segment = reach_beyond(head_segment_, segment, id);
        if (segment->id > id) {
            std::uint64_t expected = index + 1;
            head_.compare_exchange_strong(expected, segment->id * segment_cells, acq_rel,
                                          relaxed);  // acq_rel [cell]
            return nullptr;
        }
    }
    return &segment->cells[index % segment_cells];
}

WaitToken WaitQueue::resume_one() noexcept {
    for (;;) {
        WaitCell* cell = draw();
        if (cell == nullptr) [[unlikely]] {
            continue;
        }
        const std::uintptr_t old = cell->state.exchange(cell_done, acq_rel);  // acq_rel [cell]
        if (old == cell_empty) {
            return {};
        }
        if (old != cell_done) {
            return {reinterpret_cast<Waiter*>(old), cell->seq};
        }
    }
}

WaitToken WaitQueue::resume_next_below(std::uint64_t end) noexcept {
    while (head_index() < end) {
        WaitCell* cell = draw();
        // acq_rel [cell]
        const std::uintptr_t old = cell != nullptr ? cell->state.exchange(cell_done, acq_rel) : cell_done;
        if (old > cell_done) {
            return {reinterpret_cast<Waiter*>(old), cell->seq};
        }
    }
    return {};
}

HEDDLE_FLATTEN void WaitQueue::resume_all(std::uint64_t end) noexcept {
    WaitSegment* segment = head_segment_.load(acquire);  // acquire [link], before the claim
    std::uint64_t index = head_.load(acquire);           // acquire [cell]
    do {
        if (index >= end) {
            return;
        }
    } while (
        !head_.compare_exchange_weak(index, end, acq_rel, acquire));  // acq_rel [cell]: the range is ours

    constexpr std::size_t batch_size = 64;
    Waiter* batch[batch_size];
    std::size_t n = 0;
    while (index < end) {
        if (segment->id != index / segment_cells) [[unlikely]] {
            segment = locate(segment, index / segment_cells);
            index = std::max(index, segment->id * segment_cells);  // jumps over cells that are all cancelled
            continue;
        }
        WaitCell& cell = segment->cells[index % segment_cells];
        const std::uintptr_t old = cell.state.exchange(cell_done, acq_rel);  // acq_rel [cell]
        ++index;
        if (old > cell_done && reinterpret_cast<Waiter*>(old)->claim(cell.seq)) {
            batch[n++] = reinterpret_cast<Waiter*>(old);
            if (n == batch_size) {
                schedule_batch(batch, n);
                n = 0;
            }
        }
    }
    if (n != 0) {
        schedule_batch(batch, n);
    }
    reach_beyond(head_segment_, segment, segment->id);
}

bool WaitQueue::take_back(WaitPlace place, const Waiter& who) noexcept {
    if (passed(place)) {
        return false;
    }
    WaitCell& cell = place.segment->cells[place.index % segment_cells];
    auto expected = reinterpret_cast<std::uintptr_t>(&who);
    // acq_rel [cell]: on failure acquires the grant
    return cell.state.compare_exchange_strong(expected, cell_empty, acq_rel, acquire);
}

WaitToken WaitQueue::settle_aborted(WaitPlace place) noexcept {
    WaitCell& cell = place.segment->cells[place.index % segment_cells];
    std::uintptr_t expected = cell_empty;
    if (cell.state.compare_exchange_strong(expected, cell_done, acq_rel, acquire)) {  // acq_rel [cell]
        on_cleaned(*place.segment);
        return {};
    }
    return resume_one();  // a waker has left its obligation with us
}

bool WaitQueue::leave(WaitPlace place, const Waiter& who) noexcept {
    if (passed(place)) {
        return false;
    }
    WaitCell& cell = place.segment->cells[place.index % segment_cells];
    auto expected = reinterpret_cast<std::uintptr_t>(&who);
    if (!cell.state.compare_exchange_strong(expected, cell_done, acq_rel, acquire)) {  // acq_rel [cell]
        return false;
    }
    on_cleaned(*place.segment);
    return true;
}

std::size_t WaitQueue::linked_segments() const noexcept {
    const EpochPin pin;
    std::size_t n = 0;
    // acquire [link]: counts what is linked from the head on
    for (const WaitSegment* s = head_segment_.load(acquire); s != nullptr; s = s->next.load(acquire)) {
        ++n;
    }
    return n;
}

std::size_t WaitQueue::parked() const noexcept {
    const EpochPin pin;
    std::size_t n = 0;
    // acquire [link], acquire [cell]: a snapshot
    for (const WaitSegment* s = head_segment_.load(acquire); s != nullptr; s = s->next.load(acquire)) {
        for (const WaitCell& cell : s->cells) {
            n += cell.state.load(acquire) > cell_done ? 1U : 0U;  // acquire [cell]
        }
    }
    return n;
}

}  // namespace heddle::detail
