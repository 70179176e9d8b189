#pragma once

#include "support/driver.hpp"

#include <atomic>
#include <cstdint>
#include <string>

// Laws that hold whatever happens.

namespace heddle::stress {

/// At most `limit` are inside at any moment.
class Occupancy {
public:
    Occupancy(Run& run, std::int64_t limit) : run_(run), limit_(limit) {}
    void enter() {
        if (inside_.fetch_add(1, std::memory_order_relaxed) >= limit_) {
            run_.fail("too many inside: " + std::to_string(limit_) + " permits");
        }
    }
    void leave() { inside_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t inside() const { return inside_.load(std::memory_order_relaxed); }

private:
    Run& run_;
    const std::int64_t limit_;
    std::atomic<std::int64_t> inside_{0};
};

/// Every operation that begins ends, once: begun = ended, by whatever outcome.
class Ends {
public:
    void begin() { begun_.fetch_add(1, std::memory_order_relaxed); }
    void end() { ended_.fetch_add(1, std::memory_order_relaxed); }
    /// When nothing moves any more.
    void check(Run& run, const char* what) const {
        if (begun_ != ended_) {
            run.fail(std::string(what) + ": " + std::to_string(begun_) + " begun, " + std::to_string(ended_) +
                     " ended");
        }
    }

private:
    std::atomic<std::uint64_t> begun_{0};
    std::atomic<std::uint64_t> ended_{0};
};

/// Things with a number that are handed over: each that was given is received or left over, once. The sum
/// tells one lost and another doubled from none at all.
class Ledger {
public:
    void give(std::uint64_t id) { book(given_, id); }
    void receive(std::uint64_t id) { book(received_, id); }
    void check(Run& run, const char* what) const {
        if (given_.n != received_.n || given_.sum != received_.sum || given_.squares != received_.squares) {
            run.fail(std::string(what) + ": " + std::to_string(given_.n) + " given, " +
                     std::to_string(received_.n) + " received" +
                     (given_.n == received_.n ? ", not the same ones" : ""));
        }
    }

private:
    struct Side {
        std::atomic<std::uint64_t> n{0};
        std::atomic<std::uint64_t> sum{0};
        std::atomic<std::uint64_t> squares{0};
    };
    static void book(Side& side, std::uint64_t id) {
        side.n.fetch_add(1, std::memory_order_relaxed);
        side.sum.fetch_add(id, std::memory_order_relaxed);
        side.squares.fetch_add(id * id, std::memory_order_relaxed);
    }
    Side given_;
    Side received_;
};

}  // namespace heddle::stress
