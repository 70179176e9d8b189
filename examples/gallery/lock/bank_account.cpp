// asyncio's BankAccount: Alice and Bob each withdraw 800 from 1000 at the same time. Without a lock both are
// paid and one of the two updates is lost.

#include "../gallery.hpp"
#include <heddle/gather.hpp>
#include <heddle/lock.hpp>

#include <atomic>
#include <string_view>

namespace gallery {
namespace {

class BankAccount {
public:
    heddle::Coro<int> withdraw(std::string_view name, int amount) {
        const int seen = balance_.load(std::memory_order_relaxed);
        print(name, " sees ", seen);
        if (seen < amount) {
            print(name, " gets nothing");
            co_return 0;
        }
        co_await sleep(1s);
        balance_.store(seen - amount, std::memory_order_relaxed);
        print(name, " gets ", amount);
        co_return amount;
    }

    heddle::Coro<int> withdraw_safely(std::string_view name, int amount) {
        auto held = co_await lock_.scoped();
        co_return co_await withdraw(name, amount);
    }

    [[nodiscard]] int balance() const { return balance_.load(); }

private:
    std::atomic<int> balance_ = 1000;  // atomic: withdraw() without the lock should be wrong, not undefined
    heddle::Lock lock_;
};

heddle::Coro<void> run() {
    print("Without a lock:");
    BankAccount account;
    auto paid = co_await heddle::gather(account.withdraw("Alice", 800), account.withdraw("Bob", 800));
    print("Paid ", std::get<0>(paid) + std::get<1>(paid), " of 1000, balance ", account.balance());

    print("With a lock:");
    BankAccount locked;
    paid = co_await heddle::gather(locked.withdraw_safely("Alice", 800), locked.withdraw_safely("Bob", 800));
    print("Paid ", std::get<0>(paid) + std::get<1>(paid), " of 1000, balance ", locked.balance());
}

const Program program("lock/bank_account", 2s, run);

}  // namespace
}  // namespace gallery
