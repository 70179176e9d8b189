#pragma once

#include <heddle/detail/queue/core.hpp>
#include <heddle/detail/queue/give_back.hpp>
#include <heddle/detail/queue/word.hpp>
#include <heddle/detail/sync/epoch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace heddle::detail {

/// The part of a queue that is reclaimed by epochs: a waker may still be in here when the queue has gone.
template <class T, class Container>
class QueueBlock final : public QueueCore {
    using Spot = typename Container::Spot;

public:
    template <class... Args>
    explicit QueueBlock(std::ptrdiff_t maxsize, Args&&... args)
        : QueueCore(maxsize, Container::numbered,
                    [](Retired* self) noexcept { delete static_cast<QueueBlock*>(self); }),
          container_(std::forward<Args>(args)...) {}

    /// Without waiting. False: there is no slot, and `value` is as it was.
    bool try_put(T& value) {
        if constexpr (at_once) {
            if (EpochRecord* pin = epoch_try_pin(); pin != nullptr) [[likely]] {
                Spot spot = container_.spot();
                std::int64_t w = slots.word.load(acquire);  // acquire [slots]
                if (w >= slot_cost && (w & QueueWord::closed) == 0 && Container::reach_at_once(spot, w) &&
                    slots.word.compare_exchange_strong(w, QueueWord::drawn(w) - slot_cost, acq_rel,
                                                       acquire)) {  // acq_rel [slots]
                    return put_at_once(*pin, spot, value);
                }
                epoch_unpin(*pin);
            }
        }
        return try_put_step_by_step(value);
    }
    /// With a slot taken.
    void put(T& value) {
        const EpochPin pin;
        Spot spot = container_.spot();
        try {
            static_cast<void>(draw<false>(spot, 1));
        } catch (...) {
            give_slots_back(1);
            throw;
        }
        store(spot, value);
    }
    /// With `n` slots taken: moves in the `n` values at `from`, published together. How many are in; fewer
    /// than n: `error` says why.
    std::size_t put(T* from, std::size_t n, std::exception_ptr& error) noexcept {
        const EpochPin pin;
        Spot spot = container_.spot();
        std::optional<T> again;
        std::size_t drawn = 0;
        std::size_t pending = 0;  // drawn, and neither stored nor abandoned
        std::size_t done = 0;
        try {
            while (done < n) {
                static_cast<void>(draw<false>(spot, n - done));
                pending = n - done;
                drawn += pending;
                while (pending > 0 && container_.store(spot, again ? *again : from[done], again)) {
                    again.reset();
                    ++done;
                    --pending;
                    spot = container_.next(spot);
                    rethrow_error();
                }
                // A cell was spoilt: the items after it must not overtake its item.
                container_.abandon(spot, std::exchange(pending, 0));
            }
        } catch (...) {
            error = std::current_exception();
            container_.abandon(spot, pending);
            if (again) {
                give_back(from[done], *again);
            }
        }
        end_put<Container::numbered>(drawn, done);
        return done;
    }

    /// Without waiting. False: there is no item for us. Throws QueueShutDown if none will ever come.
    bool try_get(std::optional<T>& out) {
        if constexpr (at_once) {
            if (EpochRecord* pin = epoch_try_pin(); pin != nullptr) [[likely]] {
                Spot spot = container_.first();
                std::int64_t w = items.word.load(acquire);  // acquire [items]
                if (w >= one && (w & QueueWord::closed) == 0 && Container::reach_at_once(spot, w) &&
                    items.word.compare_exchange_strong(w, drawn_with_item(w), acq_rel,
                                                       acquire)) {  // acq_rel [items]
                    return get_at_once(*pin, spot, w, out);
                }
                epoch_unpin(*pin);
            }
        }
        return try_get_step_by_step(out);
    }
    /// Up to `wanted` items that can be had without waiting: none if there are none for us.
    std::vector<T> try_get(std::size_t wanted) {
        const EpochPin pin;
        return try_take_item() ? get(wanted) : std::vector<T>();
    }
    /// With an item's permit taken.
    void get(std::optional<T>& out) {
        const EpochPin pin;
        if (!take_out([&](auto& take) { return container_.pop(*this, take); }, out)) {
            give_items_back(1);
            throw_shut_down();
        }
    }
    /// With an item's permit taken: up to `wanted` items that can be had without waiting.
    std::vector<T> get(std::size_t wanted) {
        const EpochPin pin;
        std::size_t permits = 1;
        std::vector<T> got;
        if constexpr (!std::is_nothrow_move_constructible_v<T>) {
            wanted = 1;  // an item that cannot be moved must not take others with it
        }
        const std::size_t more = std::min(wanted - 1, static_cast<std::size_t>(size()));
        if (more > 0) {
            permits += static_cast<std::size_t>(items.try_take_up_to(static_cast<std::int64_t>(more), one));
        }
        try {
            got.reserve(permits);
        } catch (...) {
            give_items_back(permits);
            throw;
        }
        if constexpr (std::is_nothrow_move_constructible_v<T>) {
            const auto take = [&](T& stored) { got.push_back(std::move(stored)); };
            while (got.size() < permits && container_.pop(*this, take)) {
            }
            if (got.size() < permits) {
                give_items_back(permits - got.size());
            }
            if (got.empty()) {
                throw_shut_down();
            }
            give_slots_back(got.size());
        } else {
            std::optional<T> value;
            get(value);
            got.push_back(std::move(*value));
        }
        return got;
    }
    /// Destroys what is left: user destructors run here and not when the block is reclaimed.
    void clear() {
        const EpochPin pin;
        while (container_.pop(*this, [](T&) {}, true)) {
        }
    }

private:
    // The way of a put or get that meets nobody calls nothing that comes back, so that it saves no registers.
    // Where it turns out to be another way, that goes on from there.

    static constexpr bool at_once = Container::numbered && Container::nothrow;

    static std::int64_t drawn_with_item(std::int64_t w) noexcept { return QueueWord::drawn(w) - one; }

    /// With a slot taken and the number drawn.
    HEDDLE_ALWAYS_INLINE bool put_at_once(EpochRecord& pin, Spot spot, T& value) {
        if (!Container::store_at_once(spot, value)) [[unlikely]] {
            return put_late(pin, spot, value);
        }
        const std::int64_t old = items.word.fetch_add(one, acq_rel);  // acq_rel [items]
        if (old < 0 || !backoff.alone(old, old + one)) [[unlikely]] {
            return end_put_slowly(pin, old);
        }
        epoch_unpin(pin);
        return true;
    }
    HEDDLE_NOINLINE bool put_late(EpochRecord& outer, Spot spot, T& value) {
        const EpochPin pin;
        epoch_unpin(outer);
        std::optional<T> again;
        Container::take_back(spot, again);
        store_elsewhere(spot, value, again);
        end_put<true>(1, 1);
        return true;
    }
    HEDDLE_NOINLINE bool end_put_slowly(EpochRecord& outer, std::int64_t old) {
        const EpochPin pin;
        epoch_unpin(outer);
        has_given(items, old, 1);
        give_way_if_crowded(old, old + one);
        return true;
    }
    /// With an item's permit taken and its number drawn: the word was `w`.
    HEDDLE_ALWAYS_INLINE bool get_at_once(EpochRecord& pin, Spot spot, std::int64_t w,
                                          std::optional<T>& out) {
        if (!Container::take_at_once(spot, out)) [[unlikely]] {
            return get_late(pin, spot, out);
        }
        const std::int64_t old = bounded() ? slots.word.fetch_add(one, acq_rel) : 0;  // acq_rel [slots]
        if (old < 0 || !backoff.alone(w, drawn_with_item(w))) [[unlikely]] {
            return end_get_slowly(pin, old, w);
        }
        epoch_unpin(pin);
        return true;
    }
    HEDDLE_NOINLINE bool get_late(EpochRecord& outer, Spot spot, std::optional<T>& out) {
        const EpochPin pin;
        epoch_unpin(outer);
        if (take_out([&](auto& take) { return container_.take_late(*this, spot, take); }, out)) {
            return true;
        }
        give_items_back(1);  // sealed meanwhile
        return try_get_step_by_step(out);
    }
    HEDDLE_NOINLINE bool end_get_slowly(EpochRecord& outer, std::int64_t old, std::int64_t w) {
        const EpochPin pin;
        epoch_unpin(outer);
        has_given(slots, old, 1);
        give_way_if_crowded(w, drawn_with_item(w));
        return true;
    }

    HEDDLE_NOINLINE bool try_put_step_by_step(T& value) {
        const EpochPin pin;
        Spot spot = container_.spot();
        if (!draw<true>(spot, 1)) {
            return false;
        }
        store(spot, value);
        return true;
    }
    HEDDLE_NOINLINE bool try_get_step_by_step(std::optional<T>& out) {
        const EpochPin pin;
        if (!try_take_item()) {
            return false;
        }
        get(out);
        return true;
    }

    /// Draws the numbers of `n` puts, and takes a slot in the same step if asked to: false if there is none.
    /// Throws QueueShutDown, std::bad_alloc.
    template <bool WithSlot>
    HEDDLE_ALWAYS_INLINE bool draw(Spot& spot, std::size_t n) {
        const std::int64_t cost = WithSlot ? slot_cost : 0;
        Spot drawn = spot;
        std::int64_t w = slots.word.load(acquire);  // acquire [slots]
        do {
            if ((w & QueueWord::closed) != 0) [[unlikely]] {
                throw_shut_down();
            }
            if (WithSlot && w < cost) {
                return false;
            }
            drawn = container_.reach(drawn, w, n);
        } while (!slots.word.compare_exchange_weak(w, QueueWord::drawn(w, n) - cost, acq_rel,
                                                   acquire));  // acq_rel [slots]
        spot = drawn;
        return true;
    }
    /// With a slot taken and the number drawn.
    HEDDLE_ALWAYS_INLINE void store(Spot spot, T& value) {
        std::optional<T> again;
        if constexpr (Container::nothrow) {
            if (!container_.store(spot, value, again)) [[unlikely]] {
                store_elsewhere(spot, value, again);
            }
        } else {
            bool stored = false;
            try {
                stored = container_.store(spot, value, again);
            } catch (...) {
                not_stored(spot, value, again);
                throw;
            }
            if (!stored) {
                store_elsewhere(spot, value, again);
            }
        }
        end_put<Container::numbered>(1, 1);
        rethrow_error();  // the value is in: only its place may be wrong
    }
    /// Its cell was spoilt.
    HEDDLE_NOINLINE void store_elsewhere(Spot spot, T& value, std::optional<T>& again) {
        try {
            do {
                static_cast<void>(draw<false>(spot, 1));
                end_put<Container::numbered>(1, 0);  // the number before
            } while (!container_.store(spot, *again, again));
        } catch (...) {
            not_stored(spot, value, again);
            throw;
        }
    }
    void not_stored(Spot spot, T& value, std::optional<T>& again) noexcept {
        if (again) {
            give_back(value, *again);
        }
        container_.abandon(spot, 1);
        end_put<Container::numbered>(1, 0);
        give_slots_back(1);
    }
    void rethrow_error() {
        if constexpr (requires { container_.rethrow_error(); }) {
            container_.rethrow_error();
        }
    }
    /// What `pop` finds is moved to `out`.
    template <class Pop>
    HEDDLE_ALWAYS_INLINE bool take_out(Pop&& pop, std::optional<T>& out) {
        const auto take = [&](T& stored) { out.emplace(std::move(stored)); };
        if constexpr (std::is_nothrow_move_constructible_v<T>) {
            if (!pop(take)) {
                return false;
            }
        } else {
            try {
                if (!pop(take)) {
                    return false;
                }
            } catch (...) {
                give_slots_back(1);  // that item is lost to its own exception, and nothing else
                throw;
            }
        }
        give_slots_back(1);
        return true;
    }
    void drain() override {
        while (container_.pop(*this, [](T&) {}, true)) {
            dropped();
        }
    }
    Container container_;
};

}  // namespace heddle::detail
