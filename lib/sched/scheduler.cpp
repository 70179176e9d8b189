#include "scheduler.hpp"

#include "cpus.hpp"
#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/task/fork.hpp>
#include <heddle/detail/task/schedule.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

// Start, posting, and the definition of seam 2.

namespace heddle::detail {

namespace {

constexpr std::int64_t default_spin_ns = 50'000;

/// The runtimes that exist: an exception may be reported after its runtime has gone. Cold paths only.
struct Runtimes {
    std::mutex lock;
    std::vector<Scheduler*> alive;
};
union Undestroyed {  // outlives every static destructor, and cannot fail to be made
    constexpr Undestroyed() noexcept : runtimes() {}
    ~Undestroyed() {}
    Runtimes runtimes;
};
constinit Undestroyed the_runtimes;
Runtimes& runtimes() noexcept { return the_runtimes.runtimes; }

RuntimeOptions completed(RuntimeOptions options) {
    const unsigned cpus = available_cpus();
    if (options.workers == 0) {
        options.workers = cpus;
    }
    if (options.blocking_threads == 0) {
        options.blocking_threads = 512;
    }
    if (options.spin_ns < 0) {
        options.spin_ns = options.workers <= cpus && cpus > 1 ? default_spin_ns : 0;
    }
    return options;
}

void print_exception(const std::string& context, const std::exception_ptr& error) noexcept {
    const auto print = [&](const char* what) {
        std::fprintf(stderr, "heddle: %s: %s\n", context.c_str(), what);
    };
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        print(e.what());
    } catch (const CancelledError&) {
        print("CancelledError");
    } catch (...) {
        print("unknown exception");
    }
}

/// "context: name", or as much of the context as costs no memory when there is none.
std::string description(const char* context, std::string_view name) noexcept {
    std::string text;
    try {
        text = context;
        if (!name.empty()) {
            text.append(": ").append(name);
        }
    } catch (const std::bad_alloc&) {
        text.assign(context, std::min(std::strlen(context), text.capacity()));
    }
    return text;
}

Worker& self() noexcept { return static_cast<Worker&>(*this_worker); }

}  // namespace

Scheduler::Scheduler(RuntimeOptions options)
    : options_(completed(std::move(options))),
      inject_(options_.workers),
      idle_(options_.workers),
      blocking_pool_(options_.name, options_.blocking_threads),
      may_spin_(options_.spin_ns > 0) {
    const bool single = options_.workers == 1;
    for (unsigned i = 0; i < options_.workers; ++i) {
        workers_.push_back(std::make_unique<Worker>(*this, i, single));
    }
    barrier_works_ = process_barrier();  // registers with the kernel: 3 us now, 13 ms once there are threads
    {
        const std::lock_guard hold(runtimes().lock);
        runtimes().alive.push_back(this);
    }
    try {
        start_threads();
    } catch (...) {
        forget();
        throw;
    }
}

void Scheduler::forget() noexcept {
    const std::lock_guard hold(runtimes().lock);
    std::erase(runtimes().alive, this);
}

Scheduler::~Scheduler() {
    shutdown();
    forget();
    // Foreign threads that have just handed us a task are on their last few instructions in here.
    while (visitors_.load(acquire) != 0) {  // acquire [visit]
        std::this_thread::yield();
    }
}

bool Scheduler::enter_if_alive(Scheduler* scheduler) noexcept {
    const std::lock_guard hold(runtimes().lock);
    const bool alive = std::ranges::find(runtimes().alive, scheduler) != runtimes().alive.end();
    if (alive) {
        scheduler->enter();
    }
    return alive;
}

void Scheduler::start_threads() {
    try {
        threads_.reserve(workers());
        for (unsigned i = 0; i < workers(); ++i) {
            threads_.emplace_back([this, i] {
                name_this_thread(options_.name, i);
                if (!options_.affinity.empty()) {
                    bind_this_thread(options_.affinity[i % options_.affinity.size()]);
                }
                workers_[i]->run();
            });
        }
    } catch (const std::system_error& error) {
        const std::size_t started = threads_.size();
        stop_threads();
        throw std::system_error(error.code(), "cannot start worker " + std::to_string(started + 1) + " of " +
                                                  std::to_string(workers()));
    } catch (...) {
        stop_threads();
        throw;
    }
}

void Scheduler::inject(TaskControl& task) noexcept {
    enter();
    inject_.push(&task);
    notify(0);
    leave();  // *this may be gone
}

void Scheduler::notify(unsigned near, bool always) noexcept {
    if (const int chosen = idle_.choose_sleeper(near, always); chosen >= 0) {
        const auto worker = static_cast<unsigned>(chosen);
        idle_.leave_watch(worker);
        workers_[worker]->parker().unpark();
    }
}

void Scheduler::born() {
    if (this_worker != nullptr && this_worker->scheduler == this) {
        Atomic<std::uint64_t>& count = self().born;
        count.store(count.load(relaxed) + 1, release);  // relaxed: one writer; release [born]
        return;
    }
    std::uint64_t seen = admitted_.load(relaxed);  // relaxed: the CAS validates it
    do {
        if ((seen & 1) != 0) {
            throw std::runtime_error("cannot schedule new tasks after shutdown");
        }
    } while (!admitted_.compare_exchange_weak(seen, seen + 2, acq_rel, relaxed));  // acq_rel [born]
}

void Scheduler::died() noexcept {
    Atomic<std::uint64_t>& count = self().died;
    count.store(count.load(relaxed) + 1, release);  // relaxed: one writer; release [born]
    if (closed_.load(relaxed)) [[unlikely]] {       // relaxed: the closer passes a barrier after setting it
        deaths_seen_.fetch_add(1, acq_rel);         // acq_rel [close]
        futex_wake_one(&deaths_seen_);
    }
}

std::uint64_t Scheduler::live_tasks() const noexcept {
    std::uint64_t died = 0;
    for (const auto& worker : workers_) {
        died += worker->died.load(acquire);  // acquire [born]: read before any of born, so never too few live
    }
    std::uint64_t born = admitted_.load(acquire) / 2;  // acquire [born]
    for (const auto& worker : workers_) {
        born += worker->born.load(acquire);  // acquire [born]
    }
    return born - died;
}

void Scheduler::report(const std::string& context, const std::exception_ptr& error) const noexcept {
    if (options_.exception_handler) {
        options_.exception_handler(context, error);
    } else {
        print_exception(context, error);
    }
}

void post_control(TaskControl& control) noexcept {
    Scheduler& scheduler = *control.scheduler;
    if (this_worker != nullptr && this_worker->scheduler == &scheduler) [[likely]] {
        self().push(control);
    } else {
        scheduler.inject(control);
    }
}

HEDDLE_FLATTEN void post_controls(Waiter* const* waiters, std::size_t n) noexcept {
    auto* const here = static_cast<Worker*>(this_worker);
    bool pushed = false;
    for (std::size_t i = 0; i < n; ++i) {
        auto* control = static_cast<TaskControl*>(waiters[i]);
        if (here != nullptr && here->scheduler == control->scheduler && control->kind != TaskKind::thread) {
            here->push_behind(*control);
            pushed = true;
        } else {
            schedule(*control);
        }
    }
    if (pushed) {
        here->tell_of_pushes();
    }
}

void post_behind(TaskControl& control) noexcept { self().push_behind(control); }

bool ready_work_waits(const WorkerContext& worker) noexcept {
    return HEDDLE_FORCE_SUSPEND != 0 || static_cast<const Worker&>(worker).ready_waits();
}

void forks_pushed(WorkerContext& worker) noexcept {
    worker.scheduler->notify_local(static_cast<Worker&>(worker).index());
}

Scheduler* current_scheduler() noexcept { return this_worker != nullptr ? this_worker->scheduler : nullptr; }

void task_born(Scheduler& scheduler) { scheduler.born(); }

void task_died(Scheduler& scheduler) noexcept { scheduler.died(); }

void report_exception(Scheduler* scheduler, const char* context, const std::exception_ptr& error,
                      std::string_view name) noexcept {
    const std::string text = description(context, name);
    if (Scheduler::enter_if_alive(scheduler)) {
        scheduler->report(text, error);
        scheduler->leave();
    } else {
        print_exception(text, error);
    }
}

TaskControl& spawn_internal(Scheduler* scheduler, std::coroutine_handle<> frame) {
    if (scheduler != nullptr && current_scheduler() == scheduler) {
        return spawn_root(*scheduler, frame, nullptr, TaskKind::internal);
    }
    if (!Scheduler::enter_if_alive(scheduler)) {
        frame.destroy();
        throw std::runtime_error("Event loop is closed");
    }
    try {
        TaskControl& control = spawn_root(*scheduler, frame, nullptr, TaskKind::internal);
        scheduler->leave();
        return control;
    } catch (...) {
        scheduler->leave();
        throw;
    }
}

TimerNode* arm_timer(WaitToken token, std::int64_t when) {
    TimerNode* node = make_timer();
    node->who = token.who;
    node->seq = token.seq;
    node->when = when;
    self().timers().arm(*node);
    return node;
}

void disarm_timer(TimerNode* node) noexcept { node->wheel->disarm(*node); }

ScopeTimer* arm_scope_timer(Waiter& who, std::int64_t when) {
    ScopeTimer* timer = make_scope_timer();
    timer->who = &who;
    timer->when = when;
    if (when != never) {
        self().timers().arm(*timer);
    }
    return timer;
}

void disarm_scope_timer(ScopeTimer* timer) noexcept {
    if (timer->wheel != nullptr) {
        timer->wheel->disarm(*timer);
    } else {
        free_timer(*timer);
    }
}

}  // namespace heddle::detail
