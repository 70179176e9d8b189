#pragma once

#include "support/parked.hpp"
#include <heddle/coro.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

namespace heddle::test {

/// Keeps every worker of a runtime busy with a task that does not suspend: while it exists, what is ready
/// stays in its queue. Made and used by a plain thread; returns when all are busy. The destructor lets all
/// go.
class Occupied {
public:
    explicit Occupied(Runtime& runtime) : seats_(runtime.workers()) {
        for (Seat& seat : seats_) {
            seat.task = runtime.spawn(sit(seat));
            until_blocking([&] { return seat.taken.load(); });  // one by one: no worker has two in its queue
        }
    }
    Occupied(const Occupied&) = delete;
    Occupied& operator=(const Occupied&) = delete;
    Occupied(Occupied&&) = delete;
    Occupied& operator=(Occupied&&) = delete;
    ~Occupied() {
        for (Seat& seat : seats_) {
            let_go(seat);
        }
    }

    /// Frees one worker that is not `thread`; false if there is no other.
    bool free_one_but(std::thread::id thread) {
        for (Seat& seat : seats_) {
            if (seat.thread != thread && !seat.go) {
                let_go(seat);
                return true;
            }
        }
        return false;
    }

private:
    struct Seat {
        std::atomic<bool> taken{false};
        std::atomic<bool> go{false};
        std::thread::id thread;  // written before taken
        Task<void> task;
    };
    static Coro<void> sit(Seat& seat) {
        occupy(seat);
        co_return;
    }
    static void occupy(Seat& seat) {
        seat.thread = std::this_thread::get_id();
        seat.taken = true;
        until_blocking([&] { return seat.go.load(); });
    }
    static void let_go(Seat& seat) {
        seat.go = true;
        seat.task.wait_blocking();
    }

    std::deque<Seat> seats_;
};

}  // namespace heddle::test
