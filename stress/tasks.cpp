#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

// Trees of tasks: awaited by one or several, cancelled, dropped, failing, in groups, with callbacks. Every
// body that begins ends, every callback runs once, and what a task returned is what its awaiters get.

namespace heddle::stress {
namespace {

class Boom : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct State {
    explicit State(Run& r) : run(r) {}
    Run& run;
    Ends bodies;
    Ends callbacks;
    Ends operations;
};

/// One body that runs: begun and ended with this object.
class Life {
public:
    explicit Life(State& state) : state_(state) { state_.bodies.begin(); }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;
    Life(Life&&) = delete;
    Life& operator=(Life&&) = delete;
    ~Life() {
        if (!state_.run.fault()) {
            state_.bodies.end();
        }
    }

private:
    State& state_;
};

std::string text_of(std::uint64_t seed) { return "result " + std::to_string(seed); }

Coro<std::string> node(State& state, std::uint64_t seed, unsigned depth);

void add_callback(State& state, const Task<std::string>& task, std::uint64_t seed) {
    state.callbacks.begin();
    // The count moves with the callback: one that is dropped instead of run is missed.
    task.add_done_callback([&state, seed](const Task<std::string>& done) {
        state.run.check(done.done(), "a callback of a task that is not done");
        if (!done.cancelled() && done.exception() == nullptr) {
            state.run.check(done.result() == text_of(seed), "a callback sees another result");
        }
        state.callbacks.end();
    });
}

/// Awaits a child as it may please, and checks what it gives.
Coro<void> join(State& state, Task<std::string> child, std::uint64_t seed) {
    std::string got;
    try {
        got = co_await child;
    } catch (const Boom&) {
        got = text_of(seed);
    }
    state.run.check(got == text_of(seed), "an awaiter gets another result");
}

/// Several wait for the same task; one of them is cancelled, which cancels the child.
Coro<void> join_together(State& state, Task<std::string> child, std::uint64_t seed, Random random) {
    std::vector<Task<void>> joiners;
    for (unsigned i = 0; i < 4; ++i) {
        joiners.push_back(create_task(join(state, child, seed)));
    }
    if (random.one_in(2)) {
        joiners[random.below(4)].cancel("one of the joiners");
    }
    co_await settle(std::move(joiners));
}

Coro<void> children(State& state, Random random, unsigned depth) {
    std::vector<Task<void>> kept;
    for (unsigned i = random.below(4); i > 0; --i) {
        const std::uint64_t seed = random.next();
        const Task<std::string> child = create_task(node(state, seed, depth));
        if (random.one_in(3)) {
            add_callback(state, child, seed);
        }
        switch (random.below(6)) {
            case 0:
                child.cancel();
                break;
            case 1:
                co_await join(state, child, seed);
                break;
            case 2:
                co_await join_together(state, child, seed, Random(random.next()));
                break;
            case 3:
                child.set_name(child.name() + "'");
                break;
            default:
                break;
        }
        if (random.one_in(2)) {
            kept.emplace_back(child);  // the others go on alone
        }
        if (random.one_in(8)) {
            add_callback(state, child, seed);  // perhaps after its end
        }
    }
    co_await settle(std::move(kept));
}

/// A group whose children may fail, which cancels the others.
Coro<void> group(State& state, Random random, unsigned depth) {
    auto alive = std::make_shared<std::atomic<int>>(0);
    struct Member {
        explicit Member(std::atomic<int>& n) : alive(n) { ++alive; }
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;
        Member(Member&&) = delete;
        Member& operator=(Member&&) = delete;
        ~Member() { --alive; }
        std::atomic<int>& alive;
    };
    auto member = [&state, alive, depth](std::uint64_t seed) -> Coro<void> {
        const Member counted(*alive);
        co_await node(state, seed, depth);
    };
    auto body = [&](TaskGroup& tasks) -> Coro<void> {
        for (unsigned i = random.below(5); i > 0; --i) {
            tasks.create_task(member(random.next()));
            if (random.one_in(3)) {
                co_await yield();
            }
        }
    };
    std::exception_ptr error;
    try {
        co_await task_group(body);
    } catch (...) {
        error = std::current_exception();
    }
    state.run.check(*alive == 0, "a child outlives its group");
    if (error != nullptr) {
        std::rethrow_exception(error);
    }
}

Coro<std::string> node(State& state, std::uint64_t seed, unsigned depth) {
    const Life life(state);
    Random random(seed);
    state.run.count("nodes").add();
    switch (random.below(6)) {
        case 0:
            co_await yield();
            break;
        case 1:
            co_await sleep(random.delay(200));
            break;
        default:
            break;
    }
    if (depth > 0) {
        Coro<void> below = random.one_in(3) ? group(state, Random(random.next()), depth - 1)
                                            : children(state, Random(random.next()), depth - 1);
        co_await std::move(below);
    }
    if (random.one_in(8)) {
        throw Boom("a node fails");
    }
    co_return text_of(seed);
}

Coro<void> tree(State& state, std::uint64_t seed) { co_await node(state, seed, 3); }

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.operations.begin();
        co_await attempt(state.run, random, tree(state, random.next()));
        state.operations.end();
    }
}

/// Plants trees from outside and waits for them.
void thread(State& state, Runtime& runtime, Random& random) {
    while (state.run.round_goes_on()) {
        const Task<void> task = runtime.spawn(tree(state, random.next()));
        if (random.one_in(3)) {
            task.cancel();
        }
        task.wait_blocking();
        if (!task.cancelled()) {
            static_cast<void>(task.exception());
        }
        state.run.count("blocking").add();
    }
}

void round(Run& run, Random& random) {
    State state(run);
    {
        RuntimeOptions options = run.runtime();
        // Tasks whose handles are dropped fail, and nobody asks them why.
        options.exception_handler = [&run](const std::string&, const std::exception_ptr&) {
            run.count("unretrieved").add();
        };
        Runtime runtime(std::move(options));
        Threads threads;
        threads.start(run, run.options().threads, [&](Random& own) { thread(state, runtime, own); });
        runtime.run(parties(run, 1 + random.below(4), [&](unsigned) { return party(state); }));
    }
    state.operations.check(run, "operations");
    state.bodies.check(run, "bodies");
    state.callbacks.check(run, "callbacks");
}

}  // namespace

void stress_tasks(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
