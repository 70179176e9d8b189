#include "../seam.hpp"
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/wait/permits.hpp>

#include <array>
#include <limits>

// The queue of waiters, over segments of two cells: who gives up leaves no hole that a wake-up falls into,
// dead segments go while others walk over them, and the order stays. The waiters here do not sleep: they are
// words, and granted when seq has moved on.

namespace heddle::explore {
namespace {

using detail::Permits;
using detail::Waiter;
using detail::WaitPlace;

constexpr std::int64_t no_bound = std::numeric_limits<std::int64_t>::max();

/// `n` of them have come to wait for a permit.
template <std::size_t N>
struct Line {
    explicit Line(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            come(i);
        }
    }
    void come(std::size_t i) {
        permits.prepare();
        if (permits.take()) {
            static_cast<void>(who[i].revoke(0));  // has it
        } else {
            enqueue(i);
        }
    }
    void enqueue(std::size_t i) {
        if (!permits.enqueue({&who[i], 0}, place[i])) {
            static_cast<void>(who[i].revoke(0));  // has it
        }
    }
    void give(std::int64_t n) { require(permits.give(n, no_bound), "refused"); }
    /// Gives up; who has been granted a permit gives it back.
    void leave(std::size_t i) {
        left[i] = true;
        if (!permits.abort(place[i], who[i])) {
            give(1);
        }
    }
    [[nodiscard]] bool granted(std::size_t i) { return who[i].current_seq() != 0; }
    [[nodiscard]] std::size_t linked() {
        const detail::EpochPin pin;
        return permits.queue.load(detail::acquire)->linked_segments();
    }
    /// Enough permits for the rest: everybody who has stayed must have one.
    void finish() {
        std::int64_t stayed = 0;
        std::int64_t have = 0;
        for (std::size_t i = 0; i < N; ++i) {
            stayed += left[i] ? 0 : 1;
            have += !left[i] && granted(i) ? 1 : 0;
        }
        const std::int64_t free = permits.count();
        require(free >= 0 ? have == stayed : stayed - have == -free, "the word and the waiters disagree");
        if (stayed != have) {
            give(stayed - have);
        }
        for (std::size_t i = 0; i < N; ++i) {
            require(left[i] || granted(i), "somebody was left out");
        }
    }

    Permits permits{0};
    std::array<Waiter, N> who;
    std::array<WaitPlace, N> place{};
    std::array<bool, N> left{};
};

void interior() {
    Line<6> line(6);
    parallel({[&] { line.leave(2); }, [&] { line.leave(3); }, [&] { line.give(3); }});
    require(line.granted(0) && line.granted(1), "not in order");
    line.finish();
}
const Register r1{
    {"wait_queue.interior", "two leave a segment in the middle, a wake-up has to jump over it", interior}};

void interior_two() {
    Line<7> line(7);
    parallel({[&] {
                  line.leave(2);
                  line.leave(4);
              },
              [&] {
                  line.leave(3);
                  line.leave(5);
              },
              [&] { line.give(3); }});
    require(line.granted(0) && line.granted(1), "not in order");
    line.finish();
}
const Register r2{
    {"wait_queue.interior_two", "two segments die, which makes somebody the maintainer", interior_two, 2, 1}};

void append() {
    Line<8> line(6);
    parallel({[&] {
                  line.leave(2);
                  line.leave(3);
                  line.leave(4);
                  line.leave(5);
              },
              [&] {
                  line.come(6);
                  line.come(7);
              },
              [&] { line.give(3); }});
    line.finish();
}
const Register r3{{"wait_queue.append", "newcomers add a segment while those before it die and are unlinked",
                   append, 2, 1}};

void head_of_line() {
    Line<3> line(2);
    parallel({[&] { line.leave(0); }, [&] { line.give(1); }, [&] { line.come(2); }});
    require(line.granted(1), "the next one in line has not got it");
    line.finish();
}
const Register r4{
    {"wait_queue.obligation", "the first leaves while the wake-up is under way to it", head_of_line, 3, 1}};

void first_come() {
    Line<3> line(0);
    parallel({[&] { line.come(0); }, [&] { line.come(1); }, [&] { line.give(2); }});
    require(line.granted(0) && line.granted(1), "somebody was left out");
    line.left[2] = true;
    line.finish();
}
const Register r5{{"wait_queue.first", "the queue is made by whoever needs it first, the giver included",
                   first_come, 3, 1}};

// Nobody is ever woken here: all that come leave again. What is linked must not grow.
void garbage() {
    Line<10> line(2);
    const auto pass = [&](std::size_t from) {
        for (std::size_t i = from; i < from + 4; ++i) {
            line.come(i);
            line.leave(i);
        }
    };
    parallel({[&] { pass(2); }, [&] { pass(6); }});
    require(line.linked() <= 4, "dead segments pile up");
    line.finish();
}
const Register r6{{"wait_queue.garbage", "many come and leave, nobody is woken", garbage, 2, 1}};

// The leaver finds the head on a segment that it has not seen made.
void head_moves_on() {
    Line<3> line(2);
    parallel({[&] { line.leave(1); },
              [&] {
                  line.come(2);
                  line.give(3);
              }});
    line.finish();
}
const Register r8{
    {"wait_queue.head", "one leaves while the head moves on to a new segment", head_moves_on, 3, 1}};

// They are counted, and not yet enqueued, when the permits come: the wake-ups run ahead of them.
void ahead() {
    Line<4> line(0);
    line.permits.prepare();
    for (int i = 0; i < 4; ++i) {
        require(!line.permits.take(), "there was none");
    }
    parallel({[&] {
                  line.enqueue(0);
                  line.enqueue(1);
                  line.enqueue(2);
                  line.enqueue(3);
              },
              [&] {
                  line.give(3);
                  reclaim();
              }});
    line.finish();
}
const Register r9{
    {"wait_queue.ahead", "wake-ups come before those they are for, a segment ahead", ahead, 3, 1}};

void two_givers() {
    Line<5> line(5);
    parallel({[&] { line.give(2); }, [&] { line.give(2); }, [&] { line.leave(1); }, [&] { line.leave(2); }});
    require(line.granted(0) && line.granted(3), "not in order");
    line.finish();
}
const Register r7{{"wait_queue.two_givers", "two give, two leave, at a segment's border", two_givers, 2, 1}};

}  // namespace
}  // namespace heddle::explore
