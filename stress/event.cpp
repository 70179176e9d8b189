#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <memory>
#include <mutex>

// Gates that are opened once and die with the last who passed, and one event that is pulsed all the time.

namespace heddle::stress {
namespace {

constexpr int open_sign = 0x0bec0de;

/// Opened once, for ever.
struct Gate {
    Event event;
    int plain = 0;  // written before set(), read after wait()
};

struct State {
    explicit State(Run& r) : run(r) {}
    /// The gate that is closed now.
    std::shared_ptr<Gate> gate() {
        const std::lock_guard hold(lock);
        return current;
    }
    void open() {
        std::shared_ptr<Gate> opened;
        {
            const std::lock_guard hold(lock);
            opened = std::exchange(current, std::make_shared<Gate>());
        }
        if (run.fault()) {
            return;  // those who wait for it wait for ever
        }
        opened->plain = open_sign;
        opened->event.set();
    }

    Run& run;
    std::mutex lock;
    std::shared_ptr<Gate> current = std::make_shared<Gate>();
    Event pulsed;
    Ends ends;
};

Coro<void> pass(State& state, std::shared_ptr<Gate> gate) {
    const bool passed = co_await gate->event.wait();
    state.run.check(passed && gate->event.is_set(), "woken by an event that is not set");
    state.run.check(gate->plain == open_sign, "what was done before set() is not seen");
}

Coro<void> wait_for_a_pulse(State& state) { co_await state.pulsed.wait(); }

/// Several wait for one gate; this task for all of them. One of them is cancelled perhaps.
Coro<void> pass_together(State& state, Random random) {
    const std::shared_ptr<Gate> gate = state.gate();
    std::vector<Task<void>> others;
    for (unsigned i = random.below(20); i > 0; --i) {
        others.push_back(create_task(pass(state, gate)));
    }
    if (!others.empty() && random.one_in(2)) {
        others.front().cancel();
    }
    co_await settle(std::move(others));
}

Coro<void> operation(State& state, Random& random) {
    switch (random.below(4)) {
        case 0:
            return wait_for_a_pulse(state);
        case 1:
            return pass_together(state, Random(random.next()));
        default:
            return pass(state, state.gate());
    }
}

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.ends.begin();
        co_await attempt(state.run, random, operation(state, random));
        state.ends.end();
    }
}

/// Opens and pulses until nobody is left who could wait.
void opener(State& state, Random& random, const std::atomic<bool>& over) {
    while (!over) {
        if (random.one_in(2)) {
            state.open();
        } else {
            state.pulsed.set();
            state.pulsed.clear();
        }
        spin(random.below(random.one_in(8) ? 200'000 : 2'000));
    }
}

void thread(State& state, Random& random) {
    Counter& blocked = state.run.count("blocking");
    while (state.run.round_goes_on()) {
        if (random.one_in(3)) {
            state.pulsed.wait_blocking();
        } else {
            const std::shared_ptr<Gate> gate = state.gate();
            gate->event.wait_blocking();
            state.run.check(gate->plain == open_sign, "what was done before set() is not seen by a thread");
        }
        blocked.add();
    }
}

void round(Run& run, Random& random) {
    State state(run);
    std::atomic<bool> over{false};
    Threads openers;
    openers.start(run, 1 + random.below(2), [&](Random& own) { opener(state, own, over); });
    {
        Runtime runtime(run.runtime());
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, own); });
        runtime.run(parties(run, 2 + random.below(12), [&](unsigned) { return party(state); }));
    }
    over = true;
    openers.join();
    state.ends.check(run, "waits");
}

}  // namespace

void stress_event(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
