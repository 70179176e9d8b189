#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <array>
#include <atomic>

// Two locks, each around a plain number. Whoever holds a lock may suspend, be cancelled and time out inside.

namespace heddle::stress {
namespace {

struct Section {
    explicit Section(Run& run) : occupancy(run, 1) {}
    Lock lock;
    Occupancy occupancy;
    long plain = 0;  // guarded by the lock
    std::atomic<long> increments{0};
};

/// What happens with the lock held.
class Inside {
public:
    explicit Inside(Section& section) : section_(section), seen_(section.plain) {
        section_.occupancy.enter();
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    Inside(Inside&&) = delete;
    Inside& operator=(Inside&&) = delete;
    ~Inside() {
        section_.plain = seen_ + 1;  // lost if anybody else was inside
        section_.increments.fetch_add(1, std::memory_order_relaxed);
        section_.occupancy.leave();
    }

private:
    Section& section_;
    long seen_;
};

struct State {
    explicit State(Run& r) : run(r), sections{Section(r), Section(r)} {}
    Section& section(Random& random) { return sections[random.below(2)]; }
    Run& run;
    std::array<Section, 2> sections;
    Ends ends;
};

Coro<void> linger(Random random) {
    switch (random.below(6)) {
        case 0:
            co_await yield();
            break;
        case 1:
            co_await sleep(random.delay(100));
            break;
        default:
            break;
    }
}

Coro<void> hold_scoped(Section& section, Random random) {
    const auto held = co_await section.lock.scoped();
    const Inside inside(section);
    co_await linger(random);
}

Coro<void> hold_by_hand(Section& section) {
    co_await section.lock.acquire();
    {
        const Inside inside(section);
    }
    section.lock.release();
}

Coro<void> try_to_hold(Section& section) {
    if (section.lock.try_acquire()) {
        {
            const Inside inside(section);
        }
        section.lock.release();
    }
    co_await yield();
}

Coro<void> hold_both(State& state, Random random) {
    const auto first = co_await state.sections[0].lock.scoped();
    const auto second = co_await state.sections[1].lock.scoped();
    const Inside outer(state.sections[0]);
    const Inside inner(state.sections[1]);
    co_await linger(random);
}

/// A task that is cancelled while it waits, or just when it is granted the lock.
Coro<void> cancelled_holder(State& state, Section& section, Random random) {
    state.ends.begin();
    const Task<void> task = create_task(hold_scoped(section, random));
    bool stopped =
        false;  // asked to stop ourselves: first the task that uses our frame's references has to end
    if (random.one_in(2)) {
        try {
            co_await yield();
        } catch (const CancelledError&) {
            stopped = true;
        }
    }
    task.cancel();
    std::vector<Task<void>> one{task};
    co_await settle(std::move(one));
    state.ends.end();
    if (stopped) {
        throw CancelledError();
    }
}

Coro<void> without_the_lock(Section& section) {
    const Inside inside(section);
    for (int i = 0; i < 50; ++i) {
        co_await sleep(std::chrono::microseconds(100));
    }
}

Coro<void> operation(State& state, Random& random) {
    const Random own(random.next());
    Section& section = state.section(random);
    if (state.run.fault()) {
        return without_the_lock(section);
    }
    switch (random.below(6)) {
        case 0:
            return hold_by_hand(section);
        case 1:
            return try_to_hold(section);
        case 2:
            return hold_both(state, own);
        case 3:
            return cancelled_holder(state, section, own);
        default:
            return hold_scoped(section, own);
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

void thread(State& state, Random& random) {
    Counter& blocked = state.run.count("blocking");
    while (state.run.round_goes_on()) {
        Section& section = state.section(random);
        if (random.one_in(4) ? section.lock.try_acquire() : (section.lock.acquire_blocking(), true)) {
            {
                const Inside inside(section);
                spin(random.below(2'000));
            }
            section.lock.release();
        }
        blocked.add();
    }
}

void round(Run& run, Random& random) {
    State state(run);
    {
        Runtime runtime(run.runtime());
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, own); });
        runtime.run(parties(run, 2 + random.below(12), [&](unsigned) { return party(state); }));
    }
    state.ends.check(run, "operations");
    for (const Section& section : state.sections) {
        run.check(section.plain == section.increments, "an increment was lost: two were inside at once");
        run.check(!section.lock.locked(), "the lock is still held");
    }
}

}  // namespace

void stress_lock(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
