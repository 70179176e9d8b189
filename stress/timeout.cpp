#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <chrono>
#include <optional>

// Sleeps and timeout scopes, nested and moved, some in tasks that are cancelled from outside, some in calm
// ones whom nobody cancels: there any CancelledError or request that is left over has come out of a scope.

namespace heddle::stress {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

struct State {
    explicit State(Run& r) : run(r) {}
    Run& run;
    Lock lock;  // something to wait for that others hold
    Event never;
    Ends operations;
};

Coro<void> sleep_at_least(State& state, microseconds delay) {
    const auto end =
        Clock::now() + delay + (state.run.fault() ? std::chrono::seconds(1) : std::chrono::seconds(0));
    co_await sleep(delay);
    state.run.check(Clock::now() >= end, "a sleep ended early");
}

Coro<void> sleep_until_a_point(State& state, microseconds delay) {
    const auto end = Clock::now() + delay;
    co_await sleep_until(end);
    state.run.check(Clock::now() >= end, "a sleep ended early");
}

/// Waits for what never comes: the deadline is the only way out.
Coro<void> wait_in_vain(State& state, microseconds delay) {
    const auto end = Clock::now() + delay;
    bool timed_out = false;
    try {
        co_await wait_for(state.never.wait(), delay);
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    state.run.check(timed_out, "a wait for nothing has ended");
    state.run.check(Clock::now() >= end, "a deadline came early");
}

Coro<void> contended(State& state, Random random) {
    const auto held = co_await wait_for(state.lock.scoped(), random.delay(200));
    co_await sleep(random.delay(50));
}

/// A scope in a scope; the body sleeps, moves its deadline, and goes on after the inner one has expired.
Coro<void> nested(State& state, Random random) {
    const microseconds outer_delay = random.delay(600);
    auto inner_body = [&state, &random](Timeout& scope) -> Coro<void> {
        for (unsigned i = random.below(4); i > 0; --i) {
            co_await sleep(random.delay(150));
            if (random.one_in(3) && !scope.expired()) {
                try {
                    scope.reschedule(random.delay(200));
                } catch (const std::runtime_error&) {
                    state.run.count("expired_meanwhile").add();
                }
            }
        }
        if (random.one_in(3)) {
            co_await state.never.wait();
        }
    };
    auto outer_body = [&state, &random, &inner_body](Timeout& outer) -> Coro<void> {
        for (unsigned i = random.below(3); i > 0; --i) {
            bool timed_out = false;
            try {
                co_await timeout(random.delay(300), inner_body);
            } catch (const TimeoutError&) {
                timed_out = true;
            }
            if (timed_out) {
                state.run.count("inner").add();
            }
        }
        const auto deadline = outer.when();
        state.run.check(deadline.has_value(), "a scope lost its deadline");
        if (random.one_in(4)) {
            outer.reschedule(std::nullopt);
        } else if (random.one_in(2)) {
            co_await state.never.wait();
        }
    };
    const auto end = Clock::now() + outer_delay;
    bool timed_out = false;
    try {
        co_await timeout(outer_delay, outer_body);
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    if (timed_out) {
        state.run.check(Clock::now() >= end, "an outer deadline came early");
    }
}

/// A child that times out in a task of its own, awaited under another deadline.
Coro<void> of_a_task(State& state, Random random) {
    const Task<void> child = create_task(wait_in_vain(state, random.delay(400)));
    bool timed_out = false;
    try {
        co_await wait_for(child, random.delay(400));
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    if (timed_out) {
        state.run.check(child.done(), "wait_for threw before what it waited for had ended");
    }
}

Coro<void> operation(State& state, Random& random) {
    const Random own(random.next());
    switch (random.below(8)) {
        case 0:
            return sleep_until_a_point(state, random.delay(400));
        case 1:
            return wait_in_vain(state, random.delay(400));
        case 2:
            return contended(state, own);
        case 3:
            return of_a_task(state, own);
        case 4:
        case 5:
            return nested(state, own);
        default:
            return sleep_at_least(state, random.delay(400));
    }
}

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.operations.begin();
        co_await attempt(state.run, random, operation(state, random));
        state.operations.end();
    }
}

/// The same in a task that nobody cancels.
Coro<void> calm_party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.operations.begin();
        const Outcome outcome = co_await attempt(state.run, random, operation(state, random));
        state.run.check(outcome != Outcome::cancelled, "cancelled out of a scope that had been left");
        state.run.check(current_task().cancelling() == 0, "a scope left its request behind");
        state.operations.end();
    }
}

Coro<void> all(State& state, Random random) {
    std::vector<Task<void>> calm;
    for (unsigned i = 1 + random.below(6); i > 0; --i) {
        calm.push_back(create_task(calm_party(state)));
    }
    co_await parties(state.run, 1 + random.below(6), [&state](unsigned) { return party(state); });
    co_await settle(std::move(calm));
}

void round(Run& run, Random& random) {
    State state(run);
    {
        Runtime runtime(run.runtime());
        runtime.run(all(state, Random(random.next())));
    }
    state.operations.check(run, "operations");
    run.check(!state.lock.locked(), "the lock is still held");
}

}  // namespace

void stress_timeout(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
