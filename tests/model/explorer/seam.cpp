#include "seam.hpp"

// Not one of its functions is the real one.
#pragma clang diagnostic ignored "-Wunused-private-field"
#include "sync/reserve.hpp"
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/sync/parker.hpp>
#include <heddle/detail/task/fork.hpp>
#include <heddle/detail/task/join.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/error.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cstdarg>
#include <ctime>
#include <memory>

// Seam 2 (what tasks need of the scheduler) and the system calls, for virtual threads.

// The explorer's own book-keeping, which no two virtual threads use at the same time.
#define HEDDLE_UNSEEN __attribute__((no_sanitize("thread"), noinline))

namespace heddle::explore {

namespace {

using detail::TaskControl;

/// Looks like a suspended coroutine to whoever resumes it. (Clang and GCC have the two functions in front.)
struct OwnFrame {
    void (*resume)(OwnFrame*) = [](OwnFrame* self) { self->resumed = true; };
    void (*destroy)(OwnFrame*) = nullptr;
    bool resumed = false;
};

struct VirtualWorker : detail::WorkerContext {
    VirtualWorker()
        // Only the address of the scheduler is used: "there is one".
        : own(&detail::make_control(detail::TaskKind::task, reinterpret_cast<detail::Scheduler*>(this),
                                    TaskControl::handle_ref + TaskControl::runtime_ref)) {
        scheduler = own->scheduler;
        current = detail::Running(own);
        own->set_own_flag(TaskControl::started);
    }
    TaskControl* own;
    OwnFrame frame;
};

std::array<VirtualWorker*, max_threads> workers;
std::array<const void*, max_threads> futexes;  // what each thread sleeps on
std::int64_t now = 1;
detail::TimerWheel* timers = nullptr;

HEDDLE_UNSEEN VirtualWorker& worker(unsigned thread) { return *workers[thread]; }
HEDDLE_UNSEEN void set_worker(unsigned thread, VirtualWorker* worker) { workers[thread] = worker; }
/// The thread whose own task this is, or max_threads.
HEDDLE_UNSEEN unsigned thread_of(const TaskControl& control) {
    for (unsigned t = 0; t < max_threads; ++t) {
        if (workers[t] != nullptr && workers[t]->own == &control) {
            return t;
        }
    }
    return max_threads;
}
HEDDLE_UNSEEN void set_futex(unsigned thread, const void* address) { futexes[thread] = address; }
HEDDLE_UNSEEN unsigned sleeper_on(const void* address) {
    unsigned t = 0;
    while (t < max_threads && futexes[t] != address) {
        ++t;
    }
    return t;
}
HEDDLE_UNSEEN std::uint32_t value_at(const void* address) {
    return *static_cast<const volatile std::uint32_t*>(address);
}
HEDDLE_UNSEEN std::int64_t& clock_of_all() { return now; }

/// What a worker does with a task whose turn it is: lib/sched/worker.cpp.
void drive(std::coroutine_handle<> next) {
    auto& me = *static_cast<VirtualWorker*>(detail::this_worker);
    for (;;) {
        next.resume();
        if (me.finish != nullptr) {
            TaskControl& control = *me.current.control();
            std::exchange(me.finish, nullptr)(control, me.finished_frame);
            control.drop_ref(TaskControl::runtime_ref);
        }
        detail::ForkScope* scope = detail::scope_in_line(me.current);
        if (scope == nullptr) {
            return;
        }
        next = scope->next_in_line(me);
    }
}

/// What to run when `task` has been woken.
std::coroutine_handle<> resumed(TaskControl& task) {
    const auto resume = reinterpret_cast<std::uintptr_t>(task.resume);
    if ((resume & TaskControl::hook_bit) != 0) {
        auto& hook = *reinterpret_cast<detail::WakeHook*>(resume & ~TaskControl::hook_bit);
        return hook.on_wake(hook);
    }
    if (!task.has_flag(TaskControl::started)) {
        task.set_own_flag(TaskControl::started);
        if (task.kind == detail::TaskKind::fork_child &&
            (task.word.load(detail::relaxed) & detail::word::pending) != 0) {
            return detail::fork_skip(*static_cast<detail::ForkChild*>(task.frame));
        }
    }
    return std::coroutine_handle<>::from_address(task.resume);
}

void start_thread() {
    auto* mine = new VirtualWorker;
    set_worker(self(), mine);
    detail::this_worker = mine;
    const detail::EpochPin registers_it;
}

/// Thread 0, when all is over: the workers go, and what has been retired is freed.
void end() {
    for (unsigned t = max_threads; t-- > 0;) {
        if (worker(t).own->extras.load(detail::relaxed) != nullptr) {
            worker(t).own->drop_ref(TaskControl::handle_ref + TaskControl::runtime_ref);
        }
        delete &worker(t);
        set_worker(t, nullptr);
    }
    detail::this_worker = nullptr;
    for (int i = 0; i < 4; ++i) {
        {
            const detail::EpochPin pin;
        }
        detail::epoch_collect(*detail::this_thread_epoch);
    }
}

}  // namespace

void set_up() {
    permanent(sizeof(detail::EpochRecord));
    permanent(std::size_t{HEDDLE_SLAB_BLOCKS + 1} * detail::cache_line);
    at_thread_start(start_thread);
    at_end(end);
}

std::coroutine_handle<> own_frame() { return std::coroutine_handle<>::from_address(&worker(self()).frame); }

void suspended_until_scheduled(std::coroutine_handle<> next) {
    VirtualWorker& me = worker(self());
    me.frame.resumed = false;
    drive(next);
    while (!me.frame.resumed) {
        sleep("in a wait");
        me.current = detail::Running(me.own);
        drive(resumed(*me.own));
    }
}

TaskControl& task_of(unsigned thread) { return *worker(thread).own; }
void cancel(unsigned thread) { detail::cancel_control(task_of(thread), nullptr, 0); }
bool parked(unsigned thread) {
    return detail::word::phase(task_of(thread).word.load(detail::acquire)) == detail::word::suspended;
}

void work() {
    VirtualWorker& me = worker(self());
    while (void* item = take()) {
        auto& task = *static_cast<TaskControl*>(item);
        me.current = detail::Running(&task);
        drive(resumed(task));
    }
    me.current = detail::Running(me.own);
}

void reclaim() {
    for (int i = 0; i < 3; ++i) {
        detail::epoch_tick();
    }
}

bool steal_child(unsigned victim) {
    VirtualWorker& me = worker(self());
    detail::ForkChild* child = worker(victim).forks.steal();
    if (child != nullptr) {
        drive(detail::fork_adopt(me, *child));
        me.current = detail::Running(me.own);
    }
    return child != nullptr;
}

HEDDLE_UNSEEN void set_time(std::int64_t ns) { now = ns; }
HEDDLE_UNSEEN void set_wheel(detail::TimerWheel* wheel) { timers = wheel; }
HEDDLE_UNSEEN detail::TimerWheel* wheel() { return timers; }

}  // namespace heddle::explore

// ---- the system calls of lib/sync/parker_linux.cpp, which is compiled with these names instead ----

extern "C" {

long explored_syscall(long number, ...) {
    using namespace heddle::explore;  // NOLINT(google-build-using-namespace): a short function
    if (number != SYS_futex) {
        barrier_of_all();  // sys_membarrier
        return 0;
    }
    std::va_list arguments;  // NOLINT(cppcoreguidelines-init-variables)
    va_start(arguments, number);
    const void* address = va_arg(arguments, const void*);
    const int what = va_arg(arguments, int) & ~FUTEX_PRIVATE_FLAG;
    const auto value = static_cast<std::uint32_t>(va_arg(arguments, int));
    const auto* deadline = va_arg(arguments, const timespec*);
    va_end(arguments);
    let_others_run();
    if (what == FUTEX_WAKE) {
        if (const unsigned sleeper = sleeper_on(address); sleeper != max_threads) {
            set_futex(sleeper, nullptr);
            wake(sleeper, false);
        }
    } else if (value_at(address) == value) {
        if (deadline != nullptr) {  // as if it had come: whoever wakes us sooner is seen as well
            set_time(
                std::max<std::int64_t>(clock_of_all(), deadline->tv_sec * 1'000'000'000 + deadline->tv_nsec));
            time_passes();
        } else {
            set_futex(self(), address);
            sleep("on a futex");
        }
    }
    return 0;
}

int explored_clock(clockid_t, timespec* time) {
    const std::int64_t ns = heddle::explore::clock_of_all();
    time->tv_sec = ns / 1'000'000'000;
    time->tv_nsec = ns % 1'000'000'000;
    return 0;
}

}  // extern "C"

// ---- memory never runs out here ----

namespace heddle::detail {

void Reserve::refill() {}
bool Reserve::fill() noexcept { return true; }
bool Reserve::keep(void*) noexcept { return false; }
void* Reserve::take() noexcept { explore::fail("the reserve is asked though memory has not run out"); }

}  // namespace heddle::detail

// ---- seam 2 ----

namespace heddle::detail {

void post_control(TaskControl& control) noexcept {
    const unsigned thread = explore::thread_of(control);
    if (thread != explore::max_threads) {
        explore::wake(thread);
    } else {
        explore::post(&control);
    }
}
void post_controls(Waiter* const* waiters, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        schedule(*waiters[i]);
    }
}
void post_behind(TaskControl& control) noexcept { post_control(control); }

bool ready_work_waits(const WorkerContext&) noexcept { return false; }
void forks_pushed(WorkerContext&) noexcept {}

Scheduler* current_scheduler() noexcept { return this_worker != nullptr ? this_worker->scheduler : nullptr; }
void task_born(Scheduler&) {}
void task_died(Scheduler&) noexcept {}
TaskControl& spawn_internal(Scheduler* scheduler, std::coroutine_handle<> frame) {
    return spawn_root(*scheduler, frame, nullptr, TaskKind::internal);
}
TimerNode* arm_timer(WaitToken token, std::int64_t when) {
    TimerNode* node = make_timer();
    node->who = token.who;
    node->seq = token.seq;
    node->when = when;
    explore::wheel()->arm(*node);
    return node;
}
void disarm_timer(TimerNode* node) noexcept { node->wheel->disarm(*node); }
ScopeTimer* arm_scope_timer(Waiter& who, std::int64_t when) {
    ScopeTimer* timer = make_scope_timer();
    timer->who = &who;
    timer->when = when;
    if (when != never) {
        explore::wheel()->arm(*timer);
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

void report_exception(Scheduler*, const char* context, const std::exception_ptr&, std::string_view) noexcept {
    explore::fail(context);
}

}  // namespace heddle::detail
