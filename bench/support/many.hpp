#pragma once

#include <heddle/task.hpp>

#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace bench {

/// Starts `n` tasks of `make()` and waits for all.
template <class Make>
heddle::Coro<> many_tasks(std::size_t n, Make make) {
    std::vector<heddle::Task<>> tasks;
    tasks.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        tasks.push_back(heddle::create_task(make()));
    }
    for (const auto& task : tasks) {
        co_await task;
    }
}

/// The seconds that `n` threads need for `body()`; starting them counts, so give them much to do.
template <class Body>
double seconds_on_threads(std::size_t n, Body body) {
    std::vector<std::thread> threads;
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < n; ++i) {
        threads.emplace_back(body);
    }
    for (auto& thread : threads) {
        thread.join();
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace bench
