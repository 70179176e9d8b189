#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

// Short lives of runtimes. They are shut down, by one or two threads or by their destructor, while tasks run,
// wait and sleep, while other threads spawn, cancel and wake, and while some of those are still inside a call
// when the runtime is gone.

namespace heddle::stress {
namespace {

/// What outlives the runtime of an iteration.
struct State {
    explicit State(Run& r) : run(r) {}
    Run& run;
    Event gate;
    Lock lock;
    Ends callbacks;
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> ended{0};

    std::mutex handles_lock;
    std::vector<Task<void>> handles;

    void keep(const Task<void>& task) {
        const std::lock_guard hold(handles_lock);
        handles.push_back(task);
    }
    Task<void> any(Random& random) {
        const std::lock_guard hold(handles_lock);
        return handles.empty() ? Task<void>() : handles[random.below(static_cast<unsigned>(handles.size()))];
    }
};

class Life {
public:
    explicit Life(State& state) : state_(state) { ++state_.begun; }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;
    Life(Life&&) = delete;
    Life& operator=(Life&&) = delete;
    ~Life() { ++state_.ended; }

private:
    State& state_;
};

Coro<void> live(State& state, std::uint64_t seed, unsigned depth);

Coro<void> forever(State& state) {
    while (!state.over) {
        co_await yield();
    }
}
Coro<void> wait_at_the_gate(State& state) { co_await state.gate.wait(); }
Coro<void> sleep_long() { co_await sleep(std::chrono::hours(1)); }
Coro<void> hold_the_lock(State& state) {
    const auto held = co_await state.lock.scoped();
    co_await sleep(std::chrono::microseconds(50));
}
Coro<void> gather_more(State& state, Random random, unsigned depth) {
    co_await gather(live(state, random.next(), depth), live(state, random.next(), depth));
}
/// Goes on for a while after it was told to stop, and wants others to clean up.
Coro<void> stubborn(State& state) {
    try {
        co_await state.gate.wait();
    } catch (const CancelledError&) {
        state.run.count("stubborn").add();
    }
    co_await sleep(std::chrono::microseconds(100));
    const Task<void> helper = create_task(hold_the_lock(state));
    state.keep(helper);
}

Coro<void> live(State& state, std::uint64_t seed, unsigned depth) {
    const Life alive(state);
    Random random(seed);
    Coro<void> what;
    switch (random.below(depth > 0 ? 7 : 5)) {
        case 0:
            what = forever(state);
            break;
        case 1:
            what = wait_at_the_gate(state);
            break;
        case 2:
            what = sleep_long();
            break;
        case 3:
            what = hold_the_lock(state);
            break;
        case 4:
            what = stubborn(state);
            break;
        default:
            what = gather_more(state, Random(random.next()), depth - 1);
    }
    co_await std::move(what);
}

void add_callback(State& state, const Task<void>& task) {
    state.callbacks.begin();
    try {
        task.add_done_callback([&state] {
            state.callbacks.end();
            if (state.run.fault()) {
                state.callbacks.end();
            }
        });
    } catch (const std::runtime_error&) {
        state.callbacks.end();  // refused: its runtime has gone
    }
}

void spawn_until_refused(State& state, Runtime& runtime, Random& random) {
    try {
        while (!state.over) {
            const Task<void> task = runtime.spawn(live(state, random.next(), 2));
            state.keep(task);
            if (random.one_in(4)) {
                add_callback(state, task);
            }
            if (random.one_in(16)) {
                task.cancel();
                task.wait_blocking();
            }
            std::this_thread::sleep_for(random.delay(100));
        }
    } catch (const std::runtime_error&) {
        state.run.count("refused").add();
    }
}

/// Touches only what outlives the runtime, which may be gone at any moment.
void disturb(State& state, Random& random) {
    while (!state.over) {
        switch (random.below(4)) {
            case 0:
                state.gate.set();
                break;
            case 1:
                state.gate.clear();
                break;
            default:
                if (const Task<void> task = state.any(random)) {
                    if (random.one_in(2)) {
                        task.cancel();
                    } else {
                        add_callback(state, task);
                    }
                }
        }
        spin(random.below(20'000));
    }
}

void one_life(Run& run, Random& random) {
    State state(run);
    Threads disturbers;
    disturbers.start(run, 1, [&](Random& own) { disturb(state, own); });
    {
        auto runtime = std::make_unique<Runtime>(run.runtime());
        Threads spawners;
        spawners.start(run, run.options().threads,
                       [&](Random& own) { spawn_until_refused(state, *runtime, own); });
        for (unsigned i = random.below(8); i > 0; --i) {
            const Task<void> task = runtime->spawn(live(state, random.next(), 3));
            state.keep(task);
            add_callback(state, task);
        }
        std::this_thread::sleep_for(random.delay(3'000));
        if (random.one_in(2)) {
            Threads second;
            second.start(run, random.below(2), [&](Random&) { runtime->shutdown(); });
            runtime->shutdown();
            second.join();
        } else {
            state.over = random.one_in(2);
            runtime->shutdown();
        }
        spawners.join();  // they must not call into a runtime that is gone; the disturbers never do
        runtime.reset();
    }
    state.over = true;
    disturbers.join();
    for (const Task<void>& task : state.handles) {
        run.check(task.done(), "a task has outlived its runtime");
    }
    run.check(state.begun == state.ended, "a body has not ended with its runtime");
    state.callbacks.check(run, "callbacks");
    run.count("lives").add();
}

Coro<void> leave_some_behind(State& state, std::uint64_t seed) {
    Random random(seed);
    for (unsigned i = random.below(6); i > 0; --i) {
        const Task<void> task = create_task(live(state, random.next(), 2));
        state.keep(task);
        add_callback(state, task);
    }
    co_await sleep(random.delay(500));
}

/// run(): what main leaves behind is cancelled and waited for.
void one_run(Run& run, Random& random) {
    State state(run);
    heddle::run(leave_some_behind(state, random.next()), run.runtime());
    for (const Task<void>& task : state.handles) {
        run.check(task.done(), "a task has outlived run()");
    }
    state.callbacks.check(run, "callbacks");
    run.count("lives").add();
}

}  // namespace

void stress_shutdown(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        while (run.round_goes_on()) {
            if (random.one_in(3)) {
                one_run(run, random);
            } else {
                one_life(run, random);
            }
        }
    }
}

}  // namespace heddle::stress
