#include "../seam.hpp"
#include <heddle/detail/sync/parker.hpp>

#include <atomic>

// A parker that is notified again before it has taken the first notification back sees the news of both.

namespace heddle::explore {
namespace {

using detail::never;
using detail::Parker;

void twice() {
    Parker parker;
    std::atomic<int> told{0};
    parallel({[&] {
                  int seen = 0;
                  while (seen < 2) {
                      require(parker.park(never), "woken by nobody");
                      seen = told.load(std::memory_order_relaxed);
                  }
              },
              [&] {
                  told.fetch_add(1, std::memory_order_relaxed);
                  parker.unpark();
                  told.fetch_add(1, std::memory_order_relaxed);
                  parker.unpark();
              }});
}
const Register r2{
    {"parker.twice", "two notifications, perhaps one wake-up; the last one counts", twice, 4, 2}};

void two_wakers() {
    Parker parker;
    std::atomic<int> told{0};
    const auto tell = [&] {
        told.fetch_add(1, std::memory_order_relaxed);
        parker.unpark();
    };
    parallel({[&] {
                  while (told.load(std::memory_order_relaxed) < 2) {
                      require(parker.park(never), "woken by nobody");
                  }
              },
              tell, tell});
}
const Register r3{{"parker.two_wakers", "two wake one", two_wakers, 3, 1}};

}  // namespace
}  // namespace heddle::explore
