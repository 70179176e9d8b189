#pragma once

#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/wait/waiter.hpp>

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

// What white-box tests need to drive waiters by hand, without tasks and without a runtime.

namespace heddle::test {

/// A waiter that a test moves through its states itself. Of the kind that a thread has, so that waking it is
/// a futex call on which nobody sleeps. Its block is only ever used for another one, as those of threads are:
/// a waker may look at it when the waiter has gone.
class FakeWaiter {
public:
    FakeWaiter() : control_(take_block()) {}
    FakeWaiter(const FakeWaiter&) = delete;
    FakeWaiter& operator=(const FakeWaiter&) = delete;
    FakeWaiter(FakeWaiter&&) = delete;
    FakeWaiter& operator=(FakeWaiter&&) = delete;
    ~FakeWaiter() {
        const std::lock_guard hold(blocks().lock);
        blocks().free.push_back(control_);
    }

    [[nodiscard]] detail::Waiter& waiter() const { return *control_; }
    [[nodiscard]] detail::WaitToken token() const { return {control_, control_->current_seq()}; }
    [[nodiscard]] std::uint64_t word() const { return control_->word.load(detail::acquire); }
    [[nodiscard]] bool asleep() const { return detail::word::phase(word()) == detail::word::suspended; }
    /// Sleeps on a token that has been published and that others may have claimed already.
    detail::Parked park(const detail::WaitToken& token) {
        return control_->park(token.seq, detail::Cancellable::yes);
    }
    /// The same while nobody else can have claimed it.
    detail::Parked park(detail::Cancellable mode = detail::Cancellable::yes) {
        return control_->park(control_->current_seq(), mode);
    }

private:
    struct Blocks {
        std::mutex lock;
        std::vector<detail::TaskControl*> free;
    };
    static Blocks& blocks() {
        static auto* const all = new Blocks;  // never destroyed: other threads may be later
        return *all;
    }
    static detail::TaskControl* take_block() {
        const std::lock_guard hold(blocks().lock);
        if (blocks().free.empty()) {
            return &detail::make_control(detail::TaskKind::thread, nullptr, detail::TaskControl::handle_ref);
        }
        detail::TaskControl* block = blocks().free.back();
        blocks().free.pop_back();
        // As after a wait that has ended: no requests, and tokens that may still be about are stale.
        const std::uint64_t seq = detail::word::seq(block->word.load(detail::acquire));
        block->word.store((seq + 1) << detail::word::seq_shift, detail::release);
        return block;
    }
    detail::TaskControl* control_;
};

/// Runs `fn(i)` for i = 0 … n-1 on n threads that all start at the same moment; returns when all have ended.
inline void at_once(std::size_t n, const std::function<void(std::size_t)>& fn) {
    std::barrier start(static_cast<std::ptrdiff_t>(n));
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < n; ++i) {
        threads.emplace_back([&, i] {
            start.arrive_and_wait();
            fn(i);
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace heddle::test
