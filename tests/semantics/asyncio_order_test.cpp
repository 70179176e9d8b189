#include "asyncio_order_cases.hpp"
#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

// With one worker tasks run in asyncio's own order. asyncio_order.py says what the letters mean and how the
// expected logs were made.

namespace heddle::test {
namespace {

struct World {
    explicit World(std::ptrdiff_t permits) : semaphore(permits) {}

    Lock lock;
    Event event;
    Semaphore semaphore;
    std::vector<Task<void>> tasks;
    std::string log;
};

Coro<void> steps(World& world, char number, const std::string& letters, bool& has_lock, int& permits) {
    for (const char letter : letters) {
        switch (letter) {
            case 'a':
                co_await world.lock.acquire();
                has_lock = true;
                break;
            case 'r':
                if (has_lock) {
                    world.lock.release();
                    has_lock = false;
                }
                break;
            case 's':
                co_await world.semaphore.acquire();
                ++permits;
                break;
            case 'v':
                world.semaphore.release();
                permits -= permits > 0 ? 1 : 0;
                break;
            case 'w':
                co_await world.event.wait();
                break;
            case 'e':
                world.event.set();
                break;
            case 'c':
                world.event.clear();
                break;
            case 'y':
                co_await yield();
                break;
            default:
                world.tasks[static_cast<std::size_t>(letter - '0')].cancel();
        }
        world.log += {number, letter};
    }
    world.log += {number, '.'};
}

Coro<void> body(World& world, char number, const std::string& letters) {
    bool has_lock = false;
    int permits = 0;
    bool cancelled = false;
    try {
        co_await steps(world, number, letters, has_lock, permits);
    } catch (const CancelledError&) {
        world.log += {number, '!'};
        cancelled = true;
    }
    if (has_lock) {
        world.lock.release();
    }
    for (; permits > 0; --permits) {
        world.semaphore.release();
    }
    if (cancelled) {
        throw CancelledError();
    }
}

Coro<std::string> play(const std::string& program) {
    constexpr int rounds = 60;
    std::istringstream words(program);
    std::ptrdiff_t permits = 0;
    words >> permits;
    std::vector<std::string> programs;
    for (std::string letters; words >> letters;) {
        programs.push_back(letters);
    }
    World world(permits);
    for (std::size_t i = 0; i < programs.size(); ++i) {
        world.tasks.push_back(create_task(body(world, static_cast<char>('0' + i), programs[i])));
    }
    for (int i = 0; i < rounds; ++i) {
        co_await yield();
    }
    for (const Task<void>& task : world.tasks) {
        task.cancel();
    }
    co_await settle_all(world.tasks);
    co_return world.log;
}

TEST(AsyncioOrder, RandomProgramsRunInAsynciosOrder) {
    for (const OrderCase& one : asyncio_order_cases) {
        EXPECT_EQ(run(play(one.program), {.workers = 1}), one.log) << one.program;
    }
}

// More tasks than a worker's ready queue has slots.
constexpr int many = 3000;

std::vector<int> first(int n) {
    std::vector<int> numbers;
    for (int i = 0; i < n; ++i) {
        numbers.push_back(i);
    }
    return numbers;
}

/// Starts `many` tasks that wait in `wait(i)` and then write their number; wakes them with `wake()`.
template <class Wait, class Wake>
std::vector<int> order_of_waking(Wait wait, Wake wake) {
    std::vector<int> started;
    std::vector<int> woken;
    auto one = [&](int i) -> Coro<void> {
        started.push_back(i);
        co_await wait();
        woken.push_back(i);
    };
    auto main = [&]() -> Coro<void> {
        std::vector<Task<void>> tasks;
        for (int i = 0; i < many; ++i) {
            tasks.push_back(create_task(one(i)));
        }
        co_await yield();
        wake();
        co_await settle_all(tasks);
    };
    run(main(), {.workers = 1});
    EXPECT_EQ(started, first(many)) << "tasks start in order of creation";
    return woken;
}

TEST(AsyncioOrder, AnEventWakesInOrderOfArrival) {
    Event event;
    auto wait = [&] { return event.wait(); };
    EXPECT_EQ(order_of_waking(wait, [&] { event.set(); }), first(many));
}

TEST(AsyncioOrder, ASemaphoreWakesInOrderOfArrival) {
    Semaphore semaphore(0);
    auto wait = [&] { return semaphore.acquire(); };
    EXPECT_EQ(order_of_waking(wait, [&] { semaphore.release(many); }), first(many));
    auto one_by_one = [&] {
        for (int i = 0; i < many; ++i) {
            semaphore.release();
        }
    };
    EXPECT_EQ(order_of_waking(wait, one_by_one), first(many));
}

TEST(AsyncioOrder, ALockIsHandedOnInOrderOfArrival) {
    Lock lock;
    auto take_and_give = [&]() -> Coro<void> {
        co_await lock.acquire();
        lock.release();
    };
    EXPECT_TRUE(lock.try_acquire());
    EXPECT_EQ(order_of_waking(take_and_give, [&] { lock.release(); }), first(many));
}

}  // namespace
}  // namespace heddle::test
