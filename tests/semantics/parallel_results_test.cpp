#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/as_completed.hpp>
#include <heddle/coro.hpp>
#include <heddle/future.hpp>
#include <heddle/gather.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/task_group.hpp>
#include <heddle/threads.hpp>
#include <heddle/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

// What a task did before it ended is seen by who hears of the end; what was done before a task was made is
// seen by it. The data are plain: ThreadSanitizer sees a hand-over without an order.

namespace heddle::test {
namespace {

class ParallelResults : public OverWorkers {};
HEDDLE_OVER_WORKERS(ParallelResults);

/// Plain data.
struct Page {
    int number = 0;
    std::string text;

    void write(int n) {
        number = n;
        text = std::to_string(n);
    }
    void expect(int n) const {
        EXPECT_EQ(number, n);
        EXPECT_EQ(text, std::to_string(n));
    }
};

Coro<int> fill(Page& page, int n) {
    Jitter jitter(static_cast<std::uint32_t>(n));
    if (n % 3 != 0) {
        co_await yield();
    }
    jitter();
    page.write(n);
    co_return n;
}

TEST_P(ParallelResults, PAR_81_what_a_task_wrote_is_seen_by_who_awaits_it) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const int n = static_cast<int>(rounds.number());
            Page a;
            Page b;
            switch (rounds.number() % 5) {
                case 0: {
                    const Task<int> task = create_task(fill(a, n));
                    co_await create_task(fill(b, n));
                    co_await task;
                    break;
                }
                case 1: {
                    auto both = gather(fill(a, n), create_task(fill(b, n)));
                    co_await both;
                    break;
                }
                case 2: {
                    const std::vector<Task<int>> tasks{create_task(fill(a, n)), create_task(fill(b, n))};
                    const Waited<int> some = co_await wait(tasks, {.return_when = FIRST_COMPLETED});
                    for (const Task<int>& done : some.done) {
                        (done == tasks[0] ? a : b).expect(n);
                    }
                    co_await wait(tasks);
                    break;
                }
                case 3: {
                    const std::vector<Task<int>> tasks{create_task(fill(a, n)), create_task(fill(b, n))};
                    AsCompleted<int> ended = as_completed(tasks);
                    for (int i = 0; i < 2; ++i) {
                        const Task<int> one = co_await ended.next();
                        (one == tasks[0] ? a : b).expect(n);
                    }
                    break;
                }
                default: {
                    auto body = [&](TaskGroup& group) -> Coro<void> {
                        group.create_task(fill(a, n));
                        group.create_task(fill(b, n));
                        co_return;
                    };
                    co_await task_group(body);
                }
            }
            a.expect(n);
            b.expect(n);
        }
    });
}

TEST_P(ParallelResults, PAR_81_also_by_plain_threads_callbacks_and_polling) {
    for (int round = 0; round < 20; ++round) {
        Page page;
        EXPECT_EQ(run(fill(page, round)), round);
        page.expect(round);
    }
    Runtime runtime(options());
    for (Rounds rounds; rounds.next();) {
        const int n = static_cast<int>(rounds.number());
        Page page;
        const Task<int> task = runtime.spawn(fill(page, n));
        switch (rounds.number() % 4) {
            case 0:
                task.wait_blocking();
                break;
            case 1:
                EXPECT_EQ(task.result_blocking(), n);
                break;
            case 2: {
                std::atomic<bool> called{false};
                task.add_done_callback([&] {
                    page.expect(n);
                    called = true;
                });
                until_blocking([&] { return called.load(); });
                break;
            }
            default:
                until_blocking([&] { return task.done(); });
        }
        page.expect(n);
    }
}

TEST_P(ParallelResults, PAR_81_also_before_a_future_is_set) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const int n = static_cast<int>(rounds.number());
            Page page;
            const Future<int> future;
            std::thread sets([&page, future, n] {
                page.write(n);
                future.set_result(n);
            });
            const int value = co_await future;
            page.expect(value);
            sets.join();
        }
    });
}

TEST_P(ParallelResults, PAR_82_what_was_written_before_is_seen_at_the_first_step) {
    auto expects = [](Page& page, int n) -> Coro<void> {
        page.expect(n);
        page.write(n + 1);
        co_return;
    };
    Runtime runtime(options());
    auto main = [&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            const int n = static_cast<int>(rounds.number());
            std::vector<Page> pages(4);
            for (Page& page : pages) {
                page.write(n);
            }
            const Task<void> task = create_task(expects(pages[0], n));
            const Task<void> elsewhere = run_coroutine_threadsafe(expects(pages[1], n), runtime);
            auto both = gather(expects(pages[2], n), expects(pages[3], n));
            co_await both;
            co_await task;
            co_await elsewhere;
            for (const Page& page : pages) {
                page.expect(n + 1);
            }
        }
    };
    run(main());
    for (Rounds rounds; rounds.next();) {
        Page page;
        page.write(5);
        runtime.spawn(expects(page, 5)).wait_blocking();
        page.expect(6);
    }
}

TEST_P(ParallelResults, PAR_82_on_the_way_to_a_thread_and_back) {
    run([&]() -> Coro<void> {
        Page page;
        int n = 0;
        auto next = [&] {
            page.expect(n);
            page.write(++n);
        };
        page.write(0);
        for (Rounds rounds; rounds.next();) {
            co_await to_thread(next);
            page.expect(n);
            page.write(++n);
        }
        EXPECT_GE(n, 40);
    });
}

}  // namespace
}  // namespace heddle::test
