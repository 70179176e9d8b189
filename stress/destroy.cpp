#include "harnesses.hpp"
#include "support/conservation.hpp"
#include <heddle/detail/base/config.hpp>
#include <heddle/heddle.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

// Objects that are destroyed by whoever has just been woken, while the call that woke him has perhaps not yet
// returned on its own thread. Their memory is kept for a while and looked at again.

namespace heddle::stress {
namespace {

/// Where the dead lie: filled with a pattern, and checked before they are freed.
class Graveyard {
public:
    explicit Graveyard(Run& run) : run_(run) {}
    Graveyard(const Graveyard&) = delete;
    Graveyard& operator=(const Graveyard&) = delete;
    Graveyard(Graveyard&&) = delete;
    Graveyard& operator=(Graveyard&&) = delete;
    ~Graveyard() {
        while (!dead_.empty()) {
            free_oldest();
        }
    }
    void bury(void* memory, std::size_t size) {
        if (HEDDLE_SANITIZED != 0 && !run_.options().plant) {
            ::operator delete(memory);
            return;
        }
        std::memset(memory, pattern, size);
        const std::lock_guard hold(lock_);
        dead_.push_back({static_cast<std::byte*>(memory), size});
        if (run_.fault()) {
            *dead_.back().memory = std::byte{1};
        }
        if (dead_.size() > 256) {
            free_oldest();
        }
    }

private:
    static constexpr unsigned char pattern = 0xDD;
    struct Grave {
        std::byte* memory;
        std::size_t size;
    };
    void free_oldest() {
        const Grave grave = dead_.front();
        dead_.pop_front();
        run_.check(std::all_of(grave.memory, grave.memory + grave.size,
                               [](std::byte b) { return b == std::byte{pattern}; }),
                   "an object was written after its end");
        ::operator delete(grave.memory);
    }
    Run& run_;
    std::mutex lock_;
    std::deque<Grave> dead_;
};

/// An object that is destroyed by hand. Under a sanitizer it is plainly freed, which shows reads as well.
template <class T>
class Mortal {
public:
    template <class... Args>
    static Mortal make(Graveyard& graveyard, Args&&... args) {
        return Mortal(graveyard, new (::operator new(sizeof(T))) T(std::forward<Args>(args)...));
    }
    T* operator->() const { return object_; }
    void destroy() const {
        object_->~T();
        graveyard_->bury(object_, sizeof(T));
    }

private:
    Mortal(Graveyard& graveyard, T* object) : graveyard_(&graveyard), object_(object) {}
    Graveyard* graveyard_;
    T* object_;
};

/// A thread that does what it is given: the other side of a hand-over.
class Helper {
public:
    void work() {
        std::unique_lock hold(lock_);
        for (;;) {
            changed_.wait(hold, [this] { return stop_ || !jobs_.empty(); });
            if (jobs_.empty()) {
                return;
            }
            const std::function<void()> job = std::move(jobs_.front());
            jobs_.pop_front();
            hold.unlock();
            job();
            hold.lock();
        }
    }
    void post(std::function<void()> job) {
        {
            const std::lock_guard hold(lock_);
            jobs_.push_back(std::move(job));
        }
        changed_.notify_one();
    }
    void stop() {
        {
            const std::lock_guard hold(lock_);
            stop_ = true;
        }
        changed_.notify_all();
    }

private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    bool stop_ = false;
};

struct State {
    explicit State(Run& r) : run(r), graveyard(r) {}
    Run& run;
    Graveyard graveyard;
    Helper helper;
    Ends operations;
};

Coro<void> call(std::function<void()> fn) {
    fn();
    co_return;
}

/// Has `fn` called by a task or by a plain thread, now or soon.
void elsewhere(State& state, Random& random, std::function<void()> fn) {
    if (random.one_in(2)) {
        state.helper.post(std::move(fn));
    } else {
        const Task<void> task = create_task(call(std::move(fn)));
    }
}

Coro<void> lock_handed_over(State& state, Random random) {
    const auto lock = Mortal<Lock>::make(state.graveyard);
    co_await lock->acquire();
    elsewhere(state, random, [lock] { lock->release(); });
    co_await lock->acquire();
    lock.destroy();  // we hold it, and nobody else will come
}

Coro<void> semaphore_given(State& state, Random random) {
    const auto semaphore = Mortal<Semaphore>::make(state.graveyard, 0);
    elsewhere(state, random, [semaphore] { semaphore->release(); });
    co_await semaphore->acquire();
    semaphore.destroy();
}

Coro<void> event_set(State& state, Random random) {
    const auto event = Mortal<Event>::make(state.graveyard);
    elsewhere(state, random, [event] { event->set(); });
    co_await event->wait();
    event.destroy();
}

Coro<void> take_and_leave(Lock& lock) { const auto held = co_await lock.scoped(); }

/// A release, a waiter that is cancelled, and one that takes the lock by the way: the permit may come back
/// from the cancelled one while the release still looks for whom to wake.
Coro<void> lock_after_an_abort(State& state, Random random) {
    const auto lock = Mortal<Lock>::make(state.graveyard);
    co_await lock->acquire();
    const Task<void> waiter = create_task(take_and_leave(*lock.operator->()));
    for (unsigned i = random.below(4); i > 0; --i) {
        co_await yield();
    }
    elsewhere(state, random, [lock] { lock->release(); });
    waiter.cancel();
    std::vector<Task<void>> one{waiter};
    co_await settle(std::move(one));
    co_await lock->acquire();
    lock.destroy();
}

Coro<void> queue_with_one_item(State& state, Random random) {
    const auto queue = Mortal<Queue<int>>::make(state.graveyard, 1);
    elsewhere(state, random, [queue] { queue->put_nowait(1); });
    const int item = co_await queue->get();
    state.run.check(item == 1, "another item");
    queue.destroy();
}

Coro<void> queue_joined(State& state, Random random) {
    const auto queue = Mortal<Queue<int>>::make(state.graveyard, 0);
    queue->put_nowait(1);
    elsewhere(state, random, [queue] {
        static_cast<void>(queue->get_nowait());
        queue->task_done();
    });
    co_await queue->join();
    queue.destroy();
}

Coro<void> arrive(Mortal<Barrier> barrier, std::atomic<int>& left) {
    static_cast<void>(co_await barrier->wait());
    if (--left == 0) {
        barrier.destroy();
    }
}
Coro<void> barrier_tripped(State& state, Random random) {
    const int parties = 2 + static_cast<int>(random.below(3));
    const auto barrier = Mortal<Barrier>::make(state.graveyard, parties);
    std::atomic<int> left{parties};
    std::vector<Task<void>> all;
    for (int i = 0; i < parties; ++i) {
        all.push_back(create_task(arrive(barrier, left)));
    }
    co_await settle(std::move(all));
}

Coro<void> operation(State& state, Random& random) {
    const Random own(random.next());
    switch (random.below(8)) {
        case 0:
            return semaphore_given(state, own);
        case 1:
            return event_set(state, own);
        case 2:
            return lock_after_an_abort(state, own);
        case 3:
            return queue_with_one_item(state, own);
        case 4:
            return queue_joined(state, own);
        case 5:
            return barrier_tripped(state, own);
        default:
            return lock_handed_over(state, own);
    }
}

/// Nobody is cancelled here but the waiter above: who destroys must be sure that he was the last.
Coro<void> party(State& state) {
    Random random = state.run.random();
    while (state.run.round_goes_on()) {
        state.operations.begin();
        const Outcome outcome = co_await outcome_of(operation(state, random));
        state.run.check(outcome == Outcome::value, "a hand-over failed");
        state.run.count(outcome);
        state.operations.end();
    }
}

Coro<void> all(State& state, Random random) {
    std::vector<Task<void>> tasks;
    for (unsigned i = 1 + random.below(8); i > 0; --i) {
        tasks.push_back(create_task(party(state)));
    }
    co_await settle(std::move(tasks));
}

void round(Run& run, Random& random) {
    State state(run);
    Threads threads;
    threads.start(run, std::max(1U, run.options().threads), [&](Random&) { state.helper.work(); });
    {
        Runtime runtime(run.runtime());
        runtime.run(all(state, Random(random.next())));
    }
    state.helper.stop();
    threads.join();
    state.operations.check(run, "operations");
}

}  // namespace

void stress_destroy(Run& run) {
    Random random = run.random();
    while (run.next_round()) {
        round(run, random);
    }
}

}  // namespace heddle::stress
