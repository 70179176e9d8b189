// asyncio's withdraw: two tasks each withdraw 60 from a balance of 100. Both find enough money, then wait,
// then take it; with a lock the second finds too little.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

#include <atomic>

namespace gallery {
namespace {

// Atomic, so that the version without a lock is no data race. Each step is right then, but what the first has
// found may be no longer true at the second.
using Balance = std::atomic<int>;

heddle::Coro<void> withdraw(Balance& balance, int amount) {
    if (balance.load(std::memory_order_relaxed) < amount) {
        print("Refused ", amount);
        co_return;
    }
    co_await sleep(0.5s);
    const int left = balance.fetch_sub(amount, std::memory_order_relaxed) - amount;
    print("Withdrew ", amount, ", ", left, " left");
}

heddle::Coro<void> withdraw_with_lock(heddle::Lock& lock, Balance& balance, int amount) {
    auto held = co_await lock.scoped();
    co_await withdraw(balance, amount);
}

heddle::Coro<void> run() {
    print("Without a lock:");
    Balance balance = 100;
    co_await heddle::gather(withdraw(balance, 60), withdraw(balance, 60));
    print("Balance: ", balance.load());

    print("With a lock:");
    balance = 100;
    heddle::Lock lock;
    co_await heddle::gather(withdraw_with_lock(lock, balance, 60), withdraw_with_lock(lock, balance, 60));
    print("Balance: ", balance.load());
}

const Program program("lock/withdraw", 1s, run);

}  // namespace
}  // namespace gallery
