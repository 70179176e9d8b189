#include "scheduler.hpp"
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/sync/parker.hpp>
#include <heddle/error.hpp>

#include <algorithm>

// Shutting down:
// 1. closed: foreign threads can spawn no more. Workers still can: tasks may need others to clean up.
// 2. every task is cancelled once; tasks born later are cancelled in later rounds.
// 3. the closing thread sleeps until the last task has died.
// 4. functions that to_thread has started run to their end.
// 5. the workers are told to stop, woken and joined. Their queues are empty: nothing lives.
//
// [close] closed is set, then all threads pass a barrier: a worker that has not seen it has made its count of
//         the dead visible before, one that has seen it wakes the closing thread.

namespace heddle::detail {

namespace {
constexpr std::int64_t round_ns = 10'000'000;  // where the kernel has no membarrier, and for newborn tasks
}

void Scheduler::cancel_all() noexcept {
    slab_for_each(
        [](TaskControl& control, void* scheduler) {
            const ControlRef ref = ref_if_alive(control);
            if (ref && ref->scheduler == scheduler && ref->kind == TaskKind::task && !ref->done() &&
                // relaxed: only says that we have been here
                (ref->marks.fetch_or(TaskControl::shut_down, relaxed) & TaskControl::shut_down) == 0) {
                cancel_control(*ref, nullptr, 0);
            }
        },
        this);
}

void Scheduler::shutdown() { shutdown_until(never); }

std::vector<std::string> Scheduler::shutdown_until(std::int64_t deadline) {
    const std::lock_guard hold(shutdown_);
    if (!closed_.exchange(true, acq_rel)) {  // acq_rel [close]
        admitted_.fetch_or(1, acq_rel);      // acq_rel [born]: a spawn is refused, or counted by now
        process_barrier();
    }
    if (!wait_for_tasks(deadline)) {
        std::vector<std::string> names = names_of_live();
        for (const std::string& name : names) {
            report("task still running at the deadline of shutdown: " + name,
                   std::make_exception_ptr(TimeoutError()));
        }
        return names;
    }
    blocking_pool_.stop();
    stop_threads();
    return {};
}

bool Scheduler::wait_for_tasks(std::int64_t deadline) {
    while (!threads_.empty()) {
        const std::uint32_t seen = deaths_seen_.load(acquire);  // acquire [close]
        if (live_tasks() == 0) {
            break;
        }
        cancel_all();
        const std::int64_t now = now_ns();
        if (now >= deadline) {
            return live_tasks() == 0;
        }
        if (live_tasks() != 0) {
            futex_wait(&deaths_seen_, seen, std::min(deadline, now + round_ns));
        }
    }
    return true;
}

std::vector<std::string> Scheduler::names_of_live() const {
    struct Search {
        const Scheduler* scheduler;
        std::vector<std::string> names;
    } search{this, {}};
    slab_for_each(
        [](TaskControl& control, void* context) {
            auto& s = *static_cast<Search*>(context);
            const ControlRef ref = ref_if_alive(control);
            if (ref && ref->scheduler == s.scheduler && ref->kind == TaskKind::task && !ref->done()) {
                s.names.push_back(task_name(*ref));
            }
        },
        &search);
    return std::move(search.names);
}

void Scheduler::stop_threads() noexcept {
    stopping_.store(true, release);  // release [stop]
    for (const auto& worker : workers_) {
        worker->parker().unpark();
    }
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
    epoch_tick();
}

}  // namespace heddle::detail
