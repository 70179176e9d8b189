#include <heddle/detail/queue/core.hpp>
#include <heddle/error.hpp>

#include <algorithm>
#include <stdexcept>

namespace heddle::detail {

std::ptrdiff_t QueueCore::size() const noexcept {
    const std::int64_t w = items.count();
    if ((w & QueueWord::immediate) != 0) {
        return 0;  // also while somebody is still dropping them
    }
    return std::max<std::ptrdiff_t>(QueueWord::count(w) - (sealed(w) ? most : 0), 0);
}

void QueueCore::throw_shut_down() { throw QueueShutDown(); }

void QueueCore::wake(Permits& permits, std::int64_t n) {
    HEDDLE_ASSERT(epoch_pinned());
    // acquire [permit]: who waits has made the queue before
    Permits::wake(*permits.queue.load(acquire), n);
}

void QueueCore::not_put(std::size_t n) noexcept {
    for (; n > 0; --n) {
        static_cast<void>(unfinished.count_down());
    }
}

void QueueCore::end_uncounted(std::size_t n, std::size_t done) {
    std::int64_t w = items.word.load(acquire);  // acquire [items]
    std::int64_t next = 0;
    do {
        next = QueueWord::drawn(w, n) + static_cast<std::int64_t>(done) * one;
        if ((w & QueueWord::closed) != 0 && QueueWord::number(next) == begun()) {
            next += most * one;
        }
    } while (!items.word.compare_exchange_weak(w, next, acq_rel, acquire));  // acq_rel [items]
    if (sealed(next)) {
        after_seal(w);
    } else if (w < 0 && done > 0) {
        wake(items, std::min(static_cast<std::int64_t>(done), -QueueWord::count(w)));
    }
}

bool QueueCore::try_take_item() {
    while (!items.try_take(one)) {
        if ((items.count() & QueueWord::closed) != 0) {
            if (sealed(items.count())) {
                continue;  // since we have looked
            }
            return false;  // a put is still on its way
        }
        if (!closed()) {
            return false;
        }
        close_items();  // who has closed the other word is about to
    }
    return true;
}

void QueueCore::wait_for_slot(const char* what) {
    if (bounded()) {
        PermitAwaiter(slots, one).wait_blocking(what);
    } else {
        static_cast<void>(blocking_waiter(what));  // refused on a worker, as where it would wait
    }
}

void QueueCore::throw_no_slot() const {
    if (closed()) {
        throw QueueShutDown();
    }
    throw QueueFull();
}

void QueueCore::task_done() {
    if (!unfinished.count_down()) {
        throw std::invalid_argument("task_done() called too many times");
    }
}

void QueueCore::shutdown(bool immediate) {
    const std::int64_t before = slots.word.fetch_or(QueueWord::closed, acq_rel);  // acq_rel [slots]
    if (immediate) {
        // acq_rel [items]: who seals later sees the bit
        const std::int64_t old = items.word.fetch_or(QueueWord::immediate, acq_rel);
        if (sealed(old) && (old & QueueWord::immediate) == 0) {
            drain();
        }
    }
    close_items();
    if ((before & QueueWord::closed) == 0) {
        closed_event.set();
        if (bounded()) {
            give(slots, most);  // every putter passes, and sees that it is closed
        }
    }
}

void QueueCore::close_items() {
    HEDDLE_ASSERT(epoch_pinned());
    std::int64_t w = items.word.load(acquire);  // acquire [items]
    std::int64_t next = 0;
    do {
        if ((w & QueueWord::closed) != 0) {
            return;
        }
        next = w | QueueWord::closed;
        if (numbered_ || QueueWord::number(w) == begun()) {
            next += most * one;
        }
    } while (!items.word.compare_exchange_weak(w, next, acq_rel, acquire));  // acq_rel [items]
    if (sealed(next)) {
        after_seal(w);
    }
}

/// With the word as it was before the RMW that sealed it.
void QueueCore::after_seal(std::int64_t before) {
    if ((before & QueueWord::immediate) != 0) {
        drain();
    }
    if (before < 0) {
        wake(items, -QueueWord::count(before));
    }
}

void QueueCore::dropped() {
    items.word.fetch_sub(one, acq_rel);  // acq_rel [items]
    static_cast<void>(unfinished.count_down());
}

}  // namespace heddle::detail
