#include "idle.hpp"

#include <algorithm>
#include <bit>

namespace heddle::detail {

namespace {

constexpr std::uint64_t sleepers_mask = (std::uint64_t{1} << IdleWord::group_size) - 1;
constexpr std::uint64_t searching_one = std::uint64_t{1} << IdleWord::group_size;
constexpr std::uint64_t searching_mask = std::uint64_t{0xFF} << IdleWord::group_size;

constexpr std::uint64_t searching_in(std::uint64_t w) noexcept {
    return (w & searching_mask) >> IdleWord::group_size;
}
constexpr std::uint64_t bit_of(unsigned worker) noexcept {
    return std::uint64_t{1} << (worker % IdleWord::group_size);
}

}  // namespace

IdleWord::IdleWord(unsigned workers) : workers_(workers) {
    for (unsigned first = 0; first < workers; first += group_size) {
        groups_.push_back(std::make_unique<Group>());
        groups_.back()->workers = std::min(group_size, workers - first);
    }
}

int IdleWord::choose_in(unsigned group, bool always) noexcept {
    Atomic<std::uint64_t>& word = groups_[group]->word;
    std::uint64_t w = word.fetch_add(0, acq_rel);  // acq_rel [idle]: an RMW even if nothing changes
    for (;;) {
        if (searching_in(w) != 0 && !always) {
            return -2;
        }
        if ((w & sleepers_mask) == 0) {
            return -1;
        }
        // relaxed: a preference
        const std::uint32_t sentinel = watch_.load(relaxed) & ~(slow | close);
        std::uint64_t sleepers = w & sleepers_mask;
        if (sentinel != 0 && (sentinel - 1) / group_size == group && sleepers != bit_of(sentinel - 1)) {
            sleepers &= ~bit_of(sentinel - 1);
        }
        const auto bit = static_cast<unsigned>(std::countr_zero(sleepers));
        const std::uint64_t next = (w & ~(std::uint64_t{1} << bit)) + searching_one;
        if (word.compare_exchange_weak(w, next, acq_rel, acquire)) {  // acq_rel [idle]
            return static_cast<int>(group * group_size + bit);
        }
    }
}

int IdleWord::choose_sleeper(unsigned near, bool always) noexcept {
    const auto n = static_cast<unsigned>(groups_.size());
    const unsigned first = near / group_size;
    for (unsigned i = 0; i < n; ++i) {
        const int chosen = choose_in((first + i) % n, always);
        if (chosen != -1) {
            return chosen;  // a worker, or -2: a searcher will see the task
        }
    }
    return -1;
}

bool IdleWord::may_need_wake() const noexcept {
    if ((watch_.load(relaxed) & close) != 0) {  // relaxed: see the file comment on stale looks
        return false;
    }
    bool sleepers = false;
    for (const auto& group : groups_) {
        const std::uint64_t w = group->word.load(relaxed);  // relaxed: see the file comment on stale looks
        if (searching_in(w) != 0) {
            return false;
        }
        sleepers = sleepers || (w & sleepers_mask) != 0;
    }
    return sleepers;
}

bool IdleWord::take_watch(unsigned worker) noexcept {
    std::uint32_t w = watch_.load(relaxed);  // relaxed: the CAS validates it
    while (w == 0 || (w & slow) != 0) {
        if (watch_.compare_exchange_weak(w, (worker + 1) | close, acq_rel, relaxed)) {  // acq_rel [watch]
            return true;
        }
    }
    return (w & ~close) == worker + 1;
}

bool IdleWord::change_watch(unsigned worker, std::uint32_t take, std::uint32_t add) noexcept {
    std::uint32_t w = watch_.load(relaxed);  // relaxed: the CAS validates it
    while ((w & ~(slow | close)) == worker + 1) {
        if (watch_.compare_exchange_weak(w, (w & ~take) | add, acq_rel, relaxed)) {  // acq_rel [watch]
            return true;
        }
    }
    return false;
}

void IdleWord::watch_closely(unsigned worker, bool yes) noexcept {
    change_watch(worker, yes ? 0 : close, yes ? close : 0);
}

bool IdleWord::slow_watch(unsigned worker) noexcept { return change_watch(worker, close, slow); }

void IdleWord::leave_watch(unsigned worker) noexcept { change_watch(worker, ~std::uint32_t{0}, 0); }

bool IdleWord::try_start_search(unsigned worker) noexcept {
    Group& group = *groups_[worker / group_size];
    // relaxed: the limit on searchers is a rule of thumb
    if (2 * searching_in(group.word.load(relaxed)) >= group.workers) {
        return false;
    }
    group.word.fetch_add(searching_one, acq_rel);  // acq_rel [idle]
    return true;
}

bool IdleWord::stop_search(unsigned worker) noexcept {
    // acq_rel [idle]
    return searching_in(groups_[worker / group_size]->word.fetch_sub(searching_one, acq_rel)) == 1;
}

bool IdleWord::sleep(unsigned worker, bool searching) noexcept {
    const std::uint64_t change = bit_of(worker) - (searching ? searching_one : 0);
    const std::uint64_t old =
        groups_[worker / group_size]->word.fetch_add(change, acq_rel);  // acq_rel [idle]
    return searching_in(old) == (searching ? 1 : 0);
}

bool IdleWord::woken(unsigned worker) noexcept {
    Atomic<std::uint64_t>& word = groups_[worker / group_size]->word;
    // acq_rel [idle]: the bit still set means that nobody chose us
    return (word.fetch_and(~bit_of(worker), acq_rel) & bit_of(worker)) == 0;
}

void IdleWord::wake_self_searching(unsigned worker) noexcept {
    Atomic<std::uint64_t>& word = groups_[worker / group_size]->word;
    std::uint64_t w = word.load(relaxed);  // relaxed: the CAS validates it
    while ((w & bit_of(worker)) != 0) {
        // acq_rel [idle]
        if (word.compare_exchange_weak(w, (w & ~bit_of(worker)) + searching_one, acq_rel, relaxed)) {
            return;
        }
    }
}

/// By an RMW on each word.
unsigned IdleWord::count_sleepers() noexcept {
    unsigned n = 0;
    for (const auto& group : groups_) {
        const std::uint64_t w =
            group->word.fetch_add(0, acq_rel);  // acq_rel [idle], [watch]: an RMW on purpose
        n += static_cast<unsigned>(std::popcount(w & sleepers_mask));
    }
    return n;
}

bool IdleWord::everybody_sleeps() noexcept { return count_sleepers() == workers_; }

bool IdleWord::everybody_else_sleeps() noexcept { return count_sleepers() + 1 == workers_; }

unsigned IdleWord::sleepers() const noexcept {
    unsigned n = 0;
    for (const auto& group : groups_) {
        n += static_cast<unsigned>(
            std::popcount(group->word.load(acquire) & sleepers_mask));  // acquire [idle]
    }
    return n;
}

unsigned IdleWord::searching() const noexcept {
    unsigned n = 0;
    for (const auto& group : groups_) {
        n += static_cast<unsigned>(searching_in(group->word.load(acquire)));  // acquire [idle]
    }
    return n;
}

}  // namespace heddle::detail
