#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sched/blocking_job.hpp>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace heddle::detail {

/// Threads for work that blocks: one more is started when none is idle, up to a bound; an idle one ends after
/// a while. Jobs start in the order in which they were posted.
class BlockingPool : Immovable {
public:
    BlockingPool(std::string name, unsigned max_threads);
    ~BlockingPool();

    /// Throws std::runtime_error after stop().
    void post(std::unique_ptr<BlockingJob> job);
    /// Runs what is queued and waits for it; then no more jobs are taken.
    void stop() noexcept;
    [[nodiscard]] std::size_t threads() const;

private:
    void work(std::list<std::thread>::iterator self);
    void join_ended(std::list<std::thread>& ended) noexcept;

    const std::string name_;
    const unsigned max_threads_;
    mutable std::mutex lock_;
    std::condition_variable wake_;
    std::condition_variable all_ended_;
    std::unique_ptr<BlockingJob> first_;  // under lock_, as all that follows
    BlockingJob* last_ = nullptr;
    std::size_t waiting_jobs_ = 0;
    std::size_t idle_ = 0;
    bool stopped_ = false;
    std::list<std::thread> threads_;
    std::list<std::thread> ended_;
};

}  // namespace heddle::detail
