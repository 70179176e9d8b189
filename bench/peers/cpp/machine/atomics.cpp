#include "cost.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace machine {

namespace {

struct alignas(128) Line {
    std::atomic<std::uint64_t> value{0};
};

Line here;
Line there;

/// Body of the thread on the other core, then `mine` on this one.
template <class Other, class Mine>
void on_two_cores(Other other, Mine mine) {
    here.value = 0;
    there.value = 0;
    std::thread thread([&] {
        bind_to(1);
        other();
    });
    mine();
    thread.join();
}

void wait_until(const Line& line, std::uint64_t value) {
    while (line.value.load(std::memory_order_acquire) != value) {
    }
}

void add_by_cas(long ops) {
    for (long i = 0; i < ops; ++i) {
        std::uint64_t seen = here.value.load(std::memory_order_relaxed);
        while (!here.value.compare_exchange_weak(seen, seen + 1)) {
        }
    }
}

void add(long ops) {
    for (long i = 0; i < ops; ++i) {
        here.value.fetch_add(1);
    }
}

}  // namespace

void atomics() {
    constexpr long n = 20'000'000;
    std::atomic<std::uint64_t>& a = here.value;
    cost("fetch_add, own line", n, add);
    cost("compare_exchange that succeeds, own line", n, add_by_cas);
    cost("exchange, own line", n, [&](long ops) {
        for (long i = 0; i < ops; ++i) {
            a.exchange(static_cast<std::uint64_t>(i));
        }
    });
    cost("store seq_cst", n, [&](long ops) {
        for (long i = 0; i < ops; ++i) {
            a.store(static_cast<std::uint64_t>(i));
            keep(&a);
        }
    });
    cost("store release, load acquire", n, [&](long ops) {
        for (long i = 0; i < ops; ++i) {
            a.store(static_cast<std::uint64_t>(i), std::memory_order_release);
            keep(a.load(std::memory_order_acquire));
        }
    });
    cost("mfence", n, [](long ops) {
        for (long i = 0; i < ops; ++i) {
            asm volatile("mfence" ::: "memory");
        }
    });
    std::mutex mutex;
    cost("std::mutex: lock and unlock", n, [&](long ops) {
        for (long i = 0; i < ops; ++i) {
            mutex.lock();
            keep(&mutex);
            mutex.unlock();
        }
    });
}

void across_cores() {
    constexpr long n = 2'000'000;
    cost("cache line there and back, two lines", n, [](long ops) {
        const auto last = static_cast<std::uint64_t>(ops);
        on_two_cores(
            [last] {
                for (std::uint64_t i = 1; i <= last; ++i) {
                    wait_until(here, i);
                    there.value.store(i, std::memory_order_release);
                }
            },
            [last] {
                for (std::uint64_t i = 1; i <= last; ++i) {
                    here.value.store(i, std::memory_order_release);
                    wait_until(there, i);
                }
            });
    });
    cost("cache line there and back, one line", n, [](long ops) {
        const auto last = static_cast<std::uint64_t>(ops);
        on_two_cores(
            [last] {
                for (std::uint64_t i = 0; i < last; ++i) {
                    wait_until(here, 2 * i + 1);
                    here.value.store(2 * i + 2, std::memory_order_release);
                }
            },
            [last] {
                for (std::uint64_t i = 0; i < last; ++i) {
                    here.value.store(2 * i + 1, std::memory_order_release);
                    wait_until(here, 2 * i + 2);
                }
            });
    });
    cost("fetch_add on two cores, per operation", 8 * n,
         [](long ops) { on_two_cores([ops] { add(ops / 2); }, [ops] { add(ops / 2); }); });
    cost("CAS loop on two cores, per success", 8 * n,
         [](long ops) { on_two_cores([ops] { add_by_cas(ops / 2); }, [ops] { add_by_cas(ops / 2); }); });
}

}  // namespace machine
