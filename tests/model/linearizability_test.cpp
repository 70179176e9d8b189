#include "linearizability.hpp"

#include "specs.hpp"

#include <gtest/gtest.h>

#include <vector>

// The checker itself: it must tell right histories from wrong ones.

namespace heddle::test {
namespace {

using Q = QueueSpec;
using History = std::vector<Call>;

constexpr Q fifo{Order::fifo, 0};
constexpr Q lifo{Order::lifo, 0};
constexpr Q smallest{Order::smallest, 0};
constexpr Q fifo_of_one{Order::fifo, 1};

TEST(Linearizability, calls_one_after_the_other) {
    EXPECT_TRUE(linearizable(fifo, History{}));
    const History in_order{
        {Q::put, 1, 0, 1, 2}, {Q::put, 2, 0, 3, 4}, {Q::get, 0, 1, 5, 6}, {Q::get, 0, 2, 7, 8}};
    EXPECT_TRUE(linearizable(fifo, in_order));
    EXPECT_TRUE(linearizable(smallest, in_order));
    EXPECT_FALSE(linearizable(lifo, in_order));
    const History reversed{
        {Q::put, 1, 0, 1, 2}, {Q::put, 2, 0, 3, 4}, {Q::get, 0, 2, 5, 6}, {Q::get, 0, 1, 7, 8}};
    EXPECT_FALSE(linearizable(fifo, reversed));
    EXPECT_FALSE(linearizable(smallest, reversed));
    EXPECT_TRUE(linearizable(lifo, reversed));
}

TEST(Linearizability, calls_at_the_same_time_may_take_either_order) {
    const History both{
        {Q::put, 1, 0, 1, 4}, {Q::put, 2, 0, 2, 3}, {Q::get, 0, 2, 5, 6}, {Q::get, 0, 1, 7, 8}};
    EXPECT_TRUE(linearizable(fifo, both));
    EXPECT_TRUE(
        linearizable(lifo, History{{Q::put, 1, 0, 1, 2}, {Q::put, 2, 0, 3, 6}, {Q::get, 0, 1, 4, 5}}));
}

TEST(Linearizability, lost_doubled_and_invented_items) {
    EXPECT_FALSE(linearizable(fifo, History{{Q::put, 1, 0, 1, 2}, {Q::get_nowait, 0, refused, 3, 4}}));
    EXPECT_FALSE(
        linearizable(fifo, History{{Q::put, 1, 0, 1, 2}, {Q::get, 0, 1, 3, 6}, {Q::get, 0, 1, 4, 5}}));
    EXPECT_FALSE(linearizable(fifo, History{{Q::get, 0, 1, 1, 2}, {Q::put, 1, 0, 3, 4}}));
    EXPECT_FALSE(linearizable(fifo, History{{Q::put, 1, 0, 1, 2}, {Q::get, 0, 3, 3, 4}}));
}

TEST(Linearizability, bounds) {
    EXPECT_FALSE(linearizable(fifo_of_one, History{{Q::put, 1, 0, 1, 2}, {Q::put, 2, 0, 3, 4}}));
    EXPECT_TRUE(linearizable(fifo_of_one, History{{Q::put, 1, 0, 1, 2}, {Q::put_nowait, 2, refused, 3, 4}}));
    EXPECT_FALSE(linearizable(fifo_of_one, History{{Q::put_nowait, 2, refused, 1, 2}}));
}

TEST(Linearizability, a_try_may_fail_only_beside_another_call) {
    EXPECT_TRUE(linearizable(fifo, History{{Q::put, 1, 0, 1, 2},
                                           {Q::put, 2, 0, 3, 4},
                                           {Q::get, 0, 1, 5, 8},
                                           {Q::get_nowait, 0, refused, 6, 7}}));
    EXPECT_FALSE(linearizable(fifo, History{{Q::put, 1, 0, 1, 2},
                                            {Q::put, 2, 0, 3, 4},
                                            {Q::get, 0, 1, 5, 6},
                                            {Q::get_nowait, 0, refused, 7, 8}}));
}

TEST(Linearizability, a_call_that_has_not_returned_must_have_to_wait) {
    EXPECT_TRUE(linearizable(fifo, History{{Q::get, 0, 0, 1, 0}}));
    EXPECT_FALSE(linearizable(fifo, History{{Q::get, 0, 0, 1, 0}, {Q::put, 1, 0, 2, 3}}));
    EXPECT_TRUE(linearizable(fifo_of_one, History{{Q::put, 1, 0, 1, 2}, {Q::put, 2, 0, 3, 0}}));
    EXPECT_FALSE(linearizable(fifo_of_one, History{{Q::put, 2, 0, 3, 0}}));
}

TEST(Linearizability, permits) {
    using P = PermitSpec;
    const P lock{1, true};
    EXPECT_TRUE(linearizable(lock, History{{P::acquire, 0, 0, 1, 2}, {P::try_acquire, 0, refused, 3, 4}}));
    EXPECT_FALSE(linearizable(lock, History{{P::acquire, 0, 0, 1, 2}, {P::try_acquire, 0, done, 3, 4}}));
    EXPECT_FALSE(linearizable(lock, History{{P::try_acquire, 0, refused, 1, 2}}));
    EXPECT_FALSE(linearizable(lock, History{{P::release, 0, done, 1, 2}}));
    EXPECT_TRUE(linearizable(lock, History{{P::release, 0, refused, 1, 2}}));
    EXPECT_TRUE(linearizable(P{1, false}, History{{P::release, 0, done, 1, 2}}));
    EXPECT_FALSE(linearizable(P{1, false}, History{{P::acquire, 0, 0, 1, 0}}));
}

TEST(Linearizability, acquires_that_overlap_may_exchange_their_ends) {
    using P = PermitSpec;
    const P lock{1, true};
    // As it was seen: the acquire of 6 has counted but not queued, the one of 22 gets what was meant for it.
    const History seen{{P::acquire, 0, done, 1, 2},          {P::release, 0, done, 4, 5},
                       {P::acquire, 0, done, 6, 0},          {P::try_acquire, 0, done, 3, 7},
                       {P::try_acquire, 0, refused, 8, 9},   {P::release, 0, done, 10, 11},
                       {P::acquire, 0, done, 12, 13},        {P::release, 0, done, 14, 15},
                       {P::release, 0, done, 16, 17},        {P::try_acquire, 0, done, 18, 19},
                       {P::try_acquire, 0, refused, 20, 21}, {P::acquire, 0, done, 22, 23}};
    EXPECT_FALSE(linearizable(lock, seen));
    EXPECT_TRUE(linearizable_up_to_exchanges(lock, seen));
    History no_waiter = seen;
    no_waiter.erase(no_waiter.begin() + 2);
    EXPECT_FALSE(linearizable_up_to_exchanges(lock, no_waiter));
}

TEST(Linearizability, events) {
    using E = EventSpec;
    EXPECT_TRUE(
        linearizable(E{}, History{{E::wait, 0, 0, 1, 6}, {E::set, 0, 0, 2, 3}, {E::clear, 0, 0, 4, 5}}));
    EXPECT_FALSE(
        linearizable(E{}, History{{E::set, 0, 0, 1, 2}, {E::clear, 0, 0, 3, 4}, {E::wait, 0, 0, 5, 6}}));
    EXPECT_FALSE(linearizable(E{}, History{{E::set, 0, 0, 1, 2}, {E::is_set, 0, 0, 3, 4}}));
    EXPECT_FALSE(linearizable(E{}, History{{E::wait, 0, 0, 1, 0}, {E::set, 0, 0, 2, 3}}));
}

}  // namespace
}  // namespace heddle::test
