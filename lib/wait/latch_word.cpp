#include "sync/library_pin.hpp"
#include <heddle/detail/wait/latch_word.hpp>

namespace heddle::detail {

bool LatchWord::count_down() noexcept {
    std::uint64_t w = word.load(acquire);  // acquire [latch]
    while ((w & count_mask) > 1) {
        if (word.compare_exchange_weak(w, w - 1, acq_rel, acquire)) {  // acq_rel [latch]
            return true;
        }
    }
    const LibraryPin pin;
    for (;;) {
        if ((w & count_mask) == 0) {
            return false;
        }
        WaitQueue* waiters =
            w >= ticket ? queue.load(acquire) : nullptr;  // acquire [link]: exists once a ticket is drawn
        const std::uint64_t head = waiters != nullptr ? waiters->head_index() : 0;
        if (word.compare_exchange_weak(w, w - 1, acq_rel, acquire)) {  // acq_rel [latch]; *this may be gone
            if ((w & count_mask) == 1 && waiters != nullptr) {
                waiters->resume_all(index_of(w, head));
            }
            return true;
        }
    }
}

bool LatchWord::enqueue(WaitToken token, WaitPlace& place) {
    const LibraryPin pin;
    WaitQueue& waiters = WaitQueue::of(queue);
    WaitSegment* from = waiters.begin();  // before the RMW that draws the index
    const std::uint64_t head = waiters.head_index();
    std::uint64_t w = word.load(acquire);  // acquire [latch]
    do {
        if ((w & count_mask) == 0) {
            return false;
        }
    } while (
        !word.compare_exchange_weak(w, w + ticket, acq_rel, acquire));  // acq_rel [latch]: draws the index
    return waiters.enqueue_at(from, index_of(w, head), token, place);
}

bool LatchWord::leave(WaitPlace place, const Waiter& who) const noexcept {
    const LibraryPin pin;
    return queue.load(acquire)->leave(place, who);  // acquire [link]: created before we enqueued
}

}  // namespace heddle::detail
