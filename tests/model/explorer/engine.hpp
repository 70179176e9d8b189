#pragma once

#include "explore.hpp"
#include "heap.hpp"
#include "memory.hpp"
#include "strategy.hpp"
#include "tls.hpp"

#include <ucontext.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace heddle::explore {

/// How an execution ended.
struct Verdict {
    bool failed = false;
    std::string what;
    std::vector<std::pair<std::string, Pc>> places;  // what happened where
};

/// Runs executions of a scenario, one after the other: virtual threads as fibers on one real thread, which
/// changes hands before an atomic access, where the strategy says so.
class Engine {
public:
    Engine();
    Verdict execute(const Scenario& scenario, Strategy& strategy);
    void print_trace(const Verdict& verdict) const;

    /// Whether code of a scenario is running, as opposed to ours: only that is watched.
    [[nodiscard]] bool watching() const noexcept { return watching_; }
    /// Whether what is allocated belongs to the execution.
    [[nodiscard]] bool in_execution() const noexcept { return watching_ || preparing_; }

    // What hooks.cpp calls, on a fiber.
    void plain(std::uintptr_t address, std::size_t size, bool write, Pc pc);
    std::uint64_t load(void* address, unsigned size, int order, Pc pc);
    void store(void* address, unsigned size, std::uint64_t value, int order, Pc pc);
    std::uint64_t modify(void* address, unsigned size, int order, Pc pc,
                         std::uint64_t (*change)(std::uint64_t, std::uint64_t), std::uint64_t operand);
    bool compare_exchange(void* address, unsigned size, std::uint64_t& expected, std::uint64_t desired,
                          int order, int failure, Pc pc);
    void fence(int order);
    void release(void* memory, Pc pc);
    Heap& heap() noexcept { return heap_; }

    // What the scenario calls.
    void parallel(const std::vector<std::function<void()>>& bodies);
    [[nodiscard]] unsigned self() const noexcept { return current_; }
    unsigned choose_stale(unsigned n);
    unsigned choose(unsigned n);
    void sleep(const char* why);
    void wake(unsigned thread, bool publishes);
    void let_others_run();
    void time_passes();
    void barrier_of_all();
    void exit_thread();
    void post(void* item);
    void* take();
    void at_thread_start(void (*hook)()) { start_hook_ = hook; }
    void at_end(void (*hook)()) { end_hook_ = hook; }
    /// The calling thread's destructor of a thread_local variable.
    void at_thread_exit(void (*destroy)(void*), void* object);

    [[noreturn]] void fail(const char* what, Pc pc = 0, const char* other = nullptr, Pc other_pc = 0);
    [[noreturn]] void race(bool write, Pc pc, Memory::Conflict with, std::uintptr_t address);

    [[nodiscard]] std::uint64_t steps() const noexcept { return all_steps_; }

private:
    friend class Unwatched;
    enum class State : std::uint8_t { unused, ready, asleep, taking, joining, finished };
    struct Thread {
        State state = State::unused;
        View view;
        ucontext_t context{};
        std::unique_ptr<char[]> stack;
        std::function<void()> body;
        const char* why = "";
        bool token = false;      // wake() came first
        bool gives_way = false;  // until another one has run
        unsigned timeouts = 0;
        Clock waker;              // of whoever called wake()
        unsigned idle_reads = 0;  // loads in a row of what it has just read
        std::array<std::pair<std::uintptr_t, std::uint64_t>, 4> recent{};  // where and what it read last
        std::uint64_t stalled = 0;    // changes seen when it was found to spin
        std::vector<char> variables;  // thread_local ones, while another thread runs
        std::vector<std::pair<void (*)(void*), void*>> at_exit;
        std::array<char, 16> exceptions{};  // __cxa_eh_globals
    };
    struct Event {
        unsigned thread;
        const char* kind;
        int order;
        std::uintptr_t address;
        std::uint64_t value;
        Pc pc;
    };

    static void enter();
    void run_body();
    void reset();
    void begin_step(Pc pc);
    void end_step(bool changed, std::uintptr_t address, std::uint64_t value);
    void check_heap(std::uintptr_t address, std::size_t size, Pc pc) const;
    [[nodiscard]] bool is_ours(std::uintptr_t address) const noexcept;
    void reschedule(bool current_can_run);
    void switch_to(unsigned next);
    [[nodiscard]] bool runnable(unsigned t) const;
    [[nodiscard]] bool nobody_posts() const;
    [[nodiscard]] bool spinning(const Thread& thread) const;
    [[nodiscard]] bool tired_of_old_values() const;
    void note(const char* kind, int order, void* address, std::uint64_t value, Pc pc);
    void finish();
    void begin(Thread& thread, unsigned number);
    void prepare_threads();
    static void run_thread_exit(Thread& thread);
    void end_all_threads();
    void swap_variables(unsigned t);
    void sleep_as(State state);
    Thread& me() noexcept { return threads_[current_]; }

    static constexpr std::uint64_t step_limit = 20'000;
    static constexpr std::size_t stack_size = std::size_t{256} << 10U;
    static constexpr unsigned patience = 8;  // loads in a row without any change that make a thread a spinner

    std::array<Thread, max_threads> threads_;
    ucontext_t controller_{};
    unsigned current_ = 0;
    bool watching_ = false;
    bool preparing_ = false;
    const Scenario* scenario_ = nullptr;
    Strategy* strategy_ = nullptr;
    Memory memory_;
    Heap heap_;
    Verdict verdict_;
    std::vector<Event> events_;
    std::uint64_t steps_ = 0;
    std::uint64_t all_steps_ = 0;
    std::uint64_t changes_ = 0;
    std::pair<std::uint64_t, unsigned> futile_;  // how often nobody but spinners could run since a change
    struct Post {
        void* item;
        Clock clock;
    };
    std::vector<Post> posted_;  // oldest first
    ThreadLocals locals_;
    void (*start_hook_)() = nullptr;
    void (*end_hook_)() = nullptr;
    std::vector<char> data_;  // the program's variables as they were before the first execution
};

/// The only one; main() makes it.
Engine& engine() noexcept;
/// False also before there is one.
[[nodiscard]] bool watching() noexcept;
[[nodiscard]] bool in_execution() noexcept;
[[nodiscard]] bool on_its_heap(const void* memory) noexcept;

/// While one exists, accesses and allocations are the explorer's own.
class Unwatched {
public:
    Unwatched();
    Unwatched(const Unwatched&) = delete;
    Unwatched& operator=(const Unwatched&) = delete;
    Unwatched(Unwatched&&) = delete;
    Unwatched& operator=(Unwatched&&) = delete;
    ~Unwatched();

private:
    bool watching_;
    bool preparing_;
};

}  // namespace heddle::explore
