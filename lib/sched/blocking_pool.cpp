#include "blocking_pool.hpp"

#include "cpus.hpp"
#include "scheduler.hpp"
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/worker_context.hpp>

#include <chrono>
#include <stdexcept>

namespace heddle::detail {

namespace {
constexpr std::chrono::seconds keep_alive{10};
}

BlockingPool::BlockingPool(std::string name, unsigned max_threads)
    : name_(std::move(name)), max_threads_(max_threads) {}

BlockingPool::~BlockingPool() { stop(); }

void BlockingPool::post(std::unique_ptr<BlockingJob> job) {
    std::list<std::thread> ended;
    {
        const std::lock_guard hold(lock_);
        if (stopped_) {
            throw std::runtime_error("cannot schedule new work after shutdown");
        }
        if (idle_ <= waiting_jobs_ && threads_.size() < max_threads_) {
            auto self = threads_.emplace(threads_.end());
            try {
                *self = std::thread([this, self] { work(self); });
            } catch (...) {
                threads_.erase(self);
                if (threads_.empty()) {
                    throw;  // with other threads there, the job waits for one of them
                }
            }
        }
        std::unique_ptr<BlockingJob>* const end = last_ != nullptr ? &last_->next : &first_;
        last_ = job.get();
        *end = std::move(job);
        ++waiting_jobs_;
        ended.swap(ended_);
    }
    wake_.notify_one();
    join_ended(ended);
}

void BlockingPool::work(std::list<std::thread>::iterator self) {
    name_this_thread(name_, "block");
    std::unique_lock hold(lock_);
    for (;;) {
        ++idle_;
        const bool found =
            wake_.wait_for(hold, keep_alive, [this] { return waiting_jobs_ != 0 || stopped_; });
        --idle_;
        if (waiting_jobs_ == 0) {
            if (stopped_ || !found) {
                break;
            }
            continue;
        }
        --waiting_jobs_;
        std::unique_ptr<BlockingJob> job = std::move(first_);
        first_ = std::move(job->next);
        last_ = first_ != nullptr ? last_ : nullptr;
        hold.unlock();
        set_thread_context(std::move(job->context));
        job->run();
        set_thread_context(nullptr);
        job.reset();
        hold.lock();
    }
    ended_.splice(ended_.end(), threads_, self);
    if (threads_.empty()) {
        all_ended_.notify_all();
    }
}

void BlockingPool::stop() noexcept {
    std::list<std::thread> ended;
    {
        std::unique_lock hold(lock_);
        stopped_ = true;
        wake_.notify_all();
        all_ended_.wait(hold, [this] { return threads_.empty(); });
        ended.swap(ended_);
    }
    join_ended(ended);
}

void BlockingPool::join_ended(std::list<std::thread>& ended) noexcept {
    for (std::thread& thread : ended) {
        thread.join();
    }
}

std::size_t BlockingPool::threads() const {
    const std::lock_guard hold(lock_);
    return threads_.size();
}

void post_blocking(std::unique_ptr<BlockingJob> job) {
    Scheduler& scheduler = running_scheduler();
    job->context = inherited_context(this_worker->current);
    scheduler.blocking_pool().post(std::move(job));
}

}  // namespace heddle::detail
