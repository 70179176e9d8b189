#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <vector>

// The explorer runs a small concurrent program under very many interleavings and judges each of them. It is
// the runtime that code compiled with -fsanitize=thread calls: every plain and every atomic access of the
// shipped sources, with its memory order, comes here, and nothing in them has to be changed. See README.md.

namespace heddle::explore {

inline constexpr unsigned max_threads = 8;  ///< the scenario's own thread included

/// One small program: run() is executed as thread 0, again and again.
struct Scenario {
    const char* name;
    const char* what;
    void (*run)();
    unsigned preemptions = 2;  ///< bound of the exhaustive search
    unsigned stale = 1;        ///< how many loads of one execution may return an older value, same search
    const char* planted =
        nullptr;  ///< for --self-test: how the failure begins that has to be found; "": none
};

/// Registers a scenario: `const Register r{{"name", "what it shows", [] { … }}};`
struct Register {
    explicit Register(const Scenario& scenario);
};

/// Runs the bodies as virtual threads 1, 2, … and returns when all have ended. Only from thread 0.
void parallel(std::initializer_list<std::function<void()>> bodies);
void parallel(const std::vector<std::function<void()>>& bodies);

/// The calling virtual thread.
[[nodiscard]] unsigned self() noexcept;

/// Ends the execution as a failure unless `ok`.
void require(bool ok, const char* what);
[[noreturn]] void fail(const char* what);

/// 0 … n-1, all of which are tried.
[[nodiscard]] unsigned choose(unsigned n);

/// Sleeps until wake(self()) has been called, which may have been before.
void sleep(const char* why);
/// What the caller did before is seen by the sleeper, unless `publishes` is false.
void wake(unsigned thread, bool publishes = true);
/// Others may run here.
void let_others_run();
/// The same where a wait ends by time.
void time_passes();
/// What sys_membarrier does: all stores so far are seen by everybody from here on.
void barrier_of_all();

/// A queue of things to do, and whoever waits for one.
void post(void* item);
/// Sleeps until there is something, or until every thread that could post is asleep in here: then null.
[[nodiscard]] void* take();

/// Objects of this size that are alive at the end are no leak.
void permanent(std::size_t size);
/// The calling thread ends, and goes on as a new one: its thread_local variables are destroyed and made anew.
void exit_thread();

/// Called on each virtual thread before the execution begins, and not explored.
void at_thread_start(void (*hook)());
/// Called by thread 0 when its body is over and the other threads have exited.
void at_end(void (*hook)());
/// Defined by whoever says how his code meets the explorer (seam.cpp): calls the three above.
void set_up();

}  // namespace heddle::explore
