// Boost.Asio: C++20 coroutines on an io_context that several threads run.

#include "measured.hpp"

#include <boost/asio.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::co_spawn;
using asio::detached;
using asio::use_awaitable;
using measured::Args;
using measured::Clock;
using Channel = asio::experimental::concurrent_channel<void(boost::system::error_code, std::uint64_t)>;

void run_on_threads(asio::io_context& context, int threads) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) {
        others.emplace_back([&] { context.run(); });
    }
    context.run();
    for (auto& thread : others) {
        thread.join();
    }
}

awaitable<std::uint64_t> give(std::uint64_t i) { co_return i; }

awaitable<void> spawn_all(std::uint64_t n, std::atomic<std::uint64_t>& sum) {
    auto executor = co_await asio::this_coro::executor;
    for (std::uint64_t i = 0; i < n; ++i) {
        co_spawn(executor, give(i), [&sum](std::exception_ptr, std::uint64_t value) {
            sum.fetch_add(value, std::memory_order_relaxed);
        });
    }
}

awaitable<void> await_each(std::uint64_t n, std::atomic<std::uint64_t>& sum) {
    auto executor = co_await asio::this_coro::executor;
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
        total += co_await co_spawn(executor, give(i), use_awaitable);
    }
    sum = total;
}

awaitable<void> doze(std::chrono::milliseconds delay) {
    asio::steady_timer timer(co_await asio::this_coro::executor, delay);
    co_await timer.async_wait(use_awaitable);
}

awaitable<void> start_sleepers(std::uint64_t n, std::chrono::milliseconds delay) {
    auto executor = co_await asio::this_coro::executor;
    for (std::uint64_t i = 0; i < n; ++i) {
        co_spawn(executor, doze(delay), detached);
    }
}

awaitable<void> yield_often(std::uint64_t rounds) {
    auto executor = co_await asio::this_coro::executor;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        co_await asio::post(executor, use_awaitable);
    }
}

awaitable<void> echo_numbers(Channel& there, Channel& back, std::uint64_t trips) {
    for (std::uint64_t i = 0; i < trips; ++i) {
        const std::uint64_t number = co_await there.async_receive(use_awaitable);
        co_await back.async_send({}, number, use_awaitable);
    }
}

awaitable<void> send_numbers(Channel& there, Channel& back, std::uint64_t trips) {
    for (std::uint64_t i = 0; i < trips; ++i) {
        co_await there.async_send({}, i, use_awaitable);
        co_await back.async_receive(use_awaitable);
    }
}

awaitable<void> produce(Channel& channel, std::uint64_t first, std::uint64_t count,
                        std::atomic<std::uint64_t>& left) {
    for (std::uint64_t i = 0; i < count; ++i) {
        co_await channel.async_send({}, first + i, use_awaitable);
    }
    if (left.fetch_sub(1) == 1) {
        channel.close();
    }
}

awaitable<void> consume(Channel& channel, std::atomic<std::uint64_t>& sum) {
    std::uint64_t mine = 0;
    try {
        for (;;) {
            mine += co_await channel.async_receive(use_awaitable);
        }
    } catch (const boost::system::system_error&) {  // closed and empty
        sum += mine;
    }
}

int channel(const Args& args, asio::io_context& context) {
    const std::uint64_t producers = args.number(0, 1);
    const std::uint64_t consumers = args.number(1, 1);
    const std::uint64_t each = args.number(2, 10'000'000) / producers;
    Channel numbers(context, args.number(3, 1024));
    std::atomic<std::uint64_t> sum{0};
    std::atomic<std::uint64_t> left{producers};
    const auto start = Clock::now();
    for (std::uint64_t i = 0; i < producers; ++i) {
        co_spawn(context, produce(numbers, i * each, each, left), detached);
    }
    for (std::uint64_t i = 0; i < consumers; ++i) {
        co_spawn(context, consume(numbers, sum), detached);
    }
    run_on_threads(context, args.threads);
    const auto wall = Clock::now() - start;
    const std::uint64_t n = producers * each;
    measured::require(sum == n * (n - 1) / 2, "chan");
    measured::report(args, n, wall);
    return 0;
}

int run(const Args& args) {
    asio::io_context context(args.threads);
    std::atomic<std::uint64_t> sum{0};
    const std::uint64_t n = args.number(0, 1'000'000);
    const auto start = Clock::now();
    const auto finish = [&](std::uint64_t ops) {
        run_on_threads(context, args.threads);
        measured::report(args, ops, Clock::now() - start);
        return 0;
    };
    if (args.work == "chan") {
        return channel(args, context);
    }
    if (args.work == "spawn_all" || args.work == "await_seq") {
        co_spawn(context, args.work == "spawn_all" ? spawn_all(n, sum) : await_each(n, sum), detached);
        const int status = finish(n);
        measured::require(sum == n * (n - 1) / 2, "sum of all tasks");
        return status;
    }
    if (args.work == "sleepers") {
        co_spawn(context, start_sleepers(n, std::chrono::milliseconds(args.number(1, 1000))), detached);
        return finish(n);
    }
    if (args.work == "yield") {
        const std::uint64_t tasks = args.number(0, 1000);
        const std::uint64_t rounds = args.number(1, 1000);
        for (std::uint64_t i = 0; i < tasks; ++i) {
            co_spawn(context, yield_often(rounds), detached);
        }
        return finish(tasks * rounds);
    }
    if (args.work == "pp_chan") {
        Channel there(context, 1);
        Channel back(context, 1);
        co_spawn(context, echo_numbers(there, back, n), detached);
        co_spawn(context, send_numbers(there, back, n), detached);
        return finish(n);
    }
    std::fputs("workloads: chan spawn_all await_seq sleepers yield pp_chan\n", stderr);
    return 2;
}

}  // namespace

int main(int argc, char** argv) { return run(Args(argc, argv)); }
