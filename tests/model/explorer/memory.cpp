#include "memory.hpp"

#include "engine.hpp"

#include <cstring>

namespace heddle::explore {

namespace {

// The values of the compiler's memory orders.
constexpr int order_consume = 1;
constexpr int order_acquire = 2;
constexpr int order_release = 3;
constexpr int order_acq_rel = 4;
constexpr int order_seq_cst = 5;

bool acquires(int order) {
    return order == order_consume || order == order_acquire || order == order_acq_rel ||
           order == order_seq_cst;
}
bool releases(int order) {
    return order == order_release || order == order_acq_rel || order == order_seq_cst;
}

std::uint64_t read_real(const void* address, unsigned size) {
    std::uint64_t value = 0;
    std::memcpy(&value, address, size);
    return value;
}
void write_real(void* address, unsigned size, std::uint64_t value) { std::memcpy(address, &value, size); }

}  // namespace

void Memory::clear() noexcept {
    granules_.clear();
    locations_.clear();
}

/// An object begins or ends here: a new atomic starts from what is written.
void Memory::forget_atomics(Granule& granule, std::uintptr_t base, std::uintptr_t from, std::uintptr_t to) {
    for (unsigned i = 0; i < bytes && granule.atomics != 0; ++i) {
        if ((granule.atomics >> i & 1U) != 0 && base + i >= from && base + i < to) {
            locations_.find(base + i)->count = 0;
            granule.atomics = static_cast<std::uint8_t>(granule.atomics & ~(1U << i));
        }
    }
}

void Memory::plain(View& view, unsigned thread, std::uintptr_t address, std::size_t size, bool write, Pc pc) {
    const std::uintptr_t end = address + size;
    while (address < end) {
        const std::uintptr_t base = address & ~std::uintptr_t{bytes - 1};
        bool fresh = false;
        Granule& granule = granules_.get(base, fresh);
        if (write) {
            forget_atomics(granule, base, address, end);
        }
        for (; address < end && address < base + bytes; ++address) {
            const auto i = static_cast<unsigned>(address - base);
            const unsigned writer = granule.write_thread[i];
            if (granule.write_step[i] > view.clock.at[writer] && writer != thread) {
                engine().race(write, pc, {writer, true, granule.write_pc[i]}, address);
            }
            if (write) {
                for (unsigned t = 0; t < max_threads; ++t) {
                    if (t != thread && granule.read_step[t][i] > view.clock.at[t]) {
                        engine().race(write, pc, {t, false, granule.read_pc[t]}, address);
                    }
                }
                granule.write_step[i] = view.clock.at[thread];
                granule.write_thread[i] = static_cast<std::uint8_t>(thread);
                granule.write_pc[i] = pc;
            } else {
                granule.read_step[thread][i] = view.clock.at[thread];
                granule.read_pc[thread] = pc;
            }
        }
    }
}

/// Towards plain accesses an atomic one is like a read: it must come after the plain write that made the
/// object, and before the one that ends it.
void Memory::check_atomic(const View& view, unsigned thread, std::uintptr_t address, unsigned size, Pc pc) {
    const std::uintptr_t base = address & ~std::uintptr_t{bytes - 1};
    bool fresh = false;
    Granule& granule = granules_.get(base, fresh);
    for (auto i = static_cast<unsigned>(address - base); i < address - base + size; ++i) {
        const unsigned writer = granule.write_thread[i];
        if (granule.write_step[i] > view.clock.at[writer] && writer != thread) {
            engine().race(false, pc, {writer, true, granule.write_pc[i]}, address);
        }
        granule.read_step[thread][i] = view.clock.at[thread];
        granule.read_pc[thread] = pc;
    }
}

Memory::Location& Memory::location(void* address, unsigned size) {
    const auto key = reinterpret_cast<std::uintptr_t>(address);
    bool fresh = false;
    bool made = false;
    Granule& granule = granules_.get(key & ~std::uintptr_t{bytes - 1}, made);
    granule.atomics = static_cast<std::uint8_t>(granule.atomics | 1U << (key % bytes));
    Location& found = locations_.get(key, fresh);
    if (fresh || found.count == 0) {
        found = Location{};
        found.count = 1;
        found.newest().value = read_real(address, size);
    }
    return found;
}

void Memory::see(Location& location, const View& view, unsigned thread, std::uint64_t i) {
    location.seen[thread] = i;
    std::uint32_t& first = location.at(i).seen_at[thread];
    first = first == 0 ? view.clock.at[thread] : first;
}

void Memory::acquire_from(View& view, const Store& store, int order) {
    if (acquires(order)) {
        view.clock.join(store.released);
    } else {
        view.acquirable.join(store.released);
    }
}

void Memory::push(Location& location, View& view, unsigned thread, std::uint64_t value, int order, bool rmw) {
    Clock released;
    if (rmw) {
        released = location.newest().released;  // an RMW goes on with the release sequence
    }
    if (releases(order)) {
        released.join(view.clock);
    } else if (view.has_released) {
        released.join(view.released);
    }
    Store& fresh = location.at(location.count++);
    fresh = Store{};
    fresh.value = value;
    fresh.released = released;
    fresh.step = view.clock.at[thread];
    fresh.thread = thread;
    fresh.seq_cst = order == order_seq_cst;
    location.seen[thread] = location.count - 1;
}

std::uint64_t Memory::oldest_visible(Location& location, const View& view, unsigned thread, int order) {
    const std::uint64_t last = location.count - 1;
    const std::uint64_t first =
        std::max(location.seen[thread],
                 location.count > Location::depth ? location.count - Location::depth : std::uint64_t{0});
    for (std::uint64_t i = last; i > first; --i) {
        const Store& store = location.at(i);
        // It happens before us, or comes before us in the order of all that is seq_cst: nothing older then.
        if (store.step <= view.clock.at[store.thread] || (order == order_seq_cst && store.seq_cst)) {
            return i;
        }
        // The same if somebody's read of it happens before us: two reads do not see two stores in two orders.
        for (unsigned t = 0; t < max_threads; ++t) {
            if (store.seen_at[t] != 0 && store.seen_at[t] <= view.clock.at[t]) {
                return i;
            }
        }
    }
    return first;
}

std::uint64_t Memory::load(View& view, unsigned thread, void* address, unsigned size, int order, bool newest,
                           Pc pc) {
    check_atomic(view, thread, reinterpret_cast<std::uintptr_t>(address), size, pc);
    Location& found = location(address, size);
    const std::uint64_t last = found.count - 1;
    const std::uint64_t first = oldest_visible(found, view, thread, order);
    std::uint64_t chosen = last;
    if (!newest && first < last) {
        chosen = last - engine().choose_stale(static_cast<unsigned>(last - first + 1));
    }
    see(found, view, thread, chosen);
    const Store& store = found.at(chosen);
    acquire_from(view, store, order);
    return store.value;
}

void Memory::store(View& view, unsigned thread, void* address, unsigned size, std::uint64_t value, int order,
                   Pc pc) {
    check_atomic(view, thread, reinterpret_cast<std::uintptr_t>(address), size, pc);
    Location& found = location(address, size);
    push(found, view, thread, value, order, false);
    write_real(address, size, value);
}

std::uint64_t Memory::load_rmw(View& view, unsigned thread, void* address, unsigned size, int order, Pc pc) {
    check_atomic(view, thread, reinterpret_cast<std::uintptr_t>(address), size, pc);
    Location& found = location(address, size);
    see(found, view, thread, found.count - 1);
    acquire_from(view, found.newest(), order);
    return found.newest().value;
}

bool Memory::matches(View& view, unsigned thread, void* address, unsigned size, std::uint64_t expected,
                     int failure, bool newest, std::uint64_t& seen, Pc pc) {
    check_atomic(view, thread, reinterpret_cast<std::uintptr_t>(address), size, pc);
    Location& found = location(address, size);
    const std::uint64_t last = found.count - 1;
    std::array<std::uint64_t, Location::depth + 1> choices{};
    unsigned n = 0;
    choices[n++] = last;
    const std::uint64_t first = newest ? last : oldest_visible(found, view, thread, failure);
    for (std::uint64_t i = last; i > first;) {
        if (found.at(--i).value != expected) {
            choices[n++] = i;
        }
    }
    const std::uint64_t chosen = n > 1 ? choices[engine().choose_stale(n)] : last;
    const Store& store = found.at(chosen);
    if (store.value == expected) {
        return true;
    }
    see(found, view, thread, chosen);
    acquire_from(view, store, failure);
    seen = store.value;
    return false;
}

void Memory::store_rmw(View& view, unsigned thread, void* address, unsigned size, std::uint64_t value,
                       int order) {
    push(location(address, size), view, thread, value, order, true);
    write_real(address, size, value);
}

void Memory::fence(View& view, int order) {
    if (acquires(order)) {
        view.clock.join(view.acquirable);
    }
    if (releases(order)) {
        view.released = view.clock;
        view.has_released = true;
    }
}

}  // namespace heddle::explore
