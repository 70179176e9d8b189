// A program of a user, compiled by whichever compiler he has: returns 0 when tasks, forks, queues and locks
// of the library have done what they should, also where its headers and its compiled part have to agree on
// how things lie in memory.

#include <heddle/heddle.hpp>

#include <cstdio>
#include <thread>

namespace {

heddle::Coro<int> answer() {
    const int half = 21;
    co_await heddle::yield();
    co_return 2 * half;
}

heddle::Coro<int> ask() {
    heddle::Task<int> task = heddle::create_task(answer());
    const int value = co_await task;
    co_return value;
}

heddle::Coro<int> fib(int n) {
    if (n < 2) {
        co_return n;
    }
    const auto both = co_await heddle::gather(fib(n - 1), fib(n - 2));
    co_return std::get<0>(both) + std::get<1>(both);
}

heddle::Coro<int> deep(int n) {
    if (n == 0) {
        co_return 0;
    }
    const int below = co_await deep(n - 1);
    co_return below + 1;
}

heddle::Coro<void> produce(heddle::Queue<int>& queue, int n) {
    for (int i = 0; i < n; ++i) {
        co_await queue.put(i);
    }
    queue.shutdown();
}

heddle::Coro<int> consume(heddle::Queue<int>& queue, heddle::Lock& lock, int& sum) {
    try {
        for (;;) {
            const int got = co_await queue.get();
            const auto held = co_await lock.scoped();
            co_await heddle::yield();
            sum += got;
        }
    } catch (const heddle::QueueShutDown&) {
        co_return sum;
    }
}

heddle::Coro<bool> all() {
    const int value = co_await ask();
    const int depth = co_await deep(500);
    const int forked = co_await fib(16);
    heddle::Queue<int> queue(4);
    heddle::Lock lock;
    int sum = 0;
    co_await heddle::gather(produce(queue, 300), consume(queue, lock, sum), consume(queue, lock, sum));
    heddle::Semaphore outside(0);
    std::thread thread([&] { outside.release(); });
    co_await outside.acquire();
    thread.join();
    std::printf("the answer is %d, depth %d, fib %d, sum %d\n", value, depth, forked, sum);
    co_return value == 42 && depth == 500 && forked == 987 && sum == 299 * 300 / 2;
}

}  // namespace

int main() {
    const bool ok = heddle::run(all());
    return ok ? 0 : 1;
}
