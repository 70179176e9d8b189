#include "sync/library_pin.hpp"
#include <heddle/detail/queue/join_word.hpp>

namespace heddle::detail {

bool JoinWord::count_down() noexcept {
    std::uint64_t w = word.load(acquire);  // acquire [done]
    while (missing(w) > 1) {
        if (word.compare_exchange_weak(w, one_done(w), acq_rel, acquire)) {  // acq_rel [done]
            return true;
        }
    }
    const LibraryPin pin;
    for (;;) {
        const std::uint32_t left = missing(w);
        if (left == 0) {
            return false;
        }
        WaitQueue* waiters =
            w >= ticket ? queue.load(acquire) : nullptr;  // acquire [link]: exists once a ticket is drawn
        const std::uint64_t head = waiters != nullptr ? waiters->head_index() : 0;
        // acq_rel [done]; *this may be gone
        if (word.compare_exchange_weak(w, one_done(w), acq_rel, acquire)) {
            if (left == 1 && waiters != nullptr) {
                waiters->resume_all(index_of(w, head));
            }
            return true;
        }
    }
}

bool JoinWord::enqueue(WaitToken token, WaitPlace& place) {
    const LibraryPin pin;
    WaitQueue& waiters = WaitQueue::of(queue);
    WaitSegment* from = waiters.begin();  // before the RMW that draws the index
    const std::uint64_t head = waiters.head_index();
    std::uint64_t w = word.load(acquire);  // acquire [done]
    do {
        if (missing(w) == 0) {
            return false;
        }
    } while (
        !word.compare_exchange_weak(w, w + ticket, acq_rel, acquire));  // acq_rel [done]: draws the index
    return waiters.enqueue_at(from, index_of(w, head), token, place);
}

bool JoinWord::leave(WaitPlace place, const Waiter& who) const noexcept {
    const LibraryPin pin;
    return queue.load(acquire)->leave(place, who);  // acquire [link]: created before we enqueued
}

}  // namespace heddle::detail
