#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/heddle.hpp>

#include <array>
#include <atomic>
#include <stdexcept>
#include <vector>

// Recursive gathers whose leaves may suspend, fail, or be cancelled. Sums are exact, and no child outlives
// its gather, however that ends.

namespace heddle::stress {
namespace {

class Boom : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct State {
    explicit State(Run& r) : run(r) {}
    Run& run;
    Ends operations;
};

/// How a tree behaves; the same for all of its nodes.
struct Habits {
    unsigned suspends;  // one leaf in so many; 0: none
    unsigned fails;
    bool tolerant;
};
bool sometimes(unsigned one_in, Random& random) { return one_in != 0 && random.one_in(one_in); }

/// The children of one gather that are alive.
class Brood {
public:
    explicit Brood(Run& run) : run_(run) {}
    Brood(const Brood&) = delete;
    Brood& operator=(const Brood&) = delete;
    Brood(Brood&&) = delete;
    Brood& operator=(Brood&&) = delete;
    /// The gather is over by now.
    ~Brood() { run_.check(alive == 0, "a child outlives its gather"); }
    std::atomic<int> alive{0};

private:
    Run& run_;
};
class Chick {
public:
    explicit Chick(Brood& brood) : brood_(brood) { ++brood_.alive; }
    Chick(const Chick&) = delete;
    Chick& operator=(const Chick&) = delete;
    Chick(Chick&&) = delete;
    Chick& operator=(Chick&&) = delete;
    ~Chick() { --brood_.alive; }

private:
    Brood& brood_;
};

Coro<long> leaf(State& state, Habits habits, Random random) {
    if (sometimes(habits.suspends, random)) {
        if (random.one_in(2)) {
            co_await yield();
        } else {
            co_await sleep(random.delay(100));
        }
    }
    if (random.one_in(64)) {
        spin(random.below(20'000));
    }
    if (sometimes(habits.fails, random)) {
        throw Boom("a leaf fails");
    }
    co_return state.run.fault() ? 2 : 1;
}

Coro<long> tree(State& state, Habits habits, Random random, unsigned depth);

Coro<long> child(Brood& brood, State& state, Habits habits, Random random, unsigned depth) {
    const Chick alive(brood);
    co_return co_await tree(state, habits, random, depth);
}

Coro<long> of_two(State& state, Habits habits, Random random, unsigned depth) {
    Brood brood(state.run);
    const Random a(random.next());
    const Random b(random.next());
    auto both = co_await gather(child(brood, state, habits, a, depth), child(brood, state, habits, b, depth));
    co_return std::get<0>(both) + std::get<1>(both);
}

Coro<long> of_many(State& state, Habits habits, Random random, unsigned depth) {
    Brood brood(state.run);
    std::vector<Coro<long>> coros;
    for (int i = 0; i < 3; ++i) {
        coros.push_back(child(brood, state, habits, Random(random.next()), depth));
    }
    long sum = 0;
    if (habits.tolerant) {
        auto results = co_await gather(return_exceptions, std::move(coros));
        state.run.check(results.size() == 3, "a gather of three gives something else");
        for (auto& result : results) {
            if (!result) {
                std::rethrow_exception(result.exception());
            }
            sum += result.value();
        }
    } else {
        const std::vector<long> values = co_await gather(std::move(coros));
        for (const long value : values) {
            sum += value;
        }
    }
    co_return sum;
}

/// One child a coroutine, the other a task, which is not ours to end.
Coro<long> of_a_task(State& state, Habits habits, Random random, unsigned depth) {
    Brood brood(state.run);
    const Random a(random.next());
    const Random b(random.next());
    // Not one of the brood: after a failure it goes on alone.
    const Task<long> task = create_task(tree(state, habits, a, depth));
    long sum = 0;
    std::exception_ptr error;
    try {
        auto both = co_await gather(task, child(brood, state, habits, b, depth));
        sum = std::get<0>(both) + std::get<1>(both);
    } catch (...) {
        error = std::current_exception();
    }
    if (error != nullptr) {
        std::vector<Task<void>> one{task};
        co_await settle(std::move(one));
        if (!task.cancelled()) {
            static_cast<void>(task.exception());
        }
        std::rethrow_exception(error);
    }
    co_return sum;
}

/// Which kind of node stands at a depth is a matter of the depth alone, so that the sum is known.
Coro<long> tree(State& state, Habits habits, Random random, unsigned depth) {
    state.run.count("nodes").add();
    if (depth == 0) {
        return leaf(state, habits, random);
    }
    switch (depth % 3) {
        case 0:
            return of_many(state, habits, random, depth - 1);
        case 1:
            return of_two(state, habits, random, depth - 1);
        default:
            return random.one_in(8) ? of_a_task(state, habits, random, depth - 1)
                                    : of_two(state, habits, random, depth - 1);
    }
}
long leaves(unsigned depth) { return depth == 0 ? 1 : (depth % 3 == 0 ? 3 : 2) * leaves(depth - 1); }

Coro<void> one_tree(State& state, Random random) {
    const unsigned depth = 1 + random.below(9);
    static constexpr std::array<unsigned, 4> often{0, 2, 10, 100};
    const Habits habits{.suspends = often.at(random.below(4)),
                        .fails = random.one_in(3) ? 20 + random.below(400) : 0,
                        .tolerant = random.one_in(2)};
    const long sum = co_await tree(state, habits, random, depth);
    state.run.check(sum == leaves(depth), "the sum of a tree is wrong");
}

Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.operations.begin();
        co_await attempt(state.run, random, one_tree(state, Random(random.next())));
        state.operations.end();
    }
}

void round(Run& run, Random& random) {
    State state(run);
    {
        Runtime runtime(run.runtime());
        runtime.run(parties(run, 1 + random.below(6), [&](unsigned) { return party(state); }));
    }
    state.operations.check(run, "operations");
}

}  // namespace

void stress_gather(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
