#include "../seam.hpp"
#include <heddle/detail/queue/block.hpp>
#include <heddle/detail/queue/fifo.hpp>
#include <heddle/detail/queue/lifo.hpp>
#include <heddle/detail/sync/epoch.hpp>

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

// What a queue keeps its items in: everything that is pushed is popped once, in order, and with what was
// written before the push. Two cells per segment.

namespace heddle::explore {
namespace {

using detail::EpochPin;
using Item = std::unique_ptr<int>;

/// The FIFO with the words it draws its cells from, as an unbounded queue that is never waited for.
class Fifo {
    using Block = detail::QueueBlock<Item, detail::FifoContainer<Item>>;

public:
    Fifo() = default;
    Fifo(const Fifo&) = delete;
    Fifo& operator=(const Fifo&) = delete;
    ~Fifo() {
        block_.clear();
        const EpochPin pin;
        detail::epoch_retire(&block_);
    }
    void push(Item&& item) { require(block_.try_put(item), "refused"); }
    template <class Take>
    bool pop(Take&& take) {
        std::optional<Item> item;
        if (block_.try_get(item)) {
            take(*item);
        }
        return item.has_value();
    }

private:
    Block& block_ = *new Block(0);
};

template <class Container>
void push(Container& container, int value) {
    const EpochPin pin;
    container.push(std::make_unique<int>(value));
}
/// 0: empty.
template <class Container>
int pop(Container& container) {
    const EpochPin pin;
    int value = 0;
    static_cast<void>(container.pop([&](Item& item) { value = *std::exchange(item, nullptr); }));
    return value;
}

/// What was popped by whom, and what is left in the end: each of 1 … n once.
class Tally {
public:
    explicit Tally(int n) : seen_(static_cast<std::size_t>(n) + 1) {}
    void add(int value) {
        if (value != 0) {
            require(++seen_[static_cast<std::size_t>(value)] == 1, "popped twice");
        }
    }
    template <class Container>
    void finish(Container& container) {
        for (int value = pop(container); value != 0; value = pop(container)) {
            add(value);
        }
        for (std::size_t i = 1; i < seen_.size(); ++i) {
            require(seen_[i] == 1, "lost");
        }
    }

private:
    std::vector<int> seen_;
};

// A pop that finds nothing although a push had completed before it began would be a hang: queues call it only
// with a permit.
template <class Container>
void push_pop() {
    Container container;
    push(container, 1);
    std::array<int, 2> got{};
    parallel({[&] { got[0] = pop(container); },
              [&] {
                  push(container, 2);
                  got[1] = pop(container);
              }});
    require(got[0] != 0 && got[1] != 0, "an item was there");
    Tally tally(2);
    tally.add(got[0]);
    tally.add(got[1]);
    tally.finish(container);
}
const Register r1{{"fifo.push_pop", "one pops while another pushes and pops", push_pop<Fifo>, 4, 1}};
const Register r2{
    {"lifo.push_pop", "one pops while another pushes and pops", push_pop<detail::LifoContainer<Item>>, 4, 1}};

template <class Container>
void two_and_two() {
    Container container;
    push(container, 1);
    std::array<int, 3> got{};
    parallel({[&] {
                  push(container, 2);
                  push(container, 3);
              },
              [&] { push(container, 4); },
              [&] {
                  got[0] = pop(container);
                  got[1] = pop(container);
              },
              [&] { got[2] = pop(container); }});
    Tally tally(4);
    for (const int value : got) {
        tally.add(value);
    }
    tally.finish(container);
}
const Register r3{
    {"fifo.two_and_two", "two push, two pop, over a segment's border", two_and_two<Fifo>, 2, 1}};
const Register r4{{"lifo.two_and_two", "two push, two pop", two_and_two<detail::LifoContainer<Item>>, 2, 1}};

void order() {
    Fifo container;
    int last = 0;
    parallel({[&] {
                  for (int i = 1; i <= 5; ++i) {
                      push(container, i);
                  }
              },
              [&] {
                  for (int i = 0; i < 5; ++i) {
                      const int value = pop(container);
                      require(value == 0 || value == last + 1, "not in order");
                      last = value == 0 ? last : value;
                  }
              }});
    for (int value = pop(container); value != 0; value = pop(container)) {
        require(value == ++last, "not in order");
    }
    require(last == 5, "lost");
}
const Register r5{{"fifo.order", "one pushes, one pops, over three segments", order, 2, 1}};

void drain() {
    Fifo container;
    for (int i = 1; i <= 3; ++i) {
        push(container, i);
    }
    std::array<std::vector<int>, 2> got;
    const auto all = [&](std::vector<int>& mine) {
        for (int value = pop(container); value != 0; value = pop(container)) {
            mine.push_back(value);
        }
    };
    parallel({[&] { all(got[0]); }, [&] { all(got[1]); },
              [&] {
                  push(container, 4);
                  push(container, 5);
              }});
    Tally tally(5);
    for (const std::vector<int>& mine : got) {
        for (const int value : mine) {
            tally.add(value);
        }
    }
    tally.finish(container);
}
const Register r6{{"fifo.drain", "two empty it while a third one adds: spent segments go", drain, 2, 1}};

// ABA: a node that is popped, freed and pushed again under somebody who has read its successor.
void aba() {
    detail::LifoContainer<Item> container;
    push(container, 1);
    push(container, 2);
    std::array<int, 4> got{};
    parallel({[&] { got[0] = pop(container); },
              [&] {
                  got[1] = pop(container);
                  got[2] = pop(container);
                  push(container, 3);
                  got[3] = pop(container);
              }});
    Tally tally(3);
    for (const int value : got) {
        tally.add(value);
    }
    tally.finish(container);
}
const Register r7{{"lifo.aba", "one pops while another pops two and pushes", aba, 3, 1}};

}  // namespace
}  // namespace heddle::explore
