#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <exception>

// A buffer with two conditions on one lock. Nothing but notify() ever wakes a waiter, one at a time: a
// notification that is lost with a cancelled waiter leaves the others waiting. The end of a round is such a
// chain too: each one that sees it wakes the next.

namespace heddle::stress {
namespace {

struct State {
    State(Run& r, long most) : run(r), inside(r, 1), capacity(most) {}
    Run& run;
    Lock lock;
    Condition items{lock};
    Condition room{lock};
    Occupancy inside;
    Ends ends;
    // Guarded by the lock:
    const long capacity;
    long level = 0;
    long put = 0;
    long got = 0;
    bool closed = false;
};

/// Inside of the lock, for as long as it lives; wait() steps out of it.
class Inside {
public:
    explicit Inside(State& state) : state_(state) { state_.inside.enter(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    Inside(Inside&&) = delete;
    Inside& operator=(Inside&&) = delete;
    ~Inside() { state_.inside.leave(); }

    void step_out() { state_.inside.leave(); }
    /// The lock is held again, whether the wait has returned or thrown.
    void step_in() {
        state_.run.check(state_.lock.locked(), "a wait ended without the lock");
        state_.inside.enter();
    }

private:
    State& state_;
};

Coro<void> wait(Condition& condition, Inside& inside) {
    std::exception_ptr error;
    inside.step_out();
    try {
        co_await condition.wait();
    } catch (...) {
        error = std::current_exception();
    }
    inside.step_in();
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
}

/// Passes the end of the round on, or what has changed.
void after_put(State& state) {
    if (state.closed) {
        if (!state.run.fault()) {
            state.room.notify();
        }
    } else {
        ++state.level;
        ++state.put;
        state.items.notify();
    }
}
void after_get(State& state) {
    if (state.closed) {
        state.items.notify();
    } else {
        --state.level;
        ++state.got;
        state.room.notify();
    }
}

Coro<void> put(State& state) {
    const auto held = co_await state.lock.scoped();
    Inside inside(state);
    while (state.level == state.capacity && !state.closed) {
        co_await wait(state.room, inside);
    }
    after_put(state);
}
Coro<void> get(State& state) {
    const auto held = co_await state.lock.scoped();
    Inside inside(state);
    while (state.level == 0 && !state.closed) {
        co_await wait(state.items, inside);
    }
    after_get(state);
}
/// As the predicate sees it: with the lock held.
Coro<void> get_by_predicate(State& state) {
    const auto held = co_await state.items.scoped();
    const auto ready = [&] { return state.level > 0 || state.closed; };
    co_await state.items.wait_for(ready);
    const Inside inside(state);
    after_get(state);
}

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.ends.begin();
        Coro<void> operation;
        switch (random.below(4)) {
            case 0:
                operation = get(state);
                break;
            case 1:
                operation = get_by_predicate(state);
                break;
            default:
                operation = put(state);
        }
        co_await attempt(state.run, random, std::move(operation));
        state.ends.end();
    }
}

void thread(State& state, Random& random) {
    Counter& blocked = state.run.count("blocking");
    while (state.run.round_goes_on()) {
        const bool putting = random.one_in(2);
        state.lock.acquire_blocking();
        {
            Inside inside(state);
            while (!state.closed && state.level == (putting ? state.capacity : 0)) {
                inside.step_out();
                (putting ? state.room : state.items).wait_blocking();
                inside.step_in();
            }
            putting ? after_put(state) : after_get(state);
        }
        state.lock.release();
        blocked.add();
    }
}

void round(Run& run, Random& random) {
    State state(run, 1 + random.below(4));
    {
        Runtime runtime(run.runtime());
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, own); });
        std::atomic<bool> over{false};
        const auto finish = [&] { over = true; };
        const Task<void> all =
            runtime.spawn(parties(run, 2 + random.below(12), [&](unsigned) { return party(state); }, finish));
        while (!over) {
            std::this_thread::yield();
        }
        state.lock.acquire_blocking();
        state.closed = true;
        state.items.notify();
        state.room.notify();
        state.lock.release();
        all.wait_blocking();
        threads.join();
    }
    state.ends.check(run, "operations");
    run.check(state.put - state.got == state.level && state.level >= 0 && state.level <= state.capacity,
              "the buffer's count is wrong");
}

}  // namespace

void stress_condition(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
