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

/// Sleeps until wake(self()) has been called, which may have been before. What the waker did before is seen.
void sleep(const char* why);
void wake(unsigned thread);

/// Objects of this size that are alive at the end are no leak.
void permanent(std::size_t size);
/// A variable of the thread that the code keeps thread_local: given to each virtual thread by itself.
void per_thread(void** variable);
/// Defined by whoever says how his code meets the explorer (seam.cpp): calls the three around this.
void set_up();
/// Called at the end of each execution by thread 0, once for each virtual thread in whose place it then
/// stands: gives back what thread exit would give back.
void at_thread_exit(void (*hook)());

}  // namespace heddle::explore
