#include "engine.hpp"

#include <algorithm>
#include <utility>

// What an execution consists of: each access of the watched code, checked, carried out and written down.

namespace heddle::explore {

void Engine::begin_step(Pc pc) {
    if (++steps_ > step_limit) {
        fail("no end in sight: too many steps", pc);
    }
    const Unwatched unwatched;
    reschedule(true);
}

void Engine::end_step(bool changed, std::uintptr_t address, std::uint64_t value) {
    Thread& thread = me();
    ++thread.view.clock.at[current_];
    if (changed) {
        ++changes_;
        thread.idle_reads = 0;
        return;
    }
    const std::pair read(address, value);
    const bool again = std::ranges::find(thread.recent, read) != thread.recent.end();
    std::ranges::rotate(thread.recent, thread.recent.begin() + 1);
    thread.recent.back() = read;
    thread.idle_reads = again ? thread.idle_reads + 1 : 0;
    if (thread.idle_reads >= patience) {
        thread.stalled = changes_;
    }
}

/// Nobody is lied to for ever.
bool Engine::tired_of_old_values() const {
    const Thread& thread = threads_[current_];
    return thread.idle_reads + thread.recent.size() >= patience;
}

void Engine::note(const char* kind, int order, void* address, std::uint64_t value, Pc pc) {
    events_.push_back({current_, kind, order, reinterpret_cast<std::uintptr_t>(address), value, pc});
}

void Engine::check_heap(std::uintptr_t address, std::size_t size, Pc pc) const {
    if (heap_.owns(address)) {
        heap_.check(address, size, pc);
    }
}

void Engine::plain(std::uintptr_t address, std::size_t size, bool write, Pc pc) {
    if (!is_ours(address)) {
        return;
    }
    const Unwatched unwatched;
    check_heap(address, size, pc);
    memory_.plain(me().view, current_, address, size, write, pc);
}

/// To free is to write: whoever has used the memory must have done so before.
void Engine::release(void* memory, Pc pc) {
    const bool watched = watching_;
    const Unwatched unwatched;
    const std::size_t size = heap_.release(memory, pc);
    if (watched) {
        memory_.plain(me().view, current_, reinterpret_cast<std::uintptr_t>(memory), size, true, pc);
    }
}

std::uint64_t Engine::load(void* address, unsigned size, int order, Pc pc) {
    begin_step(pc);
    const Unwatched unwatched;
    check_heap(reinterpret_cast<std::uintptr_t>(address), size, pc);
    const std::uint64_t value =
        memory_.load(me().view, current_, address, size, order, tired_of_old_values(), pc);
    note("load", order, address, value, pc);
    end_step(false, reinterpret_cast<std::uintptr_t>(address), value);
    return value;
}

void Engine::store(void* address, unsigned size, std::uint64_t value, int order, Pc pc) {
    begin_step(pc);
    const Unwatched unwatched;
    check_heap(reinterpret_cast<std::uintptr_t>(address), size, pc);
    memory_.store(me().view, current_, address, size, value, order, pc);
    note("store", order, address, value, pc);
    end_step(true, 0, 0);
}

std::uint64_t Engine::modify(void* address, unsigned size, int order, Pc pc,
                             std::uint64_t (*change)(std::uint64_t, std::uint64_t), std::uint64_t operand) {
    begin_step(pc);
    const Unwatched unwatched;
    check_heap(reinterpret_cast<std::uintptr_t>(address), size, pc);
    const std::uint64_t old = memory_.load_rmw(me().view, current_, address, size, order, pc);
    const std::uint64_t value = change(old, operand);
    memory_.store_rmw(me().view, current_, address, size, value, order);
    note("rmw", order, address, value, pc);
    end_step(true, 0, 0);
    return old;
}

bool Engine::compare_exchange(void* address, unsigned size, std::uint64_t& expected, std::uint64_t desired,
                              int order, int failure, Pc pc) {
    begin_step(pc);
    const Unwatched unwatched;
    check_heap(reinterpret_cast<std::uintptr_t>(address), size, pc);
    std::uint64_t old = expected;
    const bool equal = memory_.matches(me().view, current_, address, size, expected, failure,
                                       tired_of_old_values(), old, pc);
    if (equal) {
        static_cast<void>(memory_.load_rmw(me().view, current_, address, size, order, pc));
        memory_.store_rmw(me().view, current_, address, size, desired, order);
    }
    expected = old;
    note(equal ? "cas" : "cas failed", equal ? order : failure, address, equal ? desired : old, pc);
    end_step(equal, reinterpret_cast<std::uintptr_t>(address), old);
    return equal;
}

void Engine::fence(int order) {
    const Unwatched unwatched;
    Memory::fence(me().view, order);
    ++me().view.clock.at[current_];
}

}  // namespace heddle::explore
