#include "timer_wheel.hpp"

#include <heddle/detail/base/assert.hpp>
#include <heddle/detail/task/frame_pool.hpp>
#include <heddle/detail/wait/suspend.hpp>

#include <algorithm>
#include <bit>
#include <new>

namespace heddle::detail {

namespace {

constexpr std::int64_t no_tick = INT64_MAX;

TimerNode& node_of(TimerLink& link) noexcept { return static_cast<TimerNode&>(link); }

void append(TimerLink& head, TimerLink& node) noexcept {
    node.previous = head.previous;
    node.next = &head;
    head.previous->next = &node;
    head.previous = &node;
}

/// Stable merge sort by deadline of a list that ends in null, linked by next alone.
TimerLink* merge_sort(TimerLink* list) noexcept {
    if (list == nullptr || list->next == nullptr) {
        return list;
    }
    TimerLink* middle = list;
    for (TimerLink* end = list->next; end != nullptr && end->next != nullptr; end = end->next->next) {
        middle = middle->next;
    }
    TimerLink* b = merge_sort(middle->next);
    middle->next = nullptr;
    TimerLink* a = merge_sort(list);
    TimerLink* first = nullptr;
    TimerLink** tail = &first;
    while (a != nullptr && b != nullptr) {
        TimerLink*& smaller = node_of(*b).when < node_of(*a).when ? b : a;
        *tail = smaller;
        tail = &smaller->next;
        smaller = smaller->next;
    }
    *tail = a != nullptr ? a : b;
    return first;
}

}  // namespace

TimerNode* make_timer() { return ::new (frame_pool::allocate(sizeof(TimerNode))) TimerNode; }

ScopeTimer* make_scope_timer() { return ::new (frame_pool::allocate(sizeof(ScopeTimer))) ScopeTimer; }

void free_timer(TimerNode& node) noexcept {
    if (node.is_scope) {
        auto& scope = static_cast<ScopeTimer&>(node);
        scope.~ScopeTimer();
        frame_pool::deallocate(&scope, sizeof(ScopeTimer));
    } else {
        node.~TimerNode();
        frame_pool::deallocate(&node, sizeof(TimerNode));
    }
}

TimerWheel::TimerWheel(std::int64_t now) noexcept : tick_(now >> tick_shift) {}

TimerWheel::~TimerWheel() {
    if (try_lock()) {
        drain_changes();
    }
}

void TimerWheel::link(TimerNode& node) noexcept {
    // Rounded up: when a slot's tick has begun, everything in it is due. Further away than the wheel reaches:
    // looked at again at its end.
    const std::int64_t reach =
        tick_ + (std::int64_t{1} << (levels * slot_bits)) - (std::int64_t{1} << ((levels - 1) * slot_bits));
    const std::int64_t due = (node.when >> tick_shift) + ((node.when & ((1 << tick_shift) - 1)) != 0 ? 1 : 0);
    const std::int64_t tick = std::clamp(due, tick_ + 1, reach);
    const auto differs = static_cast<std::uint64_t>(tick ^ tick_);
    const unsigned level =
        std::min(levels - 1, static_cast<unsigned>(std::bit_width(differs) - 1) / slot_bits);
    const unsigned slot = static_cast<unsigned>(tick >> (level * slot_bits)) & (slots - 1);
    append(slots_[level][slot], node);
    node.linked = true;
    occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::unlink(TimerNode& node) noexcept {
    node.previous->next = node.next;
    node.next->previous = node.previous;
    node.linked = false;  // the slot's occupied bit may now be stale: at worst one look too many
}

/// A lower bound of the first tick at which something has to be done.
std::int64_t TimerWheel::earliest_tick() const noexcept {
    for (unsigned level = 0; level < levels; ++level) {
        const unsigned shift = level * slot_bits;
        const auto here = static_cast<unsigned>(tick_ >> shift) & (slots - 1);
        // Below the top, only slots after the current one can hold something (the others' bits are stale);
        // the top level wraps around.
        const std::uint64_t ahead_mask = here == slots - 1 ? 0 : ~std::uint64_t{0} << (here + 1);
        const std::uint64_t bits = level == levels - 1 ? occupied_[level] : occupied_[level] & ahead_mask;
        if (bits != 0) {
            const int steps = std::countr_zero(std::rotr(bits, static_cast<int>((here + 1) % slots)));
            return ((tick_ >> shift) + steps + 1) << shift;
        }
    }
    return no_tick;
}

void TimerWheel::empty_slot(unsigned level, unsigned slot, List& due) noexcept {
    List& list = slots_[level][slot];
    occupied_[level] &= ~(std::uint64_t{1} << slot);
    while (list.next != &list) {
        TimerNode& node = node_of(*list.next);
        unlink(node);
        if ((node.when >> tick_shift) < tick_ || node.when == (tick_ << tick_shift)) {
            append(due, node);
            node.linked = true;
        } else {
            link(node);
        }
    }
}

void TimerWheel::collect(std::int64_t until, List& due) noexcept {
    while (tick_ < until) {
        const std::int64_t next = earliest_tick();
        if (next > until) {
            tick_ = until;
            return;
        }
        tick_ = next;
        for (unsigned level = levels - 1; level > 0; --level) {
            const unsigned shift = level * slot_bits;
            if ((tick_ & ((std::int64_t{1} << shift) - 1)) == 0) {
                empty_slot(level, static_cast<unsigned>(tick_ >> shift) & (slots - 1), due);
            }
        }
        empty_slot(0, static_cast<unsigned>(tick_) & (slots - 1), due);
    }
}

void TimerWheel::sort(List& list) noexcept {
    if (list.next == list.previous) {
        return;
    }
    list.previous->next = nullptr;
    TimerLink* sorted = merge_sort(list.next);
    list.next = list.previous = &list;
    while (sorted != nullptr) {
        TimerLink* next = sorted->next;
        append(list, *sorted);
        sorted = next;
    }
}

void TimerWheel::fire(TimerNode& node) noexcept {
    unlink(node);
    if (node.is_scope) {
        // acq_rel [timer]
        if ((node.state.fetch_or(TimerNode::fired, acq_rel) & TimerNode::cancelled) != 0) {
            return;  // on the stack of changes, where it is freed
        }
        fire_scope(static_cast<ScopeTimer&>(node));
        // acq_rel [timer]: the second of {this, the scope's exit} frees
        if ((node.state.fetch_or(TimerNode::fire_done, acq_rel) & TimerNode::cancelled) != 0) {
            free_timer(node);
        }
        return;
    }
    Waiter* who = node.who;
    const std::uint64_t seq = node.seq;
    // acq_rel [timer]; the node may be gone
    if ((node.state.fetch_or(TimerNode::fired, acq_rel) & TimerNode::cancelled) == 0 && who->claim(seq)) {
        schedule(*who);
    }
}

std::size_t TimerWheel::advance(std::int64_t now) noexcept {
    if (!try_lock()) {
        return 0;
    }
    drain_changes();
    List due;
    collect(now >> tick_shift, due);
    sort(due);
    std::size_t fired = 0;
    for (; due.next != &due; ++fired) {
        fire(node_of(*due.next));
    }
    unlock();
    return fired;
}

void TimerWheel::unlock() noexcept {
    do {
        drain_changes();
        const std::int64_t tick = earliest_tick();
        next_deadline_.store(tick == no_tick ? never : tick << tick_shift, release);  // release [wheel]
        locked_.exchange(false, acq_rel);  // acq_rel [wheel]: acquires the exchange of whoever found it taken
        // acquire [stack]: what was pushed before such an exchange is seen here
    } while (changes_.load(acquire) != nullptr && try_lock());
}

void TimerWheel::push_change(TimerNode& node) noexcept {
    TimerNode* head = changes_.load(relaxed);  // relaxed: the CAS validates it
    do {
        node.next_queued = head;
    } while (!changes_.compare_exchange_weak(head, &node, acq_rel, relaxed));  // acq_rel [stack]
    if (try_lock()) {
        unlock();
    }
}

void TimerWheel::drain_changes() noexcept {
    if (changes_.load(acquire) == nullptr) {  // acquire [stack]: looked at again after unlocking
        return;
    }
    TimerNode* node = changes_.exchange(nullptr, acq_rel);  // acq_rel [stack]
    while (node != nullptr) {
        TimerNode* next = node->next_queued;
        // acq_rel [timer]
        if ((node->state.fetch_and(~TimerNode::queued, acq_rel) & TimerNode::cancelled) != 0) {
            if (node->linked) {
                unlink(*node);
            }
            free_timer(*node);
        } else {
            link(*node);
        }
        node = next;
    }
}

void TimerWheel::arm(TimerNode& node) noexcept {
    node.wheel = this;
    if (try_lock()) {
        link(node);
        unlock();
    } else {
        node.state.fetch_or(TimerNode::queued, acq_rel);  // acq_rel [timer]
        push_change(node);
    }
}

void TimerWheel::disarm(TimerNode& node) noexcept {
    const bool is_scope = node.is_scope;  // read before the RMW after which a fire may free the node
    const auto free_if_over = [is_scope](TimerNode& n, std::uint32_t old) {
        if (!is_scope || (old & TimerNode::fire_done) != 0) {
            free_timer(n);
        }
    };
    if (!is_scope && (node.state.load(acquire) & TimerNode::fired) != 0) {  // acquire [timer]
        free_timer(node);  // fired: the wheel has let go of it
        return;
    }
    if (try_lock()) {
        const std::uint32_t old = node.state.fetch_or(TimerNode::cancelled, acq_rel);  // acq_rel [timer]
        if ((old & TimerNode::fired) != 0) {
            free_if_over(node, old);
        } else if ((old & TimerNode::queued) == 0) {
            unlink(node);
            free_timer(node);
        }
        unlock();
        return;
    }
    const std::uint32_t old =
        node.state.fetch_or(TimerNode::cancelled | TimerNode::queued, acq_rel);  // acq_rel [timer]
    if ((old & TimerNode::fired) != 0) {
        free_if_over(node, old);
    } else if ((old & TimerNode::queued) == 0) {
        push_change(node);
    }
}

}  // namespace heddle::detail
