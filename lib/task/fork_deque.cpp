#include <heddle/detail/task/fork_deque.hpp>

namespace heddle::detail {

#ifndef HEDDLE_FORK_SLOTS
#define HEDDLE_FORK_SLOTS 256
#endif

namespace {
constexpr std::int64_t initial_size = HEDDLE_FORK_SLOTS;
}

ForkDeque::Array* ForkDeque::make_array(std::int64_t size, Array* older) {
    return new Array{size, older, new Atomic<ForkChild*>[static_cast<std::size_t>(size)] {}};
}

ForkDeque::ForkDeque() : array_(make_array(initial_size, nullptr)), shared_array_(array_) {}

ForkDeque::~ForkDeque() {
    while (array_ != nullptr) {
        Array* older = array_->older;
        delete[] array_->slots;
        delete array_;
        array_ = older;
    }
}

/// So that all indices below `end` have a slot.
void ForkDeque::make_room(std::int64_t end) {
    top_cache_ = top_.load(acquire);  // acquire [last]: slots below it are free again
    std::int64_t size = array_->size;
    while (end - top_cache_ > size) {
        size *= 2;
    }
    if (size == array_->size) {
        return;
    }
    Array* bigger = make_array(size, array_);
    const std::int64_t b = bottom_.load(relaxed);  // relaxed: owner writes
    for (std::int64_t i = top_cache_; i < b; ++i) {
        bigger->slot(i).store(array_->slot(i).load(relaxed), relaxed);  // relaxed: published by shared_array_
    }
    array_ = bigger;
    shared_array_.store(bigger, release);  // release [grow]
}

}  // namespace heddle::detail
