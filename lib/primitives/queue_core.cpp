#include <heddle/detail/queue/core.hpp>
#include <heddle/error.hpp>

#include <algorithm>
#include <stdexcept>

namespace heddle::detail {

std::ptrdiff_t QueueCore::size() const noexcept {
    std::int64_t n = items.count() >> 16U;
    if (n > plenty / 2) {
        n -= plenty;
    }
    return std::max<std::ptrdiff_t>(n, 0);
}

void QueueCore::throw_shut_down() { throw QueueShutDown(); }

void QueueCore::not_put(std::size_t n) noexcept {
    for (; n > 0; --n) {
        static_cast<void>(open.count_down());
    }
}

/// Somebody waits, or the queue is closed.
void QueueCore::after_put(std::int64_t old, std::int64_t given) {
    if (given > 0 && old < 0) {
        // acquire [permit]: who waits has made the queue before
        Permits::wake(*items.queue.load(acquire), std::min(given, -(old >> 16U)));
    }
    if ((old & closed_bit) != 0 && (old & inflight_mask) == inflight_one) {
        seal();
    }
}

void QueueCore::give_items_back(std::size_t n) {
    static_cast<void>(items.give(static_cast<std::int64_t>(n) * item, no_bound, item));
}

bool QueueCore::try_take_item() {
    while (!items.try_take(item)) {
        const std::int64_t w = items.count();
        if ((w & closed_bit) == 0 || (w & inflight_mask) != 0) {
            return false;  // open, or a put is still on its way
        }
        if (w < item) {
            throw QueueShutDown();
        }
        // An item was put, and the queue closed, after we had looked.
    }
    return true;
}

void QueueCore::throw_no_slot() const {
    if (closed()) {
        throw QueueShutDown();
    }
    throw QueueFull();
}

void QueueCore::task_done() {
    if (!open.count_down()) {
        throw std::invalid_argument("task_done() called too many times");
    }
}

void QueueCore::shutdown(bool immediate) {
    // acq_rel [items]: later puts and gets see the bits
    const std::int64_t old = items.word.fetch_or(closed_bit | (immediate ? immediate_bit : 0), acq_rel);
    if ((old & closed_bit) == 0) {
        closed_event.set();
        if (bounded()) {
            static_cast<void>(
                slots.give(plenty, no_bound));  // every putter passes, and sees that it is closed
        }
        if ((old & inflight_mask) == 0) {
            seal();
        }
    } else if (immediate && (old & immediate_bit) == 0 && (old >> 16U) > plenty / 2) {
        drain();  // sealed already; otherwise the sealer sees the bit
    }
}

void QueueCore::seal() {
    const std::int64_t old =
        items.word.fetch_add(plenty * item, acq_rel);  // acq_rel [items]: seals and reads the bit
    if ((old & immediate_bit) != 0) {
        drain();
    }
    if (old < 0) {
        Permits::wake(*items.queue.load(acquire), -(old >> 16U));  // acquire [permit]: as in end_put()
    }
}

void QueueCore::dropped() {
    items.word.fetch_sub(item, acq_rel);  // acq_rel [items]
    static_cast<void>(open.count_down());
}

}  // namespace heddle::detail
