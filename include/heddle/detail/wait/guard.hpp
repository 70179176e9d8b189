#pragma once

#include <heddle/detail/wait/inspect.hpp>
#include <heddle/detail/wait/permits.hpp>

#include <utility>

namespace heddle::detail {

/// Holds one permit of a Lock or Semaphore until the end of its scope: what `async with` binds.
template <class Primitive>
class [[nodiscard("releases at once unless it is kept in a variable")]] Guard {
public:
    Guard() noexcept = default;
    explicit Guard(Primitive& held) noexcept : held_(&held) {}
    Guard(Guard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
    // NOLINTNEXTLINE(performance-noexcept-move-constructor): release() throws if somebody else has released
    Guard& operator=(Guard&& other) {
        if (this != &other) {
            release();
            held_ = std::exchange(other.held_, nullptr);
        }
        return *this;
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { release(); }

    /// Releases now; a second call does nothing.
    void release() {
        if (held_ != nullptr) {
            std::exchange(held_, nullptr)->release();
        }
    }
    /// False after release(), or once moved from.
    [[nodiscard]] bool owns() const noexcept { return held_ != nullptr; }
    /// owns().
    explicit operator bool() const noexcept { return owns(); }

private:
    Primitive* held_ = nullptr;
};

/// co_await gives the guard.
template <class Primitive>
class [[nodiscard("does nothing until it is co_awaited")]] ScopedAwaiter : public PermitAwaiter {
public:
    ScopedAwaiter(Primitive& primitive, Permits& permits, bool only_one = false) noexcept
        : PermitAwaiter(permits, 1, only_one), primitive_(primitive) {}
    Guard<Primitive> await_resume() {
        PermitAwaiter::await_resume();
        return Guard<Primitive>(primitive_);
    }

private:
    Primitive& primitive_;
};

}  // namespace heddle::detail
