#include "sync/library_pin.hpp"
#include <heddle/event.hpp>

// [set] the setter's RMW releases, the waiter's load or RMW of the word acquires: either the waiter sees the
// flag, or the setter sees its ticket.

namespace heddle::detail {

HEDDLE_FLATTEN void EventWord::set() noexcept {
    const LibraryPin pin;
    std::uint64_t w = word.load(acquire);  // acquire [set]: with tickets drawn, the queue exists
    for (;;) {
        if ((w & set_bit) != 0) {
            // acq_rel [set]: no change, but what we did before must be seen by later waiters
            if (word.compare_exchange_weak(w, w, acq_rel, acquire)) {
                return;
            }
            continue;
        }
        WaitQueue* waiters = w >= ticket ? queue.load(acquire) : nullptr;  // acquire [link]
        if (word.compare_exchange_weak(w, w | set_bit, acq_rel,
                                       acquire)) {  // acq_rel [set]; *this may be gone
            if (waiters != nullptr) {
                waiters->resume_all(w / ticket);
            }
            return;
        }
    }
}

HEDDLE_FLATTEN bool EventWord::enqueue(WaitToken token, WaitPlace& place) {
    const LibraryPin pin;
    WaitQueue& waiters = WaitQueue::of(queue);
    WaitSegment* from = waiters.begin();   // before the RMW that draws the index
    std::uint64_t w = word.load(acquire);  // acquire [set]
    do {
        if ((w & set_bit) != 0) {
            return false;
        }
    } while (!word.compare_exchange_weak(w, w + ticket, acq_rel, acquire));  // acq_rel [set]: draws the index
    return waiters.enqueue_at(from, w / ticket, token, place);
}

bool EventWord::leave(WaitPlace place, const Waiter& who) const noexcept {
    const LibraryPin pin;
    return queue.load(acquire)->leave(place, who);  // acquire [link]: created before we enqueued
}

}  // namespace heddle::detail
