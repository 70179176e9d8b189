#include "../seam.hpp"
#include <heddle/detail/sync/parker.hpp>

#include <sched/idle.hpp>
#include <sched/run_queue.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>

// No wake-up of a worker is lost. IdleWord, ReadyRing and Parker are the shipped ones; the loop around them
// is that of lib/sched/worker.cpp and steal.cpp, with one inject slot and without timers and spinning. Either
// every task may be stolen at once, and there is no sentinel: what it heals besides must not be needed. Or
// (`watched`) only a task that the thief has seen before may be: then it is the sentinel who comes for it.

namespace heddle::explore {
namespace {

using detail::IdleWord;
using detail::Parker;
using detail::ReadyRing;
using detail::TaskControl;

struct Pool;
struct Job {
    std::function<void(Pool&, unsigned)> run;
};

struct Worker {
    ReadyRing ring;
    Parker parker;
    bool searching = false;
    bool left_watch = false;
    Job* timer = nullptr;  // goes off at its first look as the sentinel
    Job* due = nullptr;
    std::array<std::uint32_t, 3> seen{};  // how far each ring reached at the last look
};

struct Pool {
    explicit Pool(unsigned n, bool with_sentinel = false) : watched(with_sentinel), idle(n) {
        for (unsigned i = 0; i < n; ++i) {
            workers.push_back(std::make_unique<Worker>());
        }
    }

    // Scheduler
    void notify(unsigned near, bool always = false) {
        if (const int chosen = idle.choose_sleeper(near, always); chosen >= 0) {
            idle.leave_watch(static_cast<unsigned>(chosen));
            workers[static_cast<unsigned>(chosen)]->parker.unpark();
        }
    }
    void inject(Job& job) {
        injected.exchange(&job, std::memory_order_acq_rel);
        notify(0);
    }
    void stop() {
        stopping.store(true, std::memory_order_release);
        for (const auto& worker : workers) {
            worker->parker.unpark();
        }
    }
    void push(unsigned me, Job& job) {
        workers[me]->ring.push(reinterpret_cast<TaskControl*>(&job),
                               [](TaskControl* const*, std::size_t) { fail("the ring is full"); });
        if (idle.may_need_wake()) {
            notify(me);
        }
    }

    // Worker
    void run(unsigned me) {
        while (!stopping.load(std::memory_order_acquire)) {
            Job* job = reinterpret_cast<Job*>(workers[me]->ring.pop());
            if (job == nullptr) {
                job = take_injected();
            }
            if (job == nullptr) {
                job = std::exchange(workers[me]->due, nullptr);
            }
            if (job == nullptr) {
                job = search(me);
            } else {
                stop_searching(me);
            }
            if (job != nullptr) {
                job->run(*this, me);
            }
        }
    }
    Job* take_injected() {
        return injected.load(std::memory_order_relaxed) == nullptr
                   ? nullptr
                   : injected.exchange(nullptr, std::memory_order_acq_rel);
    }
    void stop_searching(unsigned me) {
        const bool last = std::exchange(workers[me]->searching, false) && idle.stop_search(me);
        const bool left_watch = std::exchange(workers[me]->left_watch, false);
        if (last || left_watch) {
            notify(me, left_watch);
        }
    }
    Job* search(unsigned me) {
        Worker& worker = *workers[me];
        if (!worker.searching) {
            worker.searching = idle.try_start_search(me);
        }
        Job* found = nullptr;
        if (worker.searching) {
            found = take_injected();
            for (unsigned i = 0; i < workers.size() && found == nullptr; ++i) {
                if (i != me && worker.ring.room() >= ReadyRing::capacity / 2 && ripe(me, i)) {
                    found = reinterpret_cast<Job*>(workers[i]->ring.steal_into(worker.ring));
                }
            }
        }
        if (found != nullptr) {
            stop_searching(me);
            return found;
        }
        const bool was_searching = std::exchange(worker.searching, false);
        park(me, was_searching);
        return nullptr;
    }
    void park(unsigned me, bool was_searching) {
        Worker& worker = *workers[me];
        if (idle.sleep(me, was_searching)) {
            if (workers.size() > 1) {
                detail::process_barrier();
            }
            if (anything_to_do(me)) {
                idle.wake_self_searching(me);
                worker.searching = true;
                return;
            }
        }
        unsigned quiet = 0;
        worker.left_watch = false;
        bool watching = watched && idle.take_watch(me);
        bool slow = false;
        bool found = false;
        for (;;) {
            if (watching && idle.sleepers() == workers.size()) {
                watching = slow = idle.slow_watch(me);
            }
            if (slow && !idle.everybody_sleeps()) {
                slow = false;
                watching = idle.take_watch(me);
            }
            // While all sleep, the shipped sentinel looks once a second: that must not be needed here.
            const std::int64_t watch = watching && !slow ? detail::now_ns() + 1 : detail::never;
            if (worker.parker.park(watch)) {
                break;
            }
            if (watching && worker.timer != nullptr) {
                worker.due = std::exchange(worker.timer, nullptr);
                break;  // its own deadline
            }
            found = !keep_watch(me, quiet);
            if (found) {
                break;
            }
        }
        if (found) {
            notify(me, true);
            idle.leave_watch(me);
            idle.wake_self_searching(me);
            worker.searching = true;
        } else {
            worker.searching = idle.woken(me);
            if (watching) {
                idle.leave_watch(me);
                worker.left_watch = !idle.everybody_else_sleeps();
            }
        }
    }
    [[nodiscard]] bool keep_watch(unsigned me, unsigned& quiet) {
        if (injected.load(std::memory_order_acquire) != nullptr) {
            return false;
        }
        bool waiting = false;
        for (unsigned i = 0; i < workers.size(); ++i) {
            if (i != me && ripe(me, i)) {
                return false;
            }
            waiting = waiting || workers[i]->ring.size() != 0;
        }
        quiet = waiting ? 0 : quiet + 1;
        idle.watch_closely(me, quiet < 4);
        return true;
    }
    [[nodiscard]] bool ripe(unsigned me, unsigned victim) {
        const ReadyRing& ring = workers[victim]->ring;
        if (!watched || ring.size() == 0) {
            return ring.size() != 0;
        }
        std::uint32_t& seen = workers[me]->seen[victim];
        if (ring.waits_before(seen)) {
            return true;
        }
        seen = ring.end();
        return false;
    }
    [[nodiscard]] bool anything_to_do(unsigned me) {
        if (injected.load(std::memory_order_acquire) != nullptr || stopping.load(std::memory_order_acquire)) {
            return true;
        }
        for (unsigned i = 0; i < workers.size(); ++i) {
            if (i != me && ripe(me, i)) {
                return true;
            }
        }
        return false;
    }

    const bool watched;
    IdleWord idle;
    std::vector<std::unique_ptr<Worker>> workers;
    std::atomic<Job*> injected{nullptr};
    std::atomic<bool> stopping{false};
};

/// Runs on some worker and sleeps there until `other` has run, which only another worker can do.
Job spawner(Job& other, unsigned& sleeper) {
    return {[&](Pool& pool, unsigned me) {
        sleeper = self();
        pool.push(me, other);
        sleep("until somebody has stolen the other task");
        pool.stop();
    }};
}

template <unsigned Workers, bool Watched = false>
void stolen() {
    Pool pool(Workers, Watched);
    unsigned sleeper = 0;
    Job other{[&](Pool&, unsigned) { wake(sleeper); }};
    Job first = spawner(other, sleeper);
    pool.push(0, first);
    std::vector<std::function<void()>> bodies;
    for (unsigned i = 0; i < Workers; ++i) {
        bodies.emplace_back([&, i] { pool.run(i); });
    }
    parallel(bodies);
}
const Register r1{{"idle.stolen", "two workers: a task waits for one that it has spawned", stolen<2>, 3, 1}};
const Register r2{{"idle.stolen_three", "the same with three workers", stolen<3>, 2, 0}};

const Register r8{
    {"idle.watch", "a spawned task is too young at first: the sentinel comes for it", stolen<2, true>, 3, 1}};
const Register r9{{"idle.watch_three", "the same with three workers", stolen<3, true>, 2, 0}};

// The sentinel is called away to something that waits for what it would have come for.
void called_away() {
    struct Waiting {
        unsigned thread = 0;
        std::atomic<int> state{0};
        void wait() {
            thread = self();
            if (state.exchange(1) == 0) {
                sleep("until somebody has stolen the other task");
            }
        }
        void told() {
            if (state.exchange(2) == 1) {
                wake(thread);
            }
        }
    };
    Pool pool(3, true);
    std::array<Waiting, 2> waiting;
    Job other{[&](Pool&, unsigned) {
        waiting[0].told();
        waiting[1].told();
    }};
    Job first{[&](Pool& p, unsigned me) {
        p.push(me, other);
        waiting[0].wait();
        p.stop();
    }};
    Job timer{[&](Pool&, unsigned) { waiting[1].wait(); }};
    pool.workers[1]->timer = &timer;
    pool.push(0, first);
    parallel({[&] { pool.run(0); }, [&] { pool.run(1); }, [&] { pool.run(2); }});
}
const Register r12{{"idle.watch_called_away", "the sentinel has a timer of its own", called_away, 2, 0}};

template <unsigned Workers, bool Watched = false>
void injected() {
    Pool pool(Workers, Watched);
    unsigned sleeper = 0;
    Job other{[&](Pool&, unsigned) { wake(sleeper); }};
    Job first = spawner(other, sleeper);
    std::vector<std::function<void()>> bodies;
    for (unsigned i = 0; i < Workers; ++i) {
        // The last one first: it keeps the watch when the first one, which is woken first, runs the task.
        bodies.emplace_back([&, i] { pool.run(Workers - 1 - i); });
    }
    bodies.emplace_back([&] { pool.inject(first); });
    parallel(bodies);
}
const Register r3{
    {"idle.injected", "the first task comes from outside while the workers go to sleep", injected<2>, 2, 1}};
const Register r10{{"idle.watch_injected", "the same with the sentinel", injected<2, true>, 2, 1}};
const Register r11{{"idle.watch_injected_three", "the same with three workers", injected<3, true>, 2, 0}};
const Register r4{{"idle.injected_three", "the same with three workers", injected<3>, 2, 0}};

// One searcher for two tasks: when it has found one, somebody else must look for the other, which both wait
// for.
void torch() {
    Pool pool(3);
    std::array<unsigned, 2> sleepers{};
    std::atomic<int> begun{0};
    std::atomic<int> left{2};
    Job other{[&](Pool&, unsigned) {
        while (begun.load() < 2) {
        }
        wake(sleepers[0]);
        wake(sleepers[1]);
    }};
    const auto wait = [&](Pool& p, std::size_t i) {
        sleepers[i] = self();
        ++begun;
        sleep("until somebody has run the third task");
        if (--left == 0) {
            p.stop();
        }
    };
    Job first{[&](Pool& p, unsigned me) {
        p.push(me, other);
        wait(p, 0);
    }};
    Job outside{[&](Pool& p, unsigned) { wait(p, 1); }};
    pool.push(0, first);
    parallel(
        {[&] { pool.run(0); }, [&] { pool.run(1); }, [&] { pool.run(2); }, [&] { pool.inject(outside); }});
}
const Register r7{
    {"idle.torch", "two workers are stuck, the third one must come for what they wait for", torch, 2, 0}};

// A single worker relies on the order of the two RMWs alone.
void single() {
    Pool pool(1);
    Job last{[](Pool& p, unsigned) { p.stop(); }};
    parallel({[&] { pool.run(0); }, [&] { pool.inject(last); }});
}
const Register r6{{"idle.single", "one worker goes to sleep while a task comes from outside", single, 4, 2}};

// Two tasks that wait for each other's second half, one spawned and one injected.
void both() {
    Pool pool(2);
    unsigned sleeper = 0;
    std::atomic<int> left{2};
    Job other{[&](Pool&, unsigned) { wake(sleeper); }};
    Job first{[&](Pool& p, unsigned me) {
        sleeper = self();
        p.push(me, other);
        sleep("until somebody has stolen the other task");
        if (--left == 0) {
            p.stop();
        }
    }};
    Job outside{[&](Pool& p, unsigned) {
        if (--left == 0) {
            p.stop();
        }
    }};
    pool.push(0, first);
    parallel({[&] { pool.run(0); }, [&] { pool.run(1); }, [&] { pool.inject(outside); }});
}
const Register r5{
    {"idle.both", "one task is spawned, one injected, while the workers search and sleep", both, 2, 0}};

}  // namespace
}  // namespace heddle::explore
