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

ForkDeque::ForkDeque() : shared_array_(make_array(initial_size, nullptr)) {
    use(shared_array_.load(relaxed), 0);  // relaxed: made here
}

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
    const std::int64_t top = top_.load(acquire);  // acquire [last]: slots below it are free again
    std::int64_t size = array_->size;
    while (end - top > size) {
        size *= 2;
    }
    if (size == array_->size) {
        use(array_, top);
        return;
    }
    Array* bigger = make_array(size, array_);
    const std::int64_t b = bottom_.load(relaxed);  // relaxed: owner writes
    for (std::int64_t i = top; i < b; ++i) {
        bigger->slot(i).store(array_->slot(i).load(relaxed), relaxed);  // relaxed: published by shared_array_
    }
    use(bigger, top);
    shared_array_.store(bigger, release);  // release [grow]
}

}  // namespace heddle::detail
