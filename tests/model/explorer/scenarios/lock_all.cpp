#include "../seam.hpp"
#include <heddle/lock_all.hpp>

// lock_all: no deadlock in whatever order the locks are named; who gives up holds none of them.

namespace heddle::explore {
namespace {

struct Two {
    Lock a;
    Lock b;
    int in_a = 0;  // plain
    int in_b = 0;
};

void hold(Two& two, Lock& first, Lock& second) {
    auto held = await(lock_all(first, second));
    ++two.in_a;
    ++two.in_b;
    require(two.in_a == 1 && two.in_b == 1, "two hold the same lock");
    --two.in_a;
    --two.in_b;
}
void try_hold(Two& two, Lock& first, Lock& second) {
    try {
        hold(two, first, second);
    } catch (const CancelledError&) {
        return;
    }
}

void crossed() {
    Two two;
    parallel({[&] { hold(two, two.a, two.b); }, [&] { hold(two, two.b, two.a); }});
    require(!two.a.locked() && !two.b.locked(), "still locked");
}
const Register r1{
    {"lock_all.crossed", "two take the same two locks, named the other way round", crossed, 3, 1}};

void cancelled() {
    Two two;
    parallel({[&] { try_hold(two, two.a, two.b); }, [&] { hold(two, two.b, two.a); }, [&] { cancel(1); },
              [&] {
                  await(two.b.acquire());
                  ++two.in_b;
                  --two.in_b;
                  two.b.release();
              }});
    require(!two.a.locked() && !two.b.locked(), "still locked");
}
const Register r2{
    {"lock_all.cancel", "one of them gives up, another takes the second lock alone", cancelled, 2, 0}};

}  // namespace
}  // namespace heddle::explore
