#include "support/driver.hpp"

#include <heddle/detail/base/config.hpp>
#include <heddle/detail/structure/timeout_scope.hpp>

#include <algorithm>
#include <exception>

namespace heddle::stress {

namespace {

unsigned hang_seconds(const Options& options) {
    if (options.hang != 0) {
        return options.hang;
    }
    return HEDDLE_SANITIZED != 0 ? 120 : 20;
}

}  // namespace

Run::Run(const char* harness, const Options& options)
    : harness_(harness),
      options_(options),
      end_(Clock::now() +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds))),
      round_end_(Clock::now()),
      rounds_(options.seed),
      outcomes_{&counters_["value"], &counters_["cancelled"], &counters_["timed_out"], &counters_["error"]},
      watchdog_(harness, options.seed, counters_, hang_seconds(options), options.plant) {}

bool Run::next_round() {
    if (over()) {
        return false;
    }
    count("rounds").add();
    round_end_ = std::min(end_, Clock::now() + std::chrono::milliseconds(20 + rounds_.below(200)));
    return true;
}

RuntimeOptions Run::runtime() {
    RuntimeOptions options;
    options.workers = 1 + rounds_.below(options_.workers);
    if (options_.oversubscribe) {
        options.workers = 3 * std::max(1U, std::thread::hardware_concurrency());
    }
    options.name = harness_;
    // With and without spinning: a worker that does not spin sleeps and is woken all the time.
    options.spin_ns = rounds_.one_in(2) ? 0 : -1;
    options.exception_handler = [this](const std::string& context, const std::exception_ptr& error) {
        static_cast<void>(error);
        fail("to the exception handler: " + context);
    };
    return options;
}

Coro<Outcome> outcome_of(Coro<void> operation) {
    Outcome outcome = Outcome::value;
    try {
        co_await std::move(operation);
    } catch (const CancelledError&) {
        outcome = Outcome::cancelled;
    } catch (const TimeoutError&) {
        outcome = Outcome::timed_out;
    } catch (const std::exception&) {
        outcome = Outcome::error;
    }
    if (outcome == Outcome::cancelled) {
        current_task().uncancel();
    }
    co_return outcome;
}

Coro<Outcome> outcome_within(Coro<void> operation, std::chrono::microseconds deadline) {
    Coro<void> bounded = wait_for(std::move(operation), deadline);
    co_return co_await outcome_of(std::move(bounded));
}

Coro<void> settle(std::vector<Task<void>> tasks) {
    for (const Task<void>& task : tasks) {
        while (!task.done()) {
            try {
                co_await detail::JoinQuietly(detail::TaskAccess::ref(task));
            } catch (const CancelledError&) {
                continue;
            }
        }
    }
}

namespace {

Coro<void> cancel_some(Run& run, const std::vector<Task<void>>& all) {
    Random random = run.random();
    Counter& requests = run.count("cancel_requests");
    while (run.round_goes_on()) {
        if (all[random.below(static_cast<unsigned>(all.size()))].cancel()) {
            requests.add();
        }
        co_await sleep(random.delay(300));
    }
}

}  // namespace

Coro<void> parties(Run& run, unsigned n, std::function<Coro<void>(unsigned)> make,
                   std::function<void()> finish) {
    std::vector<Task<void>> all;
    for (unsigned i = 0; i < n; ++i) {
        all.push_back(create_task(make(i)));
    }
    co_await cancel_some(run, all);
    if (finish) {
        finish();
    }
    co_await settle(std::move(all));
}

Coro<Outcome> attempt(Run& run, Random& random, Coro<void> operation) {
    Outcome outcome = Outcome::value;
    if (random.one_in(3)) {
        outcome = co_await outcome_within(std::move(operation), random.delay(400));
    } else {
        outcome = co_await outcome_of(std::move(operation));
    }
    run.count(outcome);
    co_return outcome;
}

void Threads::start(Run& run, unsigned n, const std::function<void(Random&)>& fn) {
    for (unsigned i = 0; i < n; ++i) {
        threads_.emplace_back([fn, random = run.random()]() mutable { fn(random); });
    }
}

void Threads::join() {
    for (std::thread& thread : threads_) {
        thread.join();
    }
    threads_.clear();
}

void spin(unsigned turns) noexcept {
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(turns);
    while (std::chrono::steady_clock::now() < end) {
    }
}

}  // namespace heddle::stress
