#include "../seam.hpp"
#include <heddle/detail/queue/join_word.hpp>
#include <heddle/detail/wait/ticket_awaiter.hpp>

// The word that counts what is done, and those who wait for 0: Queue.join().

namespace heddle::explore {
namespace {

using Wait = detail::TicketAwaiter<detail::JoinWord>;

struct Counted {
    detail::Atomic<std::int64_t> puts{detail::QueueWord::initial(0)};
    detail::JoinWord latch{puts};
    int a = 0;  // plain: written before the count goes down
    int b = 0;
    void up(int n = 1) { puts.fetch_add(n, detail::acq_rel); }
    void down() { require(latch.count_down(), "counted below 0"); }
};

void down_to_zero() {
    Counted c;
    c.up(2);
    const auto wait = [&] {
        await(Wait(c.latch));
        require(c.a == 1 && c.b == 1, "passed too early");
    };
    parallel({wait, wait,
              [&] {
                  c.a = 1;
                  c.down();
              },
              [&] {
                  c.b = 1;
                  c.down();
              }});
}
const Register r1{{"latch.zero", "two wait, two count down", down_to_zero, 2, 1}};

void rounds() {
    Counted c;
    c.up();
    parallel({[&] {
                  await(Wait(c.latch));
                  wake(2);
                  await(Wait(c.latch));
              },
              [&] {
                  c.down();
                  sleep("until it was seen");
                  c.up();
                  c.down();
              },
              [&] { await_unless_cancelled(Wait(c.latch)); }, [&] { cancel(3); }});
    require(c.latch.count() == 0, "the count is lost");
}
const Register r2{{"latch.rounds", "down, up and down again, one of the waiters gives up", rounds, 2, 1}};

void up_before_down() {
    Counted c;
    c.up();
    parallel({[&] { await(Wait(c.latch)); }, [&] { c.down(); },
              [&] {
                  c.up();
                  c.down();
              }});
    require(!c.latch.count_down(), "not 0 in the end");
}
const Register r3{{"latch.up", "somebody counts up while another brings it to 0", up_before_down, 3, 1}};

void cancelled() {
    Counted c;
    c.up();
    parallel({[&] { await_unless_cancelled(Wait(c.latch)); }, [&] { await(Wait(c.latch)); },
              [&] { cancel(1); }, [&] { c.down(); }});
}
const Register r4{{"latch.cancel", "one of two waiters gives up at the last count", cancelled, 2, 1}};

}  // namespace
}  // namespace heddle::explore
