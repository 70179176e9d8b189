#include <heddle/detail/queue/backoff.hpp>
#include <heddle/detail/sync/clock.hpp>

#include <algorithm>
#include <utility>

// A round: 110 operations would fit in. (In the explorer, where clocks stand still, 0.)
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
constinit thread_local std::array<QueueBackoff, QueueBackoff::places> QueueBackoff::known{};

bool QueueBackoff::others_came(const void* queue, std::int64_t was, std::int64_t now) noexcept {
    const std::size_t place = place_of(queue);
    const std::int64_t last = std::exchange(seen[place], now);
    QueueBackoff& mine = known[place];
    if (mine.queue_ != queue) {
        mine = QueueBackoff();
        mine.queue_ = queue;
        mine.since_ = now;
        return false;
    }
    const std::int64_t theirs = operations(last, was);
    const std::int64_t ours = operations(std::exchange(mine.since_, now), last) + 1;
    if (ours >= many) {
        mine.close_ = std::min(mine.close_, -head_start);
    } else if (theirs < 1 || theirs > few || ours > few) {
        mine.close_ = std::min(mine.close_, 0);
    } else {
        ++mine.close_;
    }
    return mine.close_ >= enough;
}

void QueueBackoff::give_way(const void* queue, const Atomic<std::int64_t>& word) noexcept {
    std::int64_t before = word.load(relaxed);  // relaxed: how fast it changes, and nothing else
    int rounds = 0;
    for (bool used = true; used && rounds < most_rounds;) {
        pause_for_a_round();
        const std::int64_t after = word.load(relaxed);  // relaxed: as above
        used = operations(std::exchange(before, after), after) >= good_use;
        rounds += used ? 1 : 0;
    }
    const std::size_t place = place_of(queue);
    QueueBackoff& mine = known[place];
    seen[place] = mine.since_ = before;
    if (rounds > 0) {
        mine.patience_ = 0;
        mine.given_way_ = (mine.given_way_ + 1) % in_turn;
        mine.close_ = mine.given_way_ == 0 ? -in_turn : enough - 1;
    } else {
        mine.patience_ = std::clamp(2 * mine.patience_, least_patience, most_patience);
        // Two that have given way at the same time should not do so again together.
        const std::uintptr_t luck =
            QueueWord::number(before) + reinterpret_cast<std::uintptr_t>(&mine) / 4096;
        mine.close_ = -mine.patience_ - static_cast<std::int32_t>(luck % least_patience);
    }
}

}  // namespace heddle::detail
