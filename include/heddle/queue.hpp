#pragma once

#include <heddle/detail/queue/basic_queue.hpp>
#include <heddle/detail/queue/fifo.hpp>

namespace heddle {

/// asyncio.Queue: first in, first out, between any number of tasks and threads.
template <class T>
class Queue : public detail::BasicQueue<T, detail::FifoContainer<T>> {
    using detail::BasicQueue<T, detail::FifoContainer<T>>::BasicQueue;
};

}  // namespace heddle
