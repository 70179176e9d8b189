#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

// What the scheduler is for: every ready task runs, though others take long, however many there are and from
// wherever they come. A lost wake-up or a task that is stuck shows as no progress.

namespace heddle::stress {
namespace {

using Clock = std::chrono::steady_clock;

struct State {
    State(Run& r, unsigned n) : run(r), workers(n) {}
    Run& run;
    const unsigned workers;
    Ends operations;
    Ends small;
    Semaphore one_pair{1};
};

Coro<void> small_task(State& state) {
    state.small.end();
    co_return;
}

void create_small(State& state, std::vector<Task<void>>& all) {
    state.small.begin();
    all.push_back(create_task(small_task(state)));
}

/// Far more than a ring holds, all at once.
Coro<void> burst(State& state, Random random) {
    std::vector<Task<void>> all;
    for (unsigned n = 1 + random.below(random.one_in(8) ? 3'000 : 100); n > 0; --n) {
        create_small(state, all);
    }
    co_await settle(std::move(all));
}

Coro<void> keep_yielding(unsigned times) {
    for (; times > 0; --times) {
        co_await yield();
    }
}

/// Two tasks that wait for each other without suspending: both must get a worker, though neither makes a
/// turn. Which of the ways a task becomes ready matters here: created, granted, or by a timer.
struct Pair {
    std::atomic<int> here{0};
    Event go;
};
Coro<void> one_of_a_pair(State& state, Pair& pair, unsigned how, Clock::time_point at) {
    if (how == 1) {
        co_await pair.go.wait();
    } else if (how == 2) {
        co_await sleep_until(at);
    }
    ++pair.here;
    while (pair.here < 2) {
        std::this_thread::yield();  // the thread, not the task
    }
    state.run.count("pairs").add();
}
Coro<void> pair_of_tasks(State& state, Random random) {
    if (state.workers < 2) {
        co_return;
    }
    const auto alone =
        co_await state.one_pair.scoped();  // a second pair could occupy all workers with the first
    Pair pair;
    const unsigned how = random.below(3);
    const auto at = Clock::now() + random.delay(2'000);
    std::vector<Task<void>> both;
    both.push_back(create_task(one_of_a_pair(state, pair, how, at)));
    both.push_back(create_task(one_of_a_pair(state, pair, how, at)));
    if (how == 1) {
        co_await sleep(random.delay(200));
        pair.go.set();
    }
    co_await settle(std::move(both));
}

/// A step that takes long, with tasks and timers behind it that others have to take over.
Coro<void> long_step(State& state, Random random) {
    std::vector<Task<void>> all;
    for (unsigned n = random.below(20); n > 0; --n) {
        create_small(state, all);
    }
    spin(random.below(random.one_in(16) ? 20'000'000 : 500'000));
    co_await settle(std::move(all));
}

/// Everybody goes to sleep in between.
Coro<void> quiet(Random random) {
    co_await sleep(random.delay(5'000));
    co_await sleep(random.delay(100));
}

Coro<void> in_vain(State& state) {
    Event never;
    state.run.count("planted").add();
    bool again = true;
    while (again) {
        try {
            co_await never.wait();
        } catch (const CancelledError&) {
            again = true;
        }
    }
}

Coro<void> operation(State& state, Random& random) {
    const Random own(random.next());
    if (state.run.fault()) {
        return in_vain(state);
    }
    switch (random.below(6)) {
        case 0:
            return pair_of_tasks(state, own);
        case 1:
            return long_step(state, own);
        case 2:
            return quiet(own);
        case 3:
            return keep_yielding(random.below(200));
        default:
            return burst(state, own);
    }
}

/// Pairs and bursts must not be interrupted halfway, so nobody cancels these; other harnesses do.
Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.operations.begin();
        const Outcome outcome = co_await outcome_of(operation(state, random));
        state.run.check(outcome == Outcome::value, "an operation of the scheduler's harness failed");
        state.run.count(outcome);
        state.operations.end();
    }
}

Coro<void> all(State& state, Random random) {
    std::vector<Task<void>> tasks;
    for (unsigned i = 1 + random.below(6); i > 0; --i) {
        tasks.push_back(create_task(party(state)));
    }
    co_await settle(std::move(tasks));
}

/// Tasks from outside, some of them after a silence in which all workers have gone to sleep.
void thread(State& state, Runtime& runtime, Random& random) {
    while (state.run.round_goes_on()) {
        std::vector<Task<void>> mine;
        for (unsigned n = 1 + random.below(random.one_in(8) ? 500 : 5); n > 0; --n) {
            state.small.begin();
            mine.push_back(runtime.spawn(small_task(state)));
        }
        for (const Task<void>& task : mine) {
            task.wait_blocking();
        }
        state.run.count("blocking").add();
        std::this_thread::sleep_for(random.delay(2'000));
    }
}

void round(Run& run, Random& random) {
    RuntimeOptions options = run.runtime();
    State state(run, options.workers);
    {
        Runtime runtime(std::move(options));
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, runtime, own); });
        if (random.one_in(3)) {
            std::this_thread::sleep_for(random.delay(20'000));  // the first task finds everybody asleep
        }
        runtime.run(all(state, Random(random.next())));
    }
    state.operations.check(run, "operations");
    state.small.check(run, "small tasks");
}

}  // namespace

void stress_sched(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
