#pragma once

#include <heddle/detail/base/immovable.hpp>
#include <heddle/detail/sync/atomic.hpp>

#include <cstdint>
#include <memory>
#include <vector>

// Who sleeps and who searches.
//
// One word per group of up to 48 workers: { unused:8 | searching:8 | sleepers:48 }. Every transition is
// an RMW on it, so they are totally ordered:
//
// [idle] a producer makes its task visible and then does an RMW on the word; a worker does an RMW on the
//        word and then looks at the queues before it sleeps. Whichever RMW comes second sees the other side.
//
// No wake-up is lost: a producer that sees searching > 0 relies on that searcher, who leaves the state by an
// RMW that comes later and therefore sees the task: by parking, where the last one to stop searching looks at
// everything again, or by finding work, where the last one passes the torch by waking another searcher.
//
// A worker that pushes to its own lane saves the RMW where a plain look says that nobody sleeps or somebody
// searches. What a stale look can cost is healed by the parker, who makes all other threads pass a barrier
// before its last look, and by the sentinel: one sleeper looks at the lanes now and then while others run.
//
// The sentinel also comes for what was too young to be stolen when the last searcher gave up. While it looks
// often, a push to a lane wakes nobody at all. It is always there: whoever goes to sleep while others run
// takes the watch if it is free. Whoever leaves it for work that it has found first wakes another sleeper, if
// there is one; whoever is called away by a timer of its own does so before it runs anything. [watch] Left,
// or slowed down, because nobody runs: by an RMW before the last look at the sleepers, so that a worker that
// was awake again, by its RMW on the word, sees it in its next push.
//
// A worker may stand still at any point, for as long as the system does not let it run, also one that has
// just been chosen and counts as searching. So that the others do not wait for it, the sentinel looks at
// everything, and it never sleeps quite for ever: while all sleep, it looks once a second. It is woken last
// of its group, since who is chosen may be the one that does not come.

namespace heddle::detail {

class IdleWord : Immovable {
public:
    static constexpr unsigned group_size = 48;

    explicit IdleWord(unsigned workers);

    /// A sleeper to wake, who then counts as searching; negative: none, or somebody searches already, unless
    /// `always`. `near` is a worker whose group is asked first.
    [[nodiscard]] int choose_sleeper(unsigned near, bool always = false) noexcept;
    /// The cheap look of a worker that has pushed to its own lane.
    [[nodiscard]] bool may_need_wake() const noexcept;

    /// False: enough others search.
    [[nodiscard]] bool try_start_search(unsigned worker) noexcept;
    /// True: was the last searcher, somebody else should be woken.
    [[nodiscard]] bool stop_search(unsigned worker) noexcept;

    /// The worker goes to sleep. True: nobody searches any more, so look at everything once more.
    [[nodiscard]] bool sleep(unsigned worker, bool searching) noexcept;
    /// After sleeping: true if the worker was chosen and counts as searching; false if it woke by itself.
    [[nodiscard]] bool woken(unsigned worker) noexcept;
    /// A look from the sleeper's place has found work: the worker is awake and counts as searching, also if
    /// somebody has chosen it meanwhile.
    void wake_self_searching(unsigned worker) noexcept;

    /// One sleeper per runtime keeps watch: often while others run, now and then while all sleep. True: it
    /// is, or is now, this worker. It may be taken from one who only looks now and then.
    [[nodiscard]] bool take_watch(unsigned worker) noexcept;
    /// By the one who keeps watch: he looks so often that nobody needs to wake him.
    void watch_closely(unsigned worker, bool yes) noexcept;
    /// Nobody runs: from here on only now and then. False: it has not got the watch any more.
    [[nodiscard]] bool slow_watch(unsigned worker) noexcept;
    /// Its own, or that of a sleeper that has been chosen: nobody knows when that one will come to leave it.
    void leave_watch(unsigned worker) noexcept;
    /// For the one who keeps watch, having slowed it down: an RMW on each word. True: really nobody runs.
    [[nodiscard]] bool everybody_sleeps() noexcept;
    /// The same for one who is awake and has just left it: true if nobody else runs.
    [[nodiscard]] bool everybody_else_sleeps() noexcept;

    [[nodiscard]] unsigned sleepers() const noexcept;
    [[nodiscard]] unsigned searching() const noexcept;

private:
    struct Group {
        Atomic<std::uint64_t> word{0};
        unsigned workers = 0;
        char pad[cache_line - 16]{};
    };
    [[nodiscard]] int choose_in(unsigned group, bool always) noexcept;
    [[nodiscard]] unsigned count_sleepers() noexcept;

    const unsigned workers_;
    std::vector<std::unique_ptr<Group>> groups_;
    static constexpr std::uint32_t slow = std::uint32_t{1} << 31U;
    static constexpr std::uint32_t close = std::uint32_t{1} << 30U;
    Atomic<std::uint32_t> watch_{0};  // { slow:1 | close:1 | the sentinel's index + 1 : 30 }
    /// Changes the word if it is this worker's: adds and takes away flags, or all with ~0.
    bool change_watch(unsigned worker, std::uint32_t take, std::uint32_t add) noexcept;
};

}  // namespace heddle::detail
