#include "faults.hpp"

#include "support/parked.hpp"

#include <dlfcn.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstddef>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

// The replacements are called from everywhere, also while a thread starts and ends and before a sanitizer is
// ready: they allocate nothing and call no other function of the C library (but for pthread_create).

#if defined(__clang__)
#define HEDDLE_NOT_WATCHED __attribute__((no_sanitize("thread", "address", "undefined")))
#else
#define HEDDLE_NOT_WATCHED
#endif

// A sanitizer's own pthread_create, where there is one.
extern "C" [[gnu::weak]] int
___interceptor_pthread_create(  // NOLINT(bugprone-reserved-identifier, readability-identifier-naming)
    pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

namespace heddle::test {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t ns_per_ms = 1'000'000;

std::atomic<int> threads_left{-1};  // negative: no limit
std::atomic<int> threads_refused{0};

std::atomic<bool> noise{false};
std::atomic<std::uint64_t> lies_told{0};
std::array<std::atomic<std::uint64_t>, 64> futexes{};  // addresses that were waited on; some are stale

std::atomic<bool> clock_is_set{false};
std::atomic<std::int64_t> offset{0};
std::atomic<std::int64_t> wall_offset{0};
std::atomic<std::int64_t> stopped_at{0};  // 0: it runs
std::atomic<std::uint64_t> wall_asked{0};
std::array<std::atomic<int>, 64> keep_real_time{};

// As the kernel has it: the result, or an error as a negative number.
// NOLINTBEGIN(misc-const-correctness): it does not read what the assembler writes
HEDDLE_NOT_WATCHED long raw(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result = 0;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    register long r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a;
    register long x1 asm("x1") = b;
    register long x2 asm("x2") = c;
    register long x3 asm("x3") = d;
    register long x4 asm("x4") = e;
    register long x5 asm("x5") = f;
    asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "how is a system call made here?"
#endif
}
// NOLINTEND(misc-const-correctness)

HEDDLE_NOT_WATCHED long raw_clock(clockid_t id, timespec* out) {
    return raw(SYS_clock_gettime, id, reinterpret_cast<long>(out), 0, 0, 0, 0);
}

HEDDLE_NOT_WATCHED std::int64_t real_now() {
    timespec ts{};
    raw_clock(CLOCK_MONOTONIC, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * ns_per_s + ts.tv_nsec;
}

HEDDLE_NOT_WATCHED timespec as_timespec(std::int64_t ns) {
    timespec ts{};
    ts.tv_sec = static_cast<time_t>(ns / ns_per_s);
    ts.tv_nsec = static_cast<long>(ns % ns_per_s);
    return ts;
}

HEDDLE_NOT_WATCHED bool sees_set_clock() {
    if (!clock_is_set.load()) {
        return false;
    }
    const int me = static_cast<int>(raw(SYS_gettid, 0, 0, 0, 0, 0, 0));
    for (const std::atomic<int>& thread : keep_real_time) {
        const int id = thread.load();
        if (id == me) {
            return false;
        }
        if (id == 0) {
            break;
        }
    }
    return true;
}

HEDDLE_NOT_WATCHED std::int64_t set_now() {
    const std::int64_t at = stopped_at.load();
    return at != 0 ? at : real_now() + offset.load();
}

HEDDLE_NOT_WATCHED std::uint32_t random_number() {
    static thread_local std::uint32_t state = 0;
    if (state == 0) {
        state = static_cast<std::uint32_t>(raw(SYS_gettid, 0, 0, 0, 0, 0, 0)) * 2654435761U + 1;
    }
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return state;
}

/// Sleeps in short pieces, and tells after each that it was interrupted: so a change of the clock is seen.
HEDDLE_NOT_WATCHED long wait_by_set_clock(long address, long op, long expected, const timespec& limit, long e,
                                          long f) {
    const std::int64_t deadline = static_cast<std::int64_t>(limit.tv_sec) * ns_per_s + limit.tv_nsec;
    if (set_now() >= deadline) {
        return -ETIMEDOUT;
    }
    std::int64_t piece = ns_per_ms;
    if (stopped_at.load() == 0) {
        piece = std::min(piece, deadline - set_now());
    }
    const timespec until = as_timespec(real_now() + std::max<std::int64_t>(piece, 0));
    const long result = raw(SYS_futex, address, op, expected, reinterpret_cast<long>(&until), e, f);
    return result != -ETIMEDOUT || set_now() >= deadline ? result : -EINTR;
}

HEDDLE_NOT_WATCHED long futex(long address, long op, long value, long timeout, long e, long f) {
    const long command = op & FUTEX_CMD_MASK;
    const bool waits = command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT;
    if (noise.load()) {
        const std::uint32_t r = random_number();
        if (waits) {
            futexes[r % futexes.size()].store(static_cast<std::uint64_t>(address));
        }
        if (r % 3 == 0) {
            if (const std::uint64_t other = futexes[(r >> 8U) % futexes.size()].load(); other != 0) {
                raw(SYS_futex, static_cast<long>(other), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
                lies_told.fetch_add(1);
            }
        }
        if (waits && (r >> 16U) % 2 == 0) {
            constexpr long answers[] = {0, -EINTR, -EAGAIN};
            lies_told.fetch_add(1);
            return answers[(r >> 20U) % 3];
        }
    }
    if (command == FUTEX_WAIT_BITSET && timeout != 0 && sees_set_clock()) {
        return wait_by_set_clock(address, op, value, *reinterpret_cast<const timespec*>(timeout), e, f);
    }
    return raw(SYS_futex, address, op, value, timeout, e, f);
}

enum HoldState : int { nobody, wanted, held, out_of_place };
std::atomic<int> hold_state{nobody};
std::atomic<int> hold_thread{0};
std::atomic<unsigned> hold_countdown{0};
std::atomic<int> holding{0};

HEDDLE_NOT_WATCHED void be_held() {
    holding.fetch_add(1);
    int expected = wanted;
    if (hold_state.compare_exchange_strong(expected, held)) {
        while (hold_state.load() == held) {
            raw(SYS_futex, reinterpret_cast<long>(&hold_state), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, held, 0, 0,
                0);
        }
    }
    holding.fetch_sub(1);
}

HEDDLE_NOT_WATCHED void perhaps_be_held() {
    if (hold_state.load() != wanted || hold_countdown.load() == 0 ||
        raw(SYS_gettid, 0, 0, 0, 0, 0, 0) != hold_thread.load()) {
        return;
    }
    if (hold_countdown.fetch_sub(1) == 1) {
        be_held();
    }
}

// Where the linker has put the program's own code.
extern "C" const char __executable_start;  // NOLINT(bugprone-reserved-identifier): the linker's name
extern "C" const char etext;

void on_hold_signal(int signal, siginfo_t* info, void* context) {
    static_cast<void>(signal);
    static_cast<void>(info);
    const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    const auto at = static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#else
    const auto at = static_cast<std::uintptr_t>(machine.pc);
#endif
    if (at >= reinterpret_cast<std::uintptr_t>(&__executable_start) &&
        at < reinterpret_cast<std::uintptr_t>(&etext)) {
        be_held();
    } else {
        int expected = wanted;
        hold_state.compare_exchange_strong(expected, out_of_place);
    }
}

HEDDLE_NOT_WATCHED long as_in_libc(long result) {
    if (result < 0 && result > -4096) {
        errno = static_cast<int>(-result);
        return -1;
    }
    return result;
}

}  // namespace

ThreadLimit::ThreadLimit(int more) {
    threads_refused = 0;
    threads_left = more;
}
ThreadLimit::~ThreadLimit() { threads_left = -1; }
int ThreadLimit::refused() { return threads_refused; }

FutexNoise::FutexNoise() {
    lies_told = 0;
    noise = true;
}
FutexNoise::~FutexNoise() {
    noise = false;
    for (auto& address : futexes) {
        address = 0;
    }
}
std::uint64_t FutexNoise::lies() { return lies_told; }

SetClock::SetClock() {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        const std::string name = entry.path().filename();
        int id = 0;
        std::from_chars(name.data(), name.data() + name.size(), id);
        if (id != gettid() && n < keep_real_time.size()) {
            keep_real_time[n++] = id;
        }
    }
    std::fill(keep_real_time.begin() + static_cast<std::ptrdiff_t>(n), keep_real_time.end(), 0);
    offset = wall_offset = stopped_at = 0;
    wall_asked = 0;
    clock_is_set = true;
}
SetClock::~SetClock() { clock_is_set = false; }
void SetClock::jump(std::int64_t ns) {
    if (stopped_at != 0) {
        stopped_at += ns;
    } else {
        offset += ns;
    }
}
void SetClock::jump_wall(std::int64_t ns) { wall_offset += ns; }
void SetClock::stop() { stopped_at = set_now(); }
void SetClock::go_on() {
    offset = stopped_at - real_now();
    stopped_at = 0;
}
std::uint64_t SetClock::wall_looks() { return wall_asked; }

HeldThread::HeldThread(int thread, Where where, unsigned n) : thread_(thread), where_(where) {
    hold_thread = thread;
    hold_countdown = where == Where::at_a_call ? n : 0;
    hold_state = wanted;
}
HeldThread::~HeldThread() {
    hold_state = nobody;
    raw(SYS_futex, reinterpret_cast<long>(&hold_state), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
    until_blocking([] { return holding == 0; });
}
void HeldThread::until_held() const {
    if (where_ == Where::at_a_call) {
        until_blocking([] { return hold_state == held; });
        return;
    }
    struct sigaction action{};
    action.sa_sigaction = &on_hold_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR2, &action, nullptr);
    for (;;) {
        tgkill(getpid(), thread_, SIGUSR2);
        until_blocking([] { return hold_state != wanted; });
        if (hold_state == held) {
            return;
        }
        hold_state = wanted;
    }
}

std::vector<int> threads_named(const std::string& prefix) {
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(entry.path() / "comm"), name);
        if (name.starts_with(prefix)) {
            found.push_back(std::stoi(entry.path().filename()));
        }
    }
    return found;
}

bool thread_sleeps(int thread) {
    std::string line;
    std::getline(std::ifstream("/proc/self/task/" + std::to_string(thread) + "/stat"), line);
    const std::size_t end_of_name = line.rfind(')');
    return end_of_name != std::string::npos && line.compare(end_of_name, 4, ") S ") == 0;
}

}  // namespace heddle::test

// What replaces the C library's.

using namespace heddle::test;  // NOLINT(google-build-using-namespace): the definitions below are its outside

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
    int left = threads_left.load();
    while (left >= 0) {
        if (left == 0) {
            threads_refused.fetch_add(1);
            return EAGAIN;
        }
        if (threads_left.compare_exchange_weak(left, left - 1)) {
            break;
        }
    }
    if (___interceptor_pthread_create != nullptr) {
        return ___interceptor_pthread_create(thread, attributes, start, argument);
    }
    static const auto original =
        reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
    return original(thread, attributes, start, argument);
}

extern "C" HEDDLE_NOT_WATCHED int clock_gettime(clockid_t id, timespec* out) noexcept {
    perhaps_be_held();
    if (clock_is_set.load()) {
        if (id == CLOCK_MONOTONIC && sees_set_clock()) {
            *out = as_timespec(set_now());
            return 0;
        }
        if (id == CLOCK_REALTIME && sees_set_clock()) {
            wall_asked.fetch_add(1);
            const long result = raw_clock(id, out);
            *out = as_timespec(static_cast<std::int64_t>(out->tv_sec) * ns_per_s + out->tv_nsec +
                               wall_offset.load());
            return static_cast<int>(as_in_libc(result));
        }
    }
    return static_cast<int>(as_in_libc(raw_clock(id, out)));
}

extern "C" HEDDLE_NOT_WATCHED long syscall(long number, ...) noexcept {
    va_list list;
    va_start(list, number);
    long a[6];
    for (long& argument : a) {
        argument = va_arg(list, long);
    }
    va_end(list);
    perhaps_be_held();
    if (number == SYS_futex) {
        return as_in_libc(futex(a[0], a[1], a[2], a[3], a[4], a[5]));
    }
    if (number == SYS_membarrier && a[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED && noise.load() &&
        random_number() % 2 == 0) {
        lies_told.fetch_add(1);
        return as_in_libc(-EPERM);
    }
    return as_in_libc(raw(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}
