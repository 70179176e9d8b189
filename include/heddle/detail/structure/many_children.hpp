#pragma once

#include <heddle/detail/structure/scope.hpp>
#include <heddle/detail/task/frame_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>

namespace heddle::detail {

/// Children of one type, any number, with the frames of their coroutines, in a block from the pool of frames.
/// They may be moved, all together, and more of them added, until they are bound to their scope.
template <class T>
class ManyChildren {
public:
    ManyChildren() noexcept = default;
    ManyChildren(ManyChildren&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)),
          n_(std::exchange(other.n_, 0)),
          room_(std::exchange(other.room_, 0)) {}
    ManyChildren& operator=(ManyChildren&&) = delete;
    ManyChildren(const ManyChildren&) = delete;
    ManyChildren& operator=(const ManyChildren&) = delete;
    ~ManyChildren() {
        for (ForkChild& child : all()) {
            if (child.frame != nullptr) {
                destroy_frame(child);
            }
        }
        free_block(first_, room_);
    }

    [[nodiscard]] bool empty() const noexcept { return n_ == 0; }
    [[nodiscard]] std::span<ForkChild> all() const noexcept { return {first_, n_}; }

    /// Throws std::bad_alloc, std::length_error.
    void reserve(std::size_t room) {
        if (room <= room_) {
            return;
        }
        if (room >= ForkScope::count_mask) {
            throw std::length_error("too many children");
        }
        auto* block = static_cast<ForkChild*>(frame_pool::allocate(room * sizeof(ForkChild)));
        for (std::size_t i = 0; i < n_; ++i) {
            std::construct_at(block + i)->frame = first_[i].frame;
        }
        free_block(std::exchange(first_, block), std::exchange(room_, room));
    }
    /// The same. What is set in the child before the next one is added may be lost.
    ForkChild& push_back(Coro<T> coro) {
        if (n_ == room_) [[unlikely]] {
            constexpr std::size_t most = ForkScope::count_mask - 1;
            reserve(n_ < most ? std::clamp<std::size_t>(2 * n_, 4, most) : n_ + 1);
        }
        ForkChild& child = *std::construct_at(first_ + n_);
        child.frame = CoroAccess::release(coro).address();
        ++n_;
        return child;
    }
    /// Throws std::runtime_error if one of the coroutines has been awaited before.
    void bind(ForkScope& scope) {
        for (ForkChild& child : all()) {
            bind_child<T>(scope, child);
        }
    }

protected:
    /// Where they will be when `room` of them have been added.
    explicit ManyChildren(std::size_t room) { reserve(room); }
    [[nodiscard]] std::span<ForkChild> places() const noexcept { return {first_, room_}; }

private:
    static void free_block(ForkChild* block, std::size_t room) noexcept {
        if (block != nullptr) {
            frame_pool::deallocate(block, room * sizeof(ForkChild));
        }
    }

    ForkChild* first_ = nullptr;
    std::size_t n_ = 0;
    std::size_t room_ = 0;
};

}  // namespace heddle::detail
