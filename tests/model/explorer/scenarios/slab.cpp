#include "../seam.hpp"
#include <heddle/detail/task/slab.hpp>

#include <array>

// Control blocks: three to a slab here, so that what one thread frees and another one takes travels over the
// stack of batches. A block has one owner at a time.

namespace heddle::explore {
namespace {

using detail::TaskControl;

TaskControl* taken() {
    TaskControl* block = detail::slab_allocate();
    require(block->resume == nullptr || block->resume != block, "two own the same block");
    block->resume = block;  // plain: a race if two own it
    return block;
}
void given(TaskControl* block) {
    require(block->resume == block, "somebody else wrote to it");
    block->resume = nullptr;
    detail::slab_free(block);
}

template <std::size_t N>
void take_and_give() {
    std::array<TaskControl*, N> mine{};
    for (TaskControl*& block : mine) {
        block = taken();
    }
    for (TaskControl* block : mine) {
        given(block);
    }
}

void surplus() {
    parallel({[] { take_and_give<7>(); }, [] { take_and_give<4>(); }});
}
const Register r1{
    {"slab.surplus", "one frees more than it keeps, another one needs more than it has", surplus, 2, 1}};

void three() {
    parallel({[] { take_and_give<7>(); },
              [] {
                  take_and_give<7>();
                  take_and_give<2>();
              },
              [] { take_and_give<5>(); }});
}
const Register r2{{"slab.three", "three exchange blocks", three, 2, 0}};

void handed_over() {
    std::array<TaskControl*, 4> blocks{};
    for (TaskControl*& block : blocks) {
        block = taken();
    }
    parallel({[&] {
                  given(blocks[0]);
                  given(blocks[1]);
                  exit_thread();
              },
              [&] {
                  given(blocks[2]);
                  given(blocks[3]);
                  exit_thread();
              },
              [] { take_and_give<5>(); }});
}
const Register r3{{"slab.exit", "threads end with blocks that others have made; a third one takes them",
                   handed_over, 2, 1}};

}  // namespace
}  // namespace heddle::explore
