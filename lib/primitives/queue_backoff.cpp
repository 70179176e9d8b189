#include <heddle/detail/queue/backoff.hpp>
#include <heddle/detail/queue/word.hpp>
#include <heddle/detail/sync/clock.hpp>

#include <algorithm>
#include <utility>

// A round: 130 operations would fit in. (In the explorer, where clocks stand still, 0.)
#ifndef HEDDLE_BACKOFF_NS
#define HEDDLE_BACKOFF_NS 1000
#endif

namespace heddle::detail {

namespace {

// Measured with four producers and four consumers on two cores: twice or half of each makes little
// difference.
constexpr std::int64_t few = 7;         // operations of others, or own, between two that are close together
constexpr std::int64_t many = 16;       // own operations in a row: others do not disturb much
constexpr std::int32_t enough = 4;      // close together, in a row: others disturb
constexpr std::int32_t head_start = 8;  // of whoever has made many
constexpr std::int32_t in_turn = 64;    // after giving way so often, others are to
constexpr int most_rounds = 4;          // of giving way, HEDDLE_BACKOFF_NS each
constexpr std::int64_t good_use = 32;   // operations in a round; both at once would have made 20
constexpr std::int32_t least_patience = 8;
constexpr std::int32_t most_patience = 8192;  // then giving way in vain costs one per cent

/// What a thread knows of its turns at a queue.
struct Turns {
    const QueueBackoff* queue = nullptr;
    std::int64_t since = 0;      // the word when others had last come between
    std::int32_t close = 0;      // operations close together, in a row; below 0: so many do not count
    std::int32_t patience = 0;   // how many did not count when giving way was last in vain
    std::int32_t given_way = 0;  // how often it was of use, modulo in_turn
};
thread_local constinit std::array<Turns, 16> turns_of{};
thread_local constinit std::uint32_t queues_made = 0;

/// How many operations made `after` of `before`: a put counts up, a get counts down and draws a number.
std::int64_t operations(std::int64_t before, std::int64_t after) noexcept {
    const std::int64_t gets = QueueWord::ahead(after, QueueWord::number(before));
    return QueueWord::count(after) - QueueWord::count(before) + 2 * gets;
}

void pause_for_a_round() noexcept {
    const std::int64_t end = now_ns() + HEDDLE_BACKOFF_NS;
    do {
        for (int i = 0; i < 4; ++i) {
            spin_pause();
        }
    } while (now_ns() < end);
}

}  // namespace

constinit thread_local std::array<std::int64_t, QueueBackoff::places> QueueBackoff::seen{};

std::uint32_t QueueBackoff::next_place() noexcept {
    static_assert(places == turns_of.size());
    // Threads begin at different places, and share no counter.
    const auto thread = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&queues_made) / 4096);
    return (7 * thread + queues_made++) % places;
}

void QueueBackoff::note(std::int64_t now) const noexcept {
    seen[place_] = now;
    if (Turns& mine = turns_of[place_]; mine.queue == this) {
        mine.since = now;
    }
}

bool QueueBackoff::others_came(std::int64_t was, std::int64_t now) const noexcept {
    const std::int64_t last = std::exchange(seen[place_], now);
    Turns& mine = turns_of[place_];
    if (mine.queue != this) {
        mine = {.queue = this, .since = now};
        return false;
    }
    const std::int64_t theirs = operations(last, was);
    const std::int64_t ours = operations(std::exchange(mine.since, now), last) + 1;
    if (ours >= many) {
        mine.close = std::min(mine.close, -head_start);
    } else if (theirs < 1 || theirs > few || ours > few) {
        mine.close = std::min(mine.close, 0);
    } else {
        ++mine.close;
    }
    return mine.close >= enough;
}

void QueueBackoff::give_way(const Atomic<std::int64_t>& word) const noexcept {
    std::int64_t before = word.load(relaxed);  // relaxed: how fast it changes, and nothing else
    int rounds = 0;
    for (bool used = true; used && rounds < most_rounds;) {
        pause_for_a_round();
        const std::int64_t after = word.load(relaxed);  // relaxed: as above
        used = operations(std::exchange(before, after), after) >= good_use;
        rounds += used ? 1 : 0;
    }
    Turns& mine = turns_of[place_];
    seen[place_] = mine.since = before;
    if (rounds > 0) {
        mine.patience = 0;
        mine.given_way = (mine.given_way + 1) % in_turn;
        mine.close = mine.given_way == 0 ? -in_turn : enough - 1;
    } else {
        mine.patience = std::clamp(2 * mine.patience, least_patience, most_patience);
        // Two that have given way at the same time should not do so again together.
        const std::uintptr_t luck =
            QueueWord::number(before) + reinterpret_cast<std::uintptr_t>(&mine) / 4096;
        mine.close = -mine.patience - static_cast<std::int32_t>(luck % least_patience);
    }
}

}  // namespace heddle::detail
