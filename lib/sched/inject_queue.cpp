#include "inject_queue.hpp"

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/sync/atomic.hpp>
#include <heddle/detail/task/fork.hpp>

#include <new>
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

void InjectQueue::push(TaskControl* task) noexcept {
    const std::lock_guard hold(impl_->lock);
    try {
        impl_->tasks.push_back(task);
    } catch (const std::bad_alloc&) {
        push_overflow(task);
    }
}

void InjectQueue::push_bulk(unsigned worker, TaskControl* const* tasks, std::size_t n) noexcept {
    static_cast<void>(worker);
    for (std::size_t i = 0; i < n; ++i) {
        push(tasks[i]);
    }
}

std::size_t InjectQueue::pop_queued(unsigned worker, TaskControl** tasks, std::size_t max) noexcept {
    static_cast<void>(worker);
    const std::lock_guard hold(impl_->lock);
    std::size_t n = 0;
    for (; n < max && !impl_->tasks.empty(); ++n) {
        tasks[n] = impl_->tasks.front();
        impl_->tasks.pop_front();
    }
    return n;
}

std::size_t InjectQueue::queued() const noexcept {
    const std::lock_guard hold(impl_->lock);
    return impl_->tasks.size();
}

#else

namespace {

struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static void* malloc(std::size_t size) { return ::operator new(size, std::nothrow); }
    static void free(void* block) { ::operator delete(block); }
};
using Queue = moodycamel::ConcurrentQueue<TaskControl*, Traits>;

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
        // moodycamel leaves a producer that it could not make invalid and goes on.
        for (const auto& token : producers) {
            require(token.valid());
        }
        for (const auto& token : shared) {
            require(token->token.valid());
        }
    }
    static void require(bool made) {
        if (!made) {
            throw std::bad_alloc();
        }
    }
    Queue queue;
    std::vector<moodycamel::ProducerToken> producers;
    std::vector<moodycamel::ConsumerToken> consumers;
    std::vector<std::unique_ptr<SharedToken>> shared;
};

InjectQueue::InjectQueue(unsigned workers) : impl_(std::make_unique<Impl>(workers)) {}

void InjectQueue::push(TaskControl* task) noexcept {
    SharedToken& token = *impl_->shared[thread_number() % shared_tokens];
    bool queued = false;
    if (!token.busy.exchange(true, acq_rel)) {  // acq_rel [token]: one thread at a time
        queued = impl_->queue.enqueue(token.token, task);
        token.busy.store(false, release);  // release [token]
    } else {
        queued = impl_->queue.enqueue(task);  // somebody is using our token: never wait for it
    }
    if (!queued) {
        push_overflow(task);
    }
}

void InjectQueue::push_bulk(unsigned worker, TaskControl* const* tasks, std::size_t n) noexcept {
    if (!impl_->queue.enqueue_bulk(impl_->producers[worker], tasks, n)) {
        for (std::size_t i = 0; i < n; ++i) {
            push_overflow(tasks[i]);
        }
    }
}

std::size_t InjectQueue::pop_queued(unsigned worker, TaskControl** tasks, std::size_t max) noexcept {
    return impl_->queue.try_dequeue_bulk(impl_->consumers[worker], tasks, max);
}

std::size_t InjectQueue::queued() const noexcept { return impl_->queue.size_approx(); }

#endif

InjectQueue::~InjectQueue() = default;

namespace {

/// A forked child that has not started finds its coroutine behind its frame word; all others have started, or
/// have it in both words. So one of the two can be spared.
void*& spare_word(TaskControl& task) noexcept {
    return task.kind == TaskKind::fork_child && !task.has_flag(TaskControl::started) ? task.resume
                                                                                     : task.frame;
}

}  // namespace

void InjectQueue::push_overflow(TaskControl* task) noexcept {
    TaskControl* head = overflow_.load(relaxed);  // relaxed: the CAS validates it
    do {
        spare_word(*task) = head;
    } while (!overflow_.compare_exchange_weak(head, task, acq_rel, relaxed));  // acq_rel [overflow]
}

std::size_t InjectQueue::pop_overflow(TaskControl** tasks, std::size_t max) noexcept {
    TaskControl* newest = overflow_.exchange(nullptr, acq_rel);  // acq_rel [overflow]
    TaskControl* oldest = nullptr;
    while (newest != nullptr) {
        auto* next = static_cast<TaskControl*>(spare_word(*newest));
        spare_word(*newest) = oldest;
        oldest = newest;
        newest = next;
    }
    std::size_t n = 0;
    while (oldest != nullptr) {
        TaskControl* task = oldest;
        oldest = static_cast<TaskControl*>(spare_word(*task));
        if (task->kind != TaskKind::fork_child) {
            task->frame = task->resume;  // read only of one that has not started
        }
        if (n < max) {
            tasks[n++] = task;
        } else {
            push_overflow(task);
        }
    }
    return n;
}

}  // namespace heddle::detail
