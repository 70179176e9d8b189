#pragma once

#include "faults/allocator.hpp"
#include "support/fixture.hpp"
#include <heddle/coro.hpp>
#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/slab.hpp>
#include <heddle/detail/wait/wait_queue.hpp>
#include <heddle/error.hpp>
#include <heddle/runtime.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace heddle::test {

/// Something done again and again, each time with another allocation failing.
///
/// act() may throw std::bad_alloc, alone or in ExceptionGroups, and nothing else. Whatever it threw, check(),
/// for which nothing fails, finds the same objects as good as new. Every scenario is made afresh, with a
/// runtime.
class Scenario {
public:
    Scenario() = default;
    Scenario(const Scenario&) = delete;
    Scenario& operator=(const Scenario&) = delete;
    Scenario(Scenario&&) = delete;
    Scenario& operator=(Scenario&&) = delete;
    virtual ~Scenario() = default;

    virtual Coro<void> act() = 0;
    virtual Coro<void> check() { co_await yield(); }
    /// On the test's own thread, which runs act() as a task unless the scenario says otherwise.
    virtual void on_thread(Runtime& runtime) { runtime.run(act()); }
};

/// True for std::bad_alloc, and for an ExceptionGroup of nothing else but the body's end that it leads to: a
/// group that is shutting down takes no more children.
inline bool only_memory(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (const ExceptionGroup& group) {
        return std::ranges::all_of(group.exceptions(), only_memory);
    } catch (const std::runtime_error& e) {
        return std::string_view(e.what()) == "TaskGroup is shutting down";
    } catch (...) {  // NOLINT(bugprone-empty-catch): says no
    }
    return false;
}

inline std::string name_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError& e) {
        return "CancelledError " + e.message();
    } catch (const ExceptionGroup& group) {
        std::string text = "group of";
        for (const std::exception_ptr& one : group.exceptions()) {
            text += " (" + name_of(one) + ")";
        }
        return text;
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something";
    }
}

/// Nothing of what has been retired is left.
inline void reclaim_all() {
    while (detail::epoch_pending() != 0) {
        {
            const detail::EpochPin registers_this_thread;
        }
        detail::epoch_collect(*detail::this_thread_epoch);
        std::this_thread::yield();
    }
}

/// Live blocks without what is kept for ever: the slabs of control blocks.
inline std::int64_t blocks_in_use() {
    std::int64_t control_blocks = 0;
    detail::slab_for_each([](detail::TaskControl&, void* n) { ++*static_cast<std::int64_t*>(n); },
                          &control_blocks);
    constexpr std::int64_t in_a_slab = 1023;
    return live_blocks() - control_blocks / in_a_slab;
}

/// Does it once, the n-th allocation failing; gives how many there were.
template <class S>
std::uint64_t once(std::uint64_t n, Failing how, unsigned workers) {
    std::uint64_t allocations = 0;
    std::exception_ptr error;
    {
        RuntimeOptions options;
        options.workers = workers;
        options.exception_handler = [](const std::string&, const std::exception_ptr&) {};
        Runtime runtime(std::move(options));
        S scenario;
        fail_allocation(n, how);
        try {
            scenario.on_thread(runtime);
        } catch (...) {
            error = std::current_exception();
        }
        allocations = stop_failing();
        runtime.run(scenario.check());
    }
    if (error != nullptr && (n == 0 || !only_memory(error))) {
        ADD_FAILURE() << "allocation " << n << ": " << name_of(error);
    }
    error = nullptr;
    reclaim_all();
    return allocations;
}

/// As many records of threads as there are ever threads here at a time.
inline void register_threads() {
    constexpr int threads = 10;
    std::barrier<> all(threads);
    std::vector<std::thread> registered;
    for (int i = 0; i < threads; ++i) {
        registered.emplace_back([&] {
            const detail::EpochPin registers_this_thread;
            all.arrive_and_wait();
        });
    }
    for (std::thread& thread : registered) {
        thread.join();
    }
}

/// The same on a thread of its own, which leaves nothing in its caches.
template <class S>
std::uint64_t once_by_itself(std::uint64_t n, Failing how, unsigned workers) {
    std::uint64_t allocations = 0;
    std::thread([&] { allocations = once<S>(n, how, workers); }).join();
    return allocations;
}

/// Does it with each of its allocations failing in turn.
template <class S>
void fail_each(unsigned workers, Failing how) {
    // What stays for the rest of the process is there after the first times.
    detail::WaitQueue::require_memory();
    detail::slab_require_memory();
    detail::extras_require_memory();
    register_threads();
    std::uint64_t n = 0;
    for (int i = 0; i < 3; ++i) {
        n = std::max(n, once_by_itself<S>(0, how, workers));
    }
    std::int64_t in_use = blocks_in_use();
    const std::size_t alive = tasks_alive();
    constexpr std::uint64_t margin = 3;
    for (std::uint64_t i = 1; i <= n + margin && !testing::Test::HasFailure(); ++i) {
        once_by_itself<S>(i, how, workers);
        // A cache may have grown, for good; a leak grows each time.
        for (int again = 0; again < 3 && blocks_in_use() > in_use; ++again) {
            in_use = blocks_in_use();
            once_by_itself<S>(i, how, workers);
        }
        EXPECT_LE(blocks_in_use(), in_use) << "leaks when allocation " << i << " of " << n << " fails";
        EXPECT_EQ(tasks_alive(), alive) << "tasks or futures outlive allocation " << i << " of " << n;
    }
}

/// { workers, how }.
class Faults : public testing::TestWithParam<std::tuple<unsigned, Failing>> {
protected:
    template <class S>
    void fail_each() {
        test::fail_each<S>(std::get<0>(GetParam()), std::get<1>(GetParam()));
    }
};

/// For INSTANTIATE_TEST_SUITE_P: 1 and 2 workers, and both ways of failing.
inline auto over_faults() {
    return testing::Combine(testing::Values(1U, 2U), testing::Values(Failing::once, Failing::from_then));
}
inline std::string fault_name(const testing::TestParamInfo<std::tuple<unsigned, Failing>>& one) {
    return std::to_string(std::get<0>(one.param)) +
           (std::get<1>(one.param) == Failing::once ? "_once" : "_from_then");
}

}  // namespace heddle::test
