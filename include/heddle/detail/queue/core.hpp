#pragma once

#include <heddle/detail/queue/backoff.hpp>
#include <heddle/detail/queue/join_word.hpp>
#include <heddle/detail/queue/word.hpp>
#include <heddle/detail/wait/permits.hpp>
#include <heddle/event.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

// Queue = two semaphores around a container.
//
// slots       free places, and the number of puts begun: put takes one and draws a number, get gives one back
// items       permits for items, and a number (rule 4): put gives one, get takes one
// unfinished  what join() waits for: puts begun that are not done
//
// No value travels through a wait queue: a waiter that is cancelled gives back a permit and nothing else, so
// no item can be lost or doubled. Rules:
// 1. An item is in the container before its permit is given; so whoever holds a permit finds an item, until
//    rule 3 adds more.
// 2. Who finds `closed` in `slots` draws no number: no put begins after that RMW, and their number is final.
// 3. close_items() closes the other word, for whoever comes first. In the same RMW, or in that of the last
//    put under way, the queue is sealed: so many permits are added that every get passes from then on, and
//    the container, which can only shrink now, decides between an item and QueueShutDown. A get that finds
//    nothing gives its permit back.
// 4. What the numbers are for. A numbered container (FIFO) has a cell for each put; the number in `items` is
//    the next cell to be got, nothing is left when it has come to that of the puts begun, and a cell that is
//    reached before its put has stored is spoilt: so closing it is sealing it. In the others the number in
//    `items` is that of the puts that have ended, and who makes it equal to those begun seals.
// 5. After the RMW that gives a permit a put touches only this block, under the EpochPin of the call: the
//    getter may have destroyed the Queue, which retires the block.
//
// [items] every change of the word is an acq_rel RMW: what was done before put() is seen after the get().
// [slots] every change of the word is an acq_rel RMW: what was done before a slot was given back is seen by
// who takes it, and the puts begun with the segments they need by who closes it.

namespace heddle::detail {

class QueueCore : public Retired {
public:
    QueueCore(std::ptrdiff_t maxsize, bool numbered, void (*how_to_reclaim)(Retired*) noexcept) noexcept
        : Retired{.reclaim = how_to_reclaim},
          slots(QueueWord::initial(bounded_by(maxsize) ? maxsize : 0)),
          slot_cost(bounded_by(maxsize) ? one : 0),
          limit(maxsize),
          numbered_(numbered) {}
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;
    QueueCore(QueueCore&&) = delete;
    QueueCore& operator=(QueueCore&&) = delete;

    static constexpr std::int64_t one = QueueWord::unit;
    /// More items than there can be. Also the permits that sealing adds: nobody can use them up.
    static constexpr std::int64_t most = std::int64_t{1} << 30U;

    static bool bounded_by(std::ptrdiff_t maxsize) noexcept {
        return maxsize > 0 && maxsize < QueueWord::numbers;
    }
    [[nodiscard]] bool bounded() const noexcept { return slot_cost != 0; }
    [[nodiscard]] std::ptrdiff_t size() const noexcept;
    [[nodiscard]] bool closed() const noexcept { return (slots.count() & QueueWord::closed) != 0; }
    [[nodiscard]] bool full() const noexcept {
        return bounded() &&
               (closed() ? size() >= limit : slots.count() < one);  // closing opens the slots for good
    }
    /// The number of the next put; final once the queue is closed.
    [[nodiscard]] std::uint32_t begun() const noexcept { return QueueWord::number(slots.count()); }

    /// Ends `n` puts that have drawn their numbers; `done` of the items are in the container: hands those to
    /// getters, and for the others it is as if their put had never begun. The caller gives their slots back.
    /// Under an EpochPin, as everything below but wait_for_slot().
    template <bool Numbered>
    void end_put(std::size_t n, std::size_t done) {
        if (n > done) [[unlikely]] {
            not_put(n - done);
        }
        if constexpr (Numbered) {
            if (done > 0) {
                // the Queue may be gone, this block is held by the pin
                const std::int64_t old = give(items, done);
                give_way_if_crowded(old, old + static_cast<std::int64_t>(done) * one);
            }
        } else if (n > 0) {  // who has drawn nothing must not find it sealed by himself
            end_uncounted(n, done);
        }
    }

    /// Permits for items, not to be used: closed, or the item could not be moved out.
    void give_items_back(std::size_t n) { give(items, n); }
    void give_slots_back(std::size_t n) {
        if (bounded() && n > 0) {
            give(slots, n);
        }
    }

    /// Takes an item's permit, if there is one now: always when the queue is sealed.
    [[nodiscard]] bool try_take_item();
    /// Takes a slot on a plain thread, waiting for it if need be.
    void wait_for_slot(const char* what);
    [[noreturn]] void throw_no_slot() const;
    [[noreturn]] HEDDLE_COLD static void throw_shut_down();
    void task_done();
    void shutdown(bool immediate);

    Permits slots;
    Permits items{QueueWord::initial(0)};
    JoinWord unfinished{slots.word};
    EventWord closed_event;
    const std::int64_t slot_cost;  // what a put takes off `slots`: nothing if there is no limit
    const std::ptrdiff_t limit;
    const QueueBackoff backoff;

protected:
    ~QueueCore() = default;
    /// After the RMW that gave `n` permits to a word that was `old`.
    static void has_given(Permits& permits, std::int64_t old, std::int64_t n) {
        if (old < 0) [[unlikely]] {
            wake(permits, std::min(n, -QueueWord::count(old)));
        }
    }
    /// At the end of an operation that changed the word of the items.
    void give_way_if_crowded(std::int64_t was, std::int64_t now) const noexcept {
        if (was < 0) {
            backoff.note(now);  // who waits for items, perhaps on this thread, does not wait for this word
        } else if (backoff.crowded(was, now)) [[unlikely]] {
            backoff.give_way(items.word);
        }
    }
    /// One item has been dropped.
    void dropped();

private:
    /// In one RMW, where nobody is refused; returns what the word was.
    static std::int64_t give(Permits& permits, std::size_t n) {
        // acq_rel [items], [slots]
        const std::int64_t old = permits.word.fetch_add(static_cast<std::int64_t>(n) * one, acq_rel);
        has_given(permits, old, static_cast<std::int64_t>(n));
        return old;
    }
    HEDDLE_NOINLINE static void wake(Permits& permits, std::int64_t n);
    HEDDLE_NOINLINE void not_put(std::size_t n) noexcept;
    void end_uncounted(std::size_t n, std::size_t done);
    void close_items();
    void after_seal(std::int64_t before);
    [[nodiscard]] static bool sealed(std::int64_t w) noexcept { return QueueWord::count(w) > most / 2; }
    /// Empties the container; calls dropped() for each item.
    virtual void drain() = 0;

    const bool numbered_;
};

}  // namespace heddle::detail
