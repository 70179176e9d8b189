#pragma once

#include "blocking_pool.hpp"
#include "cpus.hpp"
#include "idle.hpp"
#include "inject_queue.hpp"
#include "worker.hpp"
#include <heddle/runtime.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace heddle::detail {

/// The workers and what they share. Owned by a Runtime.
class Scheduler : Immovable {
public:
    explicit Scheduler(RuntimeOptions options);
    ~Scheduler();

    /// Any thread that is not one of our workers. `task` has been claimed, so the runtime lives until the
    /// push; the visit keeps it from being destroyed before the call is over.
    void inject(TaskControl& task) noexcept;
    /// Wakes a sleeper, if there is one and nobody searches; `always`: also if somebody does.
    void notify(unsigned near, bool always = false) noexcept;
    /// The same for a worker that has pushed to its own lane: free unless somebody sleeps.
    void notify_local(unsigned worker) noexcept {
        if (idle_.may_need_wake()) [[unlikely]] {
            notify(worker);
        }
    }

    void born();
    void died() noexcept;
    void report(const std::string& context, const std::exception_ptr& error) const noexcept;

    /// No more tasks from foreign threads; cancels what runs, waits for it, stops the workers. Idempotent.
    void shutdown();
    /// The same with a deadline; gives the names of what still runs then.
    std::vector<std::string> shutdown_until(std::int64_t deadline);
    [[nodiscard]] std::uint64_t live_tasks() const noexcept;

    [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }
    [[nodiscard]] const RuntimeOptions& options() const noexcept { return options_; }
    [[nodiscard]] BlockingPool& blocking_pool() noexcept { return blocking_pool_; }
    [[nodiscard]] Runtime* runtime() const noexcept { return runtime_; }
    void set_runtime(Runtime* runtime) noexcept { runtime_ = runtime; }
    /// This process was forked from the one that has the workers.
    [[nodiscard]] bool threads_are_elsewhere() const noexcept { return process_ != process_id(); }

    /// Keeps the scheduler from being destroyed, if it still exists. Cold: takes the registry's lock.
    [[nodiscard]] static bool enter_if_alive(Scheduler* scheduler) noexcept;
    void enter() noexcept {
        visitors_.fetch_add(1, acq_rel);  // acq_rel [visit]
    }
    /// The caller's last access.
    void leave() noexcept {
        visitors_.fetch_sub(1, acq_rel);  // acq_rel [visit]; *this may be gone
    }

private:
    friend class Worker;

    void start_threads();
    void forget() noexcept;
    void stop_threads() noexcept;
    void cancel_all() noexcept;
    [[nodiscard]] bool wait_for_tasks(std::int64_t deadline);
    [[nodiscard]] std::vector<std::string> names_of_live() const;

    RuntimeOptions options_;
    const int process_ = process_id();
    Runtime* runtime_ = nullptr;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    InjectQueue inject_;
    IdleWord idle_;
    BlockingPool blocking_pool_;
    bool may_spin_;
    bool barrier_works_ = false;    // process_barrier(): workers may stay announced between their pins
    std::mutex shutdown_;           // one closing thread; a second one waits for it
    Atomic<bool> closed_{false};    // [close] deaths wake the closing thread
    Atomic<bool> stopping_{false};  // [stop] workers leave their loops
    // { tasks spawned by foreign threads : 63 | refused from now on : 1 }: one word, so that a spawn is
    // either refused or counted before the closing thread looks. [born]
    Atomic<std::uint64_t> admitted_{0};
    Atomic<std::uint32_t> deaths_seen_{0};  // futex of the closing thread
    Atomic<std::uint32_t> visitors_{0};     // [visit] foreign threads inside inject() or report()
};

}  // namespace heddle::detail
