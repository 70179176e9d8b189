#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <atomic>

// A bounded semaphore, whose bound is the proof that nothing is doubled, and a plain one that is given
// permits from outside. At the end all permits are back.

namespace heddle::stress {
namespace {

struct State {
    State(Run& r, std::ptrdiff_t n) : run(r), size(n), bounded(n), plain(0), occupancy(r, n) {}
    Run& run;
    const std::ptrdiff_t size;
    BoundedSemaphore bounded;
    Semaphore plain;
    Occupancy occupancy;
    Ends ends;
    std::atomic<std::int64_t> given{0};  // to `plain`, never taken back
    std::atomic<std::int64_t> kept{0};   // from `plain`, never given back
};

class Inside {
public:
    explicit Inside(Occupancy& occupancy) : occupancy_(occupancy) { occupancy_.enter(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    Inside(Inside&&) = delete;
    Inside& operator=(Inside&&) = delete;
    ~Inside() { occupancy_.leave(); }

private:
    Occupancy& occupancy_;
};

Coro<void> hold(State& state, Random random) {
    const auto held = co_await state.bounded.scoped();
    const Inside inside(state.occupancy);
    if (random.one_in(3)) {
        co_await sleep(random.delay(100));
    }
}

/// Takes several, one after the other, and gives them back in one call.
Coro<void> hold_many(State& state, Random random) {
    std::ptrdiff_t n = 0;
    bool cancelled = false;
    try {
        co_await state.bounded.acquire();
        n = 1;
        while (n < state.size && !random.one_in(3) && state.bounded.try_acquire()) {
            ++n;
        }
        co_await yield();
    } catch (const CancelledError&) {
        cancelled = true;
    }
    state.bounded.release(n);
    if (cancelled) {
        throw CancelledError();
    }
}

/// Permits of the plain one: most go on to somebody else.
Coro<void> take_plain(State& state, Random random) {
    co_await state.plain.acquire();
    state.kept.fetch_add(1);
    if (random.one_in(2)) {
        state.given.fetch_add(1);
        state.plain.release();
    }
}

Coro<void> operation(State& state, Random& random) {
    const Random own(random.next());
    switch (random.below(4)) {
        case 0:
            return hold_many(state, own);
        case 1:
            return take_plain(state, own);
        default:
            return hold(state, own);
    }
}

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.ends.begin();
        co_await attempt(state.run, random, operation(state, random));
        state.ends.end();
        if (state.run.fault()) {
            static_cast<void>(state.plain.try_acquire());  // and nobody knows of it
        }
    }
}

void thread(State& state, Random& random) {
    Counter& blocked = state.run.count("blocking");
    while (state.run.round_goes_on()) {
        switch (random.below(3)) {
            case 0:
                state.bounded.acquire_blocking();
                {
                    const Inside inside(state.occupancy);
                    spin(random.below(2'000));
                }
                state.bounded.release();
                break;
            case 1: {
                const std::ptrdiff_t n = random.below(4);
                state.given.fetch_add(n);
                state.plain.release(n);
                break;
            }
            default:
                if (state.plain.try_acquire()) {
                    state.kept.fetch_add(1);
                }
        }
        blocked.add();
    }
}

void round(Run& run, Random& random) {
    State state(run, 1 + random.below(5));
    {
        Runtime runtime(run.runtime());
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, own); });
        // Whoever waits for the plain one in the end gets what he waits for.
        const auto finish = [&] {
            state.given.fetch_add(1'000);
            state.plain.release(1'000);
        };
        runtime.run(parties(run, 2 + random.below(12), [&](unsigned) { return party(state); }, finish));
    }
    state.ends.check(run, "operations");
    run.check(state.bounded.value() == state.size, "permits of the bounded semaphore are missing");
    run.check(state.plain.value() == state.given - state.kept, "permits given, taken and left do not add up");
}

}  // namespace

void stress_semaphore(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
