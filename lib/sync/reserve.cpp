#include "reserve.hpp"

#include <heddle/detail/base/assert.hpp>

#include <new>

namespace heddle::detail {

void Reserve::refill() {
    if (!fill()) {
        throw std::bad_alloc();
    }
}

bool Reserve::fill() noexcept {
    while (short_.load(relaxed)) {  // relaxed: as above
        void* block = make_();
        if (block == nullptr) {
            return false;
        }
        if (!keep(block)) {
            drop_(block);  // somebody else has filled it
        }
    }
    return true;
}

void* Reserve::take() noexcept {
    const TinyLockHold hold(lock_);
    HEDDLE_CHECK(n_ != 0, "out of memory, and what was kept for this case is used up");
    short_.store(true, relaxed);  // relaxed: a hint to fill it
    return blocks_[--n_];
}

bool Reserve::keep(void* block) noexcept {
    if (!short_.load(relaxed)) [[likely]] {  // relaxed: stale means one block more or less
        return false;
    }
    const TinyLockHold hold(lock_);
    if (n_ == size_) {
        return false;
    }
    blocks_[n_++] = block;
    if (n_ == size_) {
        short_.store(false, relaxed);  // relaxed: as above
    }
    return true;
}

}  // namespace heddle::detail
