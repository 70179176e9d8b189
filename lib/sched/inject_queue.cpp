#include "inject_queue.hpp"

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <vector>

#if defined(__SANITIZE_THREAD__)
#define HEDDLE_INJECT_LOCKED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HEDDLE_INJECT_LOCKED 1
#endif
#endif
#ifndef HEDDLE_INJECT_LOCKED
#define HEDDLE_INJECT_LOCKED 0
#endif

#if HEDDLE_INJECT_LOCKED
// moodycamel orders by stand-alone fences, which ThreadSanitizer does not see; it would report every item.
#include <deque>
#include <mutex>
#else
#if HEDDLE_GCC
// GCC 12 follows a path on which moodycamel's producer is null and warns of a write behind it.
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
#include <concurrentqueue/concurrentqueue.h>
#endif

namespace heddle::detail {

#if HEDDLE_INJECT_LOCKED

struct InjectQueue::Impl {
    mutable std::mutex lock;
    std::deque<TaskControl*> tasks;
};

InjectQueue::InjectQueue(unsigned workers) : impl_(std::make_unique<Impl>()) { static_cast<void>(workers); }

void InjectQueue::push(TaskControl* task) {
    const std::lock_guard hold(impl_->lock);
    impl_->tasks.push_back(task);
}

void InjectQueue::push_bulk(unsigned worker, TaskControl* const* tasks, std::size_t n) {
    static_cast<void>(worker);
    const std::lock_guard hold(impl_->lock);
    impl_->tasks.insert(impl_->tasks.end(), tasks, tasks + n);
}

std::size_t InjectQueue::pop_bulk(unsigned worker, TaskControl** tasks, std::size_t max) {
    static_cast<void>(worker);
    const std::lock_guard hold(impl_->lock);
    std::size_t n = 0;
    for (; n < max && !impl_->tasks.empty(); ++n) {
        tasks[n] = impl_->tasks.front();
        impl_->tasks.pop_front();
    }
    return n;
}

std::size_t InjectQueue::size() const noexcept {
    const std::lock_guard hold(impl_->lock);
    return impl_->tasks.size();
}

#else

namespace {

using Queue = moodycamel::ConcurrentQueue<TaskControl*>;

/// A producer token that foreign threads share by turns: an explicit token keeps a thread's tasks in order
/// and saves the hash look-up of moodycamel's implicit producers.
struct alignas(cache_line) SharedToken {
    explicit SharedToken(Queue& queue) : token(queue) {}
    Atomic<bool> busy{false};
    moodycamel::ProducerToken token;
};

unsigned thread_number() noexcept {
    static Atomic<unsigned> next{0};
    static thread_local const unsigned mine = next.fetch_add(1, relaxed);  // relaxed: only spreads threads
    return mine;
}

constexpr unsigned shared_tokens = 8;

}  // namespace

struct InjectQueue::Impl {
    explicit Impl(unsigned workers) {
        for (unsigned i = 0; i < workers; ++i) {
            producers.emplace_back(queue);
            consumers.emplace_back(queue);
        }
        for (unsigned i = 0; i < shared_tokens; ++i) {
            shared.push_back(std::make_unique<SharedToken>(queue));
        }
    }
    Queue queue;
    std::vector<moodycamel::ProducerToken> producers;
    std::vector<moodycamel::ConsumerToken> consumers;
    std::vector<std::unique_ptr<SharedToken>> shared;
};

InjectQueue::InjectQueue(unsigned workers) : impl_(std::make_unique<Impl>(workers)) {}

void InjectQueue::push(TaskControl* task) {
    SharedToken& token = *impl_->shared[thread_number() % shared_tokens];
    if (!token.busy.exchange(true, acq_rel)) {  // acq_rel [token]: one thread at a time
        impl_->queue.enqueue(token.token, task);
        token.busy.store(false, release);  // release [token]
    } else {
        impl_->queue.enqueue(task);  // somebody is using our token: never wait for it
    }
}

void InjectQueue::push_bulk(unsigned worker, TaskControl* const* tasks, std::size_t n) {
    impl_->queue.enqueue_bulk(impl_->producers[worker], tasks, n);
}

std::size_t InjectQueue::pop_bulk(unsigned worker, TaskControl** tasks, std::size_t max) {
    return impl_->queue.try_dequeue_bulk(impl_->consumers[worker], tasks, max);
}

std::size_t InjectQueue::size() const noexcept { return impl_->queue.size_approx(); }

#endif

InjectQueue::~InjectQueue() = default;

}  // namespace heddle::detail
