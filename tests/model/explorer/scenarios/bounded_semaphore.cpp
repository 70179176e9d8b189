#include "../seam.hpp"
#include <heddle/semaphore.hpp>

#include <atomic>
#include <stdexcept>

// BoundedSemaphore: of all surplus releases exactly the surplus ones fail, also while others wait.

namespace heddle::explore {
namespace {

bool release(BoundedSemaphore& semaphore) {
    try {
        semaphore.release();
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

void surplus() {
    BoundedSemaphore semaphore(1);
    await(semaphore.acquire());
    std::atomic<int> refused{0};
    const auto give = [&] { refused += release(semaphore) ? 0 : 1; };
    parallel({give, give});
    require(refused == 1 && semaphore.value() == 1, "not exactly the surplus one failed");
}
const Register r1{{"bounded_semaphore.surplus", "two release, one too many", surplus, 4, 2}};

// A permit that is granted and then given back by its cancelled owner was in use in between, as in asyncio: a
// release that came there was no surplus. So only the sum is asked for.
void waiting() {
    BoundedSemaphore semaphore(1);
    await(semaphore.acquire());
    std::atomic<int> refused{0};
    std::atomic<int> got{0};
    const auto give = [&] { refused += release(semaphore) ? 0 : 1; };
    parallel({give, give,
              [&] {
                  if (await_unless_cancelled(semaphore.acquire())) {
                      ++got;
                  }
              },
              [&] { cancel(3); }});
    require(semaphore.value() == 2 - refused - got, "permits were lost or made");
}
const Register r2{{"bounded_semaphore.waiting", "two release while one waits or gives up", waiting, 2, 1}};

// More than the bound at once, whether somebody waits or not.
void too_many() {
    BoundedSemaphore semaphore(1);
    await(semaphore.acquire());
    parallel({[&] {
                  try {
                      semaphore.release(2);
                  } catch (const std::exception&) {
                      require(release(semaphore), "refused");
                      return;
                  }
                  fail("more permits than the bound");
              },
              [&] { await(semaphore.acquire()); }});
    require(semaphore.value() == 0, "permits were lost or made");
}
const Register r3{
    {"bounded_semaphore.too_many", "two permits are released where one is missing", too_many, 3, 1}};

}  // namespace
}  // namespace heddle::explore
