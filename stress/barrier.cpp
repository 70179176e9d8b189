#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

// Two kinds of rounds. In step: exactly as many parties as the barrier has, tasks and threads, so that all
// pass it together each time. At random: more parties than places, cancelled, timed out, with resets and
// aborts among them.

namespace heddle::stress {
namespace {

struct State {
    State(Run& r, unsigned parties) : run(r), barrier(parties), passes(parties) {}

    void arrive() { arrivals.fetch_add(1); }
    /// No index is given more often than rounds can have been completed.
    void pass(int index) {
        const auto i = static_cast<std::size_t>(index);
        run.check(i < passes.size(), "an index out of range");
        const std::uint64_t rounds = passes[i].fetch_add(1) + 1;
        if (run.fault()) {
            passes[i].fetch_add(1'000'000);
        }
        run.check(rounds * passes.size() <= arrivals.load(), "an index was given twice in a round");
    }

    Run& run;
    Barrier barrier;
    std::vector<std::atomic<std::uint64_t>> passes;  // by index
    std::atomic<std::uint64_t> arrivals{0};
    std::atomic<bool> closed{false};
    Ends ends;
};

/// What one party wrote before a meeting is there for the others after it.
struct Page {
    explicit Page(unsigned parties) : written(parties) {}
    std::vector<unsigned> written;  // plain: the barrier orders it
};

void write(Page& page, unsigned who, unsigned step) { page.written[who] = step; }
void read(Run& run, const Page& page, unsigned step) {
    run.check(std::ranges::count(page.written, step) == static_cast<std::ptrdiff_t>(page.written.size()),
              "somebody passed before all had arrived");
}

Coro<void> in_step(State& state, Page& page, unsigned who, unsigned steps) {
    for (unsigned step = 1; step <= steps; ++step) {
        write(page, who, step);
        state.arrive();
        const int index = co_await state.barrier.wait();
        state.pass(index);
        read(state.run, page, step);
        state.arrive();
        const int again = co_await state.barrier.wait();
        state.pass(again);
        state.run.count(Outcome::value);
    }
}
void in_step_blocking(State& state, Page& page, unsigned who, unsigned steps) {
    for (unsigned step = 1; step <= steps; ++step) {
        write(page, who, step);
        state.arrive();
        state.pass(state.barrier.wait_blocking());
        read(state.run, page, step);
        state.arrive();
        state.pass(state.barrier.wait_blocking());
        state.run.count("blocking").add();
    }
}

void round_in_step(Run& run, Random& random) {
    const unsigned threads = random.below(run.options().threads + 1);
    const unsigned tasks = 1 + random.below(8);
    const unsigned steps = 200;
    State state(run, tasks + threads);
    Page page(tasks + threads);
    {
        Runtime runtime(run.runtime());
        std::atomic<unsigned> next{tasks};
        Threads blocking;
        blocking.start(run, threads, [&](Random&) { in_step_blocking(state, page, next++, steps); });
        std::vector<Task<void>> all;
        for (unsigned who = 0; who < tasks; ++who) {
            all.push_back(runtime.spawn(in_step(state, page, who, steps)));
        }
        for (const Task<void>& task : all) {
            task.wait_blocking();
        }
        blocking.join();
    }
    for (const std::atomic<std::uint64_t>& n : state.passes) {
        run.check(n == std::uint64_t{2} * steps, "an index was left out");
    }
}

Coro<void> meet(State& state) {
    state.arrive();
    const int index = co_await state.barrier.wait();
    state.pass(index);
}
Coro<void> disturb(State& state, bool abort) {
    co_await yield();
    if (abort) {
        state.barrier.abort();
    }
    state.barrier.reset();
    if (state.closed) {
        state.barrier.abort();
    }
}

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.ends.begin();
        Coro<void> operation = random.one_in(50) ? disturb(state, random.one_in(3)) : meet(state);
        co_await attempt(state.run, random, std::move(operation));
        state.ends.end();
    }
}
void thread(State& state, Random&) {
    Counter& blocked = state.run.count("blocking");
    while (state.run.round_goes_on()) {
        state.arrive();
        try {
            state.pass(state.barrier.wait_blocking());
        } catch (const BrokenBarrierError&) {
            state.run.count("broken").add();
        }
        blocked.add();
    }
}

void round_at_random(Run& run, Random& random) {
    const unsigned tasks = 2 + random.below(12);
    State state(run, 1 + random.below(tasks));
    {
        Runtime runtime(run.runtime());
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, own); });
        const auto finish = [&] {
            state.closed = true;
            state.barrier.abort();
        };
        runtime.run(parties(run, tasks, [&](unsigned) { return party(state); }, finish));
        threads.join();
        state.ends.check(run, "operations");

        run.check(state.barrier.n_waiting() == 0, "somebody still counts who has gone");
        state.barrier.reset();
        const std::uint64_t before = state.passes[0];
        std::vector<Task<void>> all;
        for (std::size_t i = 0; i < state.passes.size(); ++i) {
            all.push_back(runtime.spawn(meet(state)));
        }
        for (const Task<void>& task : all) {
            task.wait_blocking();
        }
        run.check(state.passes[0] == before + 1, "a full round after the reset did not give each index once");
    }
}

}  // namespace

void stress_barrier(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        if (random.one_in(2)) {
            round_in_step(run, random);
        } else {
            round_at_random(run, random);
        }
    }
}

}  // namespace heddle::stress
