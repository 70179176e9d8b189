// Bytes instead of time: what a task in each of its states keeps resident, and what a primitive costs before
// and after somebody had to wait. Each measurement has a process of its own, since freed memory would be used
// again.

#include "app/workloads/workloads.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/queue.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/sleep.hpp>
#include <heddle/task.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <optional>

namespace peer {
namespace {

using heddle::Coro;
using heddle::Task;

std::size_t resident() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0;
    std::size_t pages = 0;
    statm >> total >> pages;
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// The bytes that became resident since it was made, divided by a number of objects.
class Growth {
public:
    [[nodiscard]] double per(std::size_t objects) const {
        return static_cast<double>(resident() - before_) / static_cast<double>(objects);
    }

private:
    std::size_t before_ = resident();
};

Coro<std::uint64_t> give(std::uint64_t i) { co_return i; }

Coro<> wait_for_event(heddle::Event& event) { co_await event.wait(); }

Coro<> wait_for_lock(heddle::Lock& lock) {
    co_await lock.acquire();
    lock.release();
}

Coro<> doze() { co_await heddle::sleep(std::chrono::hours(1)); }

Coro<> join(Task<> task) { co_await task; }

/// Room for handles that is resident before the measurement begins.
template <class T>
std::vector<T> room_for(std::size_t n) {
    std::vector<T> room(n);
    room.clear();
    return room;
}

/// With one worker all tasks created before have run once when the yield comes back.
template <class Make>
Coro<double> tasks_at_rest(std::size_t n, Make make) {
    auto tasks = room_for<Task<>>(n);
    const Growth growth;
    for (std::size_t i = 0; i < n; ++i) {
        tasks.push_back(heddle::create_task(make(i)));
    }
    co_await heddle::yield();
    const double bytes = growth.per(n);
    for (const auto& task : tasks) {
        task.cancel();
    }
    co_return bytes;
}

Coro<double> unstarted_coroutine(std::size_t n) {
    auto coros = room_for<Coro<std::uint64_t>>(n);
    const Growth growth;
    for (std::size_t i = 0; i < n; ++i) {
        coros.push_back(give(i));
    }
    co_return growth.per(n);
}

Coro<double> task_created(std::size_t n) {
    auto tasks = room_for<Task<std::uint64_t>>(n);
    const Growth growth;
    for (std::size_t i = 0; i < n; ++i) {
        tasks.push_back(heddle::create_task(give(i)));
    }
    const double bytes = growth.per(n);
    co_await heddle::yield();
    co_return bytes;
}

Coro<double> task_waiting_for_event(std::size_t n) {
    heddle::Event event;
    const auto make = [&event](std::size_t) { return wait_for_event(event); };
    const double bytes = co_await tasks_at_rest(n, make);
    event.set();
    co_await heddle::yield();
    co_return bytes;
}

Coro<double> task_waiting_for_lock(std::size_t n) {
    heddle::Lock lock;
    co_await lock.acquire();
    const auto make = [&lock](std::size_t) { return wait_for_lock(lock); };
    const double bytes = co_await tasks_at_rest(n, make);
    co_await heddle::yield();
    co_return bytes;
}

Coro<double> task_sleeping(std::size_t n) {
    const auto make = [](std::size_t) { return doze(); };
    const double bytes = co_await tasks_at_rest(n, make);
    co_await heddle::yield();
    co_return bytes;
}

Coro<double> task_joining(std::size_t n) {
    const auto sleeper = heddle::create_task(doze());
    const auto make = [&sleeper](std::size_t) { return join(sleeper); };
    const double bytes = co_await tasks_at_rest(n, make);
    co_await heddle::yield();
    co_return bytes;
}

/// What a task that waits for its own Lock needs beyond one of many that wait for the same.
Coro<double> lock_with_waiter(std::size_t n) {
    std::deque<heddle::Lock> locks(n);
    for (auto& lock : locks) {
        co_await lock.acquire();
    }
    const auto make = [&locks](std::size_t i) { return wait_for_lock(locks[i]); };
    const double bytes = co_await tasks_at_rest(n, make);
    co_await heddle::yield();
    co_return bytes;
}

Coro<double> queue_unused(std::size_t n) {
    std::vector<std::optional<heddle::Queue<std::uint64_t>>> queues(n);
    const Growth growth;
    for (auto& queue : queues) {
        queue.emplace(16);
    }
    co_return growth.per(n);
}

Coro<double> queue_with_item(std::size_t n) {
    std::vector<std::optional<heddle::Queue<std::uint64_t>>> queues(n);
    const Growth growth;
    for (auto& queue : queues) {
        queue.emplace(16);
        queue->put_nowait(1);
    }
    co_return growth.per(n);
}

void print(const char* what, double bytes) { std::printf("MEM %-58s %8.0f bytes\n", what, bytes); }

/// In a process of its own.
void measure(const char* what, Coro<double> (*count)(std::size_t), std::size_t n) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        print(what, heddle::run(count(n), {.workers = 1}));
        std::exit(0);  // NOLINT(concurrency-mt-unsafe): its workers have ended
    }
    int status = 0;
    require(child > 0 && waitpid(child, &status, 0) == child && status == 0, what);
}

}  // namespace

Measured memory(const Args& args) {
    const std::size_t n = args.number(0, 100'000);
    const Stopwatch watch;
    measure("coroutine, not started: its frame", &unstarted_coroutine, n);
    measure("task, created: frame and control block", &task_created, n);
    measure("task, waiting for an Event with all the others", &task_waiting_for_event, n);
    measure("task, waiting for a Lock with all the others", &task_waiting_for_lock, n);
    measure("task, sleeping", &task_sleeping, n);
    measure("task, waiting for another task", &task_joining, n);
    measure("task and Lock, one waiting for the other", &lock_with_waiter, n);
    measure("Queue<uint64_t>, unused", &queue_unused, n / 10);
    measure("Queue<uint64_t>, with an item", &queue_with_item, n / 10);
    print("Lock, Semaphore: the object", sizeof(heddle::Lock));
    print("Event: the object", sizeof(heddle::Event));
    print("Queue: the object", sizeof(heddle::Queue<int>));
    print("Task: a handle", sizeof(Task<>));
    return {.ops = 1, .wall = watch.elapsed()};
}

}  // namespace peer
