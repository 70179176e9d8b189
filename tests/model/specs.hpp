#pragma once

#include "linearizability.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

// What the primitives do when one call is made at a time.

namespace heddle::test {

/// Results of calls that may be refused.
constexpr int refused = -1;
constexpr int done = 0;

enum class Order : char { fifo, lifo, smallest };

struct QueueSpec {
    enum : int { put, put_nowait, get, get_nowait };
    using State = std::vector<int>;

    Order order = Order::fifo;
    std::size_t maxsize = 0;

    [[nodiscard]] State initial() const { return {}; }
    [[nodiscard]] bool full(const State& items) const { return maxsize > 0 && items.size() >= maxsize; }

    bool apply(State& items, const Call& call, bool contended) const {
        const bool is_put = call.what == put || call.what == put_nowait;
        if (call.result == refused) {
            // A slot or an item may be reserved by a call that has not returned.
            return contended || (is_put ? full(items) : items.empty());
        }
        if (is_put) {
            if (full(items)) {
                return false;
            }
            items.push_back(call.arg);
            return true;
        }
        if (items.empty()) {
            return false;
        }
        auto next = items.begin();
        if (order == Order::lifo) {
            next = std::prev(items.end());
        } else if (order == Order::smallest) {
            next = std::ranges::min_element(items);
        }
        const bool same = *next == call.result;
        items.erase(next);
        return same;
    }
    [[nodiscard]] bool waits(const State& items, const Call& call) const {
        return call.what == put ? full(items) : items.empty();
    }
    static bool exchanges(const Call& call) {
        static_cast<void>(call);
        return false;
    }
};

/// Lock (one permit, no more) and Semaphore.
struct PermitSpec {
    enum : int { acquire, try_acquire, release };
    using State = int;

    int permits = 1;
    bool lock = false;

    [[nodiscard]] State initial() const { return permits; }
    bool apply(State& free, const Call& call, bool contended) const {
        if (call.what == release) {
            const bool refuse = lock && free == 1;
            free += refuse ? 0 : 1;
            return refuse == (call.result == refused);
        }
        if (call.result == refused) {
            // An acquire that has registered but not yet queued has a claim on the next permit, which another
            // acquire may still draw before it: until one of them returns, a try sees neither.
            return free == 0 || contended;
        }
        return free-- > 0;
    }
    [[nodiscard]] bool waits(const State& free, const Call& call) const {
        static_cast<void>(call);
        return free == 0;
    }
    static bool exchanges(const Call& call) { return call.what == acquire; }
};

struct EventSpec {
    enum : int { wait, set, clear, is_set };
    using State = bool;

    [[nodiscard]] State initial() const { return false; }
    bool apply(State& flag, const Call& call, bool contended) const {
        static_cast<void>(contended);
        switch (call.what) {
            case set:
                flag = true;
                return true;
            case clear:
                flag = false;
                return true;
            case is_set:
                return flag == (call.result == 1);
            default:
                return flag;
        }
    }
    [[nodiscard]] bool waits(const State& flag, const Call& call) const {
        static_cast<void>(call);
        return !flag;
    }
    static bool exchanges(const Call& call) {
        static_cast<void>(call);
        return false;
    }
};

}  // namespace heddle::test
