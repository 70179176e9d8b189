#pragma once

#include "clock.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace heddle::explore {

using Pc = std::uintptr_t;

/// A map from addresses to records that is emptied in no time: by counting the generation up.
template <class Record>
class AddressMap {
public:
    AddressMap() : slots_(size) {}
    void clear() noexcept { ++generation_; }
    /// The record of `address`; `fresh`: it has just been made.
    Record& get(std::uintptr_t address, bool& fresh) {
        std::size_t i = hash(address);
        while (slots_[i].generation == generation_ && slots_[i].address != address) {
            i = (i + 1) % size;
        }
        Slot& slot = slots_[i];
        fresh = slot.generation != generation_;
        if (fresh) {
            slot.generation = generation_;
            slot.address = address;
            slot.record = Record{};
        }
        return slot.record;
    }
    Record* find(std::uintptr_t address) {
        std::size_t i = hash(address);
        while (slots_[i].generation == generation_) {
            if (slots_[i].address == address) {
                return &slots_[i].record;
            }
            i = (i + 1) % size;
        }
        return nullptr;
    }

private:
    static constexpr std::size_t size = std::size_t{1} << 15U;
    struct Slot {
        std::uint64_t generation = 0;
        std::uintptr_t address = 0;
        Record record;
    };
    static std::size_t hash(std::uintptr_t address) noexcept {
        return static_cast<std::size_t>((address * 0x9E3779B97F4A7C15U) >> 40U) % size;
    }
    std::vector<Slot> slots_;
    std::uint64_t generation_ = 1;
};

/// What one thread knows: the clock it has, and what its fences keep back.
struct View {
    Clock clock;
    Clock acquirable;  // read by relaxed loads: a fence acquires it
    Clock released;    // by the last release fence
    bool has_released = false;
};

/// The memory of one execution. Values are in the real memory; this knows who has seen what. Two accesses of
/// which one is a write and one is plain must be ordered. A load may return an older value than the newest
/// unless coherence or happens-before forbids it.
class Memory {
public:
    void clear() noexcept;

    void plain(View& view, unsigned thread, std::uintptr_t address, std::size_t size, bool write, Pc pc);

    [[nodiscard]] std::uint64_t load(View& view, unsigned thread, void* address, unsigned size, int order,
                                     bool newest, Pc pc);
    void store(View& view, unsigned thread, void* address, unsigned size, std::uint64_t value, int order,
               Pc pc);
    /// Reads the newest value; the caller writes with store_rmw().
    [[nodiscard]] std::uint64_t load_rmw(View& view, unsigned thread, void* address, unsigned size, int order,
                                         Pc pc);
    void store_rmw(View& view, unsigned thread, void* address, unsigned size, std::uint64_t value, int order);
    /// Whether a compare-exchange of `expected` succeeds now. If not, `seen` is what it read instead, which
    /// need not be the newest value: a failed one is a load.
    [[nodiscard]] bool matches(View& view, unsigned thread, void* address, unsigned size,
                               std::uint64_t expected, int failure, bool newest, std::uint64_t& seen, Pc pc);
    static void fence(View& view, int order);

    /// Who accessed the byte in conflict with the last plain access that failed: for the report.
    struct Conflict {
        unsigned thread = 0;
        bool write = false;
        Pc pc = 0;
    };

private:
    static constexpr unsigned bytes = 8;
    struct Granule {  // eight bytes
        std::array<std::uint32_t, bytes> write_step{};
        std::array<std::uint8_t, bytes> write_thread{};
        std::array<std::array<std::uint32_t, bytes>, max_threads> read_step{};
        std::array<Pc, bytes> write_pc{};
        std::array<Pc, max_threads> read_pc{};
        std::uint8_t atomics = 0;  // offsets at which an atomic has been seen
    };
    struct Store {
        std::uint64_t value = 0;
        Clock released;  // what an acquiring load of this value gets
        std::uint32_t step = 0;
        unsigned thread = 0;
        bool seq_cst = false;
        std::array<std::uint32_t, max_threads> seen_at{};  // the step at which a thread first read it, or 0
    };
    struct Location {
        static constexpr unsigned depth = 6;  // so many old values at most
        std::array<Store, depth> stores;
        std::uint64_t count = 0;                        // of all stores; the newest is count - 1
        std::array<std::uint64_t, max_threads> seen{};  // coherence: no older one for this thread
        [[nodiscard]] Store& at(std::uint64_t i) { return stores[i % depth]; }
        [[nodiscard]] Store& newest() { return at(count - 1); }
    };

    Location& location(void* address, unsigned size);
    /// The oldest store that a load may still return.
    static std::uint64_t oldest_visible(Location& location, const View& view, unsigned thread, int order);
    void forget_atomics(Granule& granule, std::uintptr_t base, std::uintptr_t from, std::uintptr_t to);
    void check_atomic(const View& view, unsigned thread, std::uintptr_t address, unsigned size, Pc pc);
    static void see(Location& location, const View& view, unsigned thread, std::uint64_t i);
    static void acquire_from(View& view, const Store& store, int order);
    static void push(Location& location, View& view, unsigned thread, std::uint64_t value, int order,
                     bool rmw);

    AddressMap<Granule> granules_;
    AddressMap<Location> locations_;
};

}  // namespace heddle::explore
