#include "cost.hpp"

#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace machine {

namespace {

using Word = std::atomic<std::uint32_t>;

void futex_wait(Word& word, std::uint32_t value) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(Word& word) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }

void sleep_until(Word& word, std::uint32_t value) {
    for (std::uint32_t seen = word.load(); seen != value; seen = word.load()) {
        futex_wait(word, seen);
    }
}

Word ping;
Word pong;

void futex_ping_pong(long ops, int other_cpu) {
    ping = 0;
    pong = 0;
    const auto last = static_cast<std::uint32_t>(ops);
    std::thread other([=] {
        bind_to(other_cpu);
        for (std::uint32_t i = 1; i <= last; ++i) {
            sleep_until(ping, i);
            pong.store(i);
            futex_wake(pong);
        }
    });
    for (std::uint32_t i = 1; i <= last; ++i) {
        ping.store(i);
        futex_wake(ping);
        sleep_until(pong, i);
    }
    other.join();
}

void eventfd_ping_pong(long ops, int other_cpu) {
    const int there = eventfd(0, 0);
    const int back = eventfd(0, 0);
    std::thread other([=] {
        bind_to(other_cpu);
        for (long i = 0; i < ops; ++i) {
            eventfd_t value = 0;
            eventfd_read(there, &value);
            eventfd_write(back, 1);
        }
    });
    for (long i = 0; i < ops; ++i) {
        eventfd_t value = 0;
        eventfd_write(there, 1);
        eventfd_read(back, &value);
    }
    other.join();
    close(there);
    close(back);
}

void print_percentiles(const char* what, std::vector<double> ns) {
    std::sort(ns.begin(), ns.end());
    const std::size_t n = ns.size();
    std::printf("%-48s %10.0f ns  [p10 %.0f .. p90 %.0f]\n", what, ns[n / 2], ns[n / 10], ns[n * 9 / 10]);
}

/// A thread that sleeps on the other core: what waking it costs here, and when it runs.
void wake_a_sleeper() {
    constexpr std::uint32_t n = 3000;
    static std::atomic<std::int64_t> awake_at;
    ping = 0;
    std::thread sleeper([] {
        bind_to(1);
        for (std::uint32_t i = 1; i <= n; ++i) {
            sleep_until(ping, i);
            awake_at.store(static_cast<std::int64_t>(now_ns()));
        }
    });
    std::vector<double> cost_here;
    std::vector<double> latency;
    for (std::uint32_t i = 1; i <= n; ++i) {
        for (const double end = now_ns() + 150'000; now_ns() < end;) {
        }
        awake_at = 0;
        const double start = now_ns();
        ping.store(i);
        futex_wake(ping);
        const double woken = now_ns();
        while (awake_at.load() == 0) {
        }
        cost_here.push_back(woken - start);
        latency.push_back(static_cast<double>(awake_at.load()) - start);
    }
    sleeper.join();
    print_percentiles("waking a sleeping thread: cost to the waker", std::move(cost_here));
    print_percentiles("waking a sleeping thread: until it runs", std::move(latency));
}

}  // namespace

void system_calls() {
    cost("clock_gettime(MONOTONIC)", 5'000'000, [](long ops) {
        timespec time{};
        for (long i = 0; i < ops; ++i) {
            clock_gettime(CLOCK_MONOTONIC, &time);
            keep(time.tv_nsec);
        }
    });
    cost("system call that does nothing", 2'000'000, [](long ops) {
        for (long i = 0; i < ops; ++i) {
            keep(syscall(SYS_getppid));
        }
    });
    cost("sched_yield, alone on the core", 1'000'000, [](long ops) {
        for (long i = 0; i < ops; ++i) {
            sched_yield();
        }
    });
    cost("futex_wake, nobody waits", 1'000'000, [](long ops) {
        for (long i = 0; i < ops; ++i) {
            futex_wake(ping);
        }
    });
    const int event = eventfd(0, EFD_NONBLOCK);
    cost("eventfd: write and read", 1'000'000, [=](long ops) {
        for (long i = 0; i < ops; ++i) {
            eventfd_t value = 0;
            eventfd_write(event, 1);
            eventfd_read(event, &value);
        }
    });
    const int poll = epoll_create1(0);
    cost("epoll_wait(0), nothing there", 1'000'000, [=](long ops) {
        epoll_event events[8];
        for (long i = 0; i < ops; ++i) {
            epoll_wait(poll, events, 8, 0);
        }
    });
    const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    cost("timerfd_settime", 500'000, [=](long ops) {
        itimerspec when{};
        when.it_value.tv_sec = 100;
        for (long i = 0; i < ops; ++i) {
            timerfd_settime(timer, 0, &when, nullptr);
        }
    });
    close(event);
    close(poll);
    close(timer);
    cost("thread: create and join", 2'000, [](long ops) {
        for (long i = 0; i < ops; ++i) {
            std::thread([] {}).join();
        }
    });
}

void wake_ups() {
    wake_a_sleeper();
    constexpr long n = 100'000;
    cost("futex there and back, two cores", n, [](long ops) { futex_ping_pong(ops, 1); });
    cost("futex there and back, one core", n, [](long ops) { futex_ping_pong(ops, 0); });
    cost("eventfd there and back, two cores", n, [](long ops) { eventfd_ping_pong(ops, 1); });
    cost("eventfd there and back, one core", n, [](long ops) { eventfd_ping_pong(ops, 0); });
}

}  // namespace machine
