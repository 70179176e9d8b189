#pragma once

#include <heddle/detail/queue/basic_queue.hpp>
#include <heddle/detail/queue/fifo.hpp>
#include <heddle/detail/queue/lifo.hpp>
#include <heddle/detail/queue/pile.hpp>

namespace heddle {

/// asyncio.Queue: first in, first out, between any number of tasks and threads.
///
/// Queue(maxsize = 0); 0 or less: unbounded. put and get are O(1).
/// Prefer: put_many and get_many for many small items; Future for a single one.
template <class T>
class Queue : public detail::BasicQueue<T, detail::FifoContainer<T>> {
    using detail::BasicQueue<T, detail::FifoContainer<T>>::BasicQueue;
};

/// asyncio.LifoQueue: the item put last is got first.
///
/// LifoQueue(maxsize = 0); 0 or less: unbounded. put and get are O(1).
template <class T>
class LifoQueue : public detail::BasicQueue<T, detail::Pile<T, detail::LifoContainer<T>>> {
    using detail::BasicQueue<T, detail::Pile<T, detail::LifoContainer<T>>>::BasicQueue;
};

}  // namespace heddle
