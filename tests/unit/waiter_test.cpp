#include "fake_waiter.hpp"
#include <heddle/detail/wait/waiter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

// Every transition of the waiter word, from every state it can be in.

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

constexpr std::uint64_t start_seq = 7;

std::uint64_t word_of(const Waiter& waiter) { return waiter.word.load(acquire); }

struct Plain : Waiter {
    explicit Plain(std::uint64_t bits = 0) { word.store((start_seq << word::seq_shift) | bits); }
};

TEST(WaiterWord, FieldsDoNotOverlap) {
    constexpr std::array fields{
        word::phase_mask, word::check, word::pending,    word::abort,
        word::nocancel,   word::moved, word::count_mask, ~std::uint64_t{0} << word::seq_shift};
    std::uint64_t seen = 0;
    for (const std::uint64_t field : fields) {
        EXPECT_EQ(seen & field, 0U);
        seen |= field;
    }
    EXPECT_EQ(word::requests, word::check | word::pending | word::abort);
}

TEST(WaiterWord, CountSaturatesInsteadOfRunningIntoSeq) {
    std::uint64_t w = start_seq << word::seq_shift;
    for (std::uint64_t i = 1; i <= word::count_max + 5; ++i) {
        w = word::add_count(w);
        EXPECT_EQ(word::count(w), std::min(i, word::count_max));
        EXPECT_EQ(word::seq(w), start_seq);
    }
    Plain waiter;
    for (std::uint64_t i = 0; i < word::count_max + 5; ++i) {
        EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded);
    }
    EXPECT_EQ(word::count(word_of(waiter)), word::count_max);
    EXPECT_EQ(word::seq(word_of(waiter)), start_seq);
    // Also when the request is the one that claims a suspension.
    waiter.word.store((start_seq << word::seq_shift) | word::count_mask | word::suspended);
    EXPECT_EQ(waiter.request_cancel(), CancelStep::claimed);
    EXPECT_EQ(word::count(word_of(waiter)), word::count_max);
    EXPECT_EQ(word::seq(word_of(waiter)), start_seq + 1);
}

TEST(WaiterPark, SuspendsAndIsClaimedOnce) {
    Plain waiter;
    EXPECT_EQ(waiter.current_seq(), start_seq);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::suspended);
    EXPECT_EQ(word::phase(word_of(waiter)), word::suspended);
    EXPECT_EQ(word_of(waiter) & word::nocancel, 0U);
    EXPECT_TRUE(waiter.claim(start_seq));
    EXPECT_EQ(word_of(waiter), (start_seq + 1) << word::seq_shift);
    EXPECT_FALSE(waiter.claim(start_seq)) << "a second wake-up";
    EXPECT_EQ(waiter.take_requests(), Woken::granted);
}

TEST(WaiterPark, AClaimBeforeParkingIsNoticed) {
    Plain waiter;
    EXPECT_FALSE(waiter.claim(start_seq)) << "not asleep: nothing to schedule";
    EXPECT_EQ(word_of(waiter), (start_seq + 1) << word::seq_shift);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::woken);
    EXPECT_EQ(word::phase(word_of(waiter)), word::active);
}

TEST(WaiterPark, AClaimGoesBeforeARequest) {
    Plain waiter;
    EXPECT_FALSE(waiter.claim(start_seq));
    EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::woken);
    EXPECT_EQ(waiter.take_requests(), Woken::cancelled) << "the request is still there for the caller";
}

TEST(WaiterPark, ARecordedRequestIsDeliveredAndKillsTheToken) {
    Plain waiter(word::pending | word::count_one);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::cancelled);
    EXPECT_EQ(word_of(waiter), ((start_seq + 1) << word::seq_shift) | word::count_one);
    EXPECT_FALSE(waiter.claim(start_seq));
    EXPECT_EQ(waiter.take_requests(), Woken::granted) << "delivered once";
}

TEST(WaiterPark, CheckIsClearedBeforeTheScopesAreLookedAt) {
    Plain waiter(word::check | word::pending | word::count_one);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::check);
    EXPECT_EQ(word_of(waiter), (start_seq << word::seq_shift) | word::pending | word::count_one)
        << "the token lives on, the request too";
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::cancelled);
}

TEST(WaiterPark, AWaitThatMustNotBeInterruptedKeepsTheRequestsForLater) {
    Plain waiter(word::check | word::pending | word::count_one);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::no), Parked::suspended);
    EXPECT_NE(word_of(waiter) & word::nocancel, 0U);
    EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded);
    EXPECT_EQ(word::phase(word_of(waiter)), word::suspended);
    EXPECT_EQ(word::seq(word_of(waiter)), start_seq);
    EXPECT_TRUE(waiter.claim(start_seq));
    EXPECT_EQ(word_of(waiter),
              ((start_seq + 1) << word::seq_shift) | word::check | word::pending | 2 * word::count_one);
    EXPECT_EQ(waiter.take_requests(), Woken::cancelled);
}

TEST(WaiterClaim, StaleTokensDoNothing) {
    Plain waiter;
    EXPECT_FALSE(waiter.claim(start_seq - 1));
    EXPECT_FALSE(waiter.claim(start_seq + 1));
    EXPECT_EQ(word_of(waiter), start_seq << word::seq_shift);
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::suspended);
    const std::uint64_t before = word_of(waiter);
    EXPECT_FALSE(waiter.claim(start_seq - 1));
    EXPECT_FALSE(waiter.claim(start_seq + 1));
    EXPECT_EQ(word_of(waiter), before);
}

TEST(WaiterClaim, ADoneWaiterIsLeftAlone) {
    Plain waiter(word::done);
    EXPECT_FALSE(waiter.claim(start_seq));
    EXPECT_EQ(word_of(waiter), (start_seq << word::seq_shift) | word::done);
}

TEST(WaiterClaim, KeepsCountAndRequests) {
    constexpr std::uint64_t kept = 3 * word::count_one | word::pending | word::abort | word::check;
    Plain waiter(kept | word::suspended | word::nocancel);
    EXPECT_TRUE(waiter.claim(start_seq));
    EXPECT_EQ(word_of(waiter), ((start_seq + 1) << word::seq_shift) | kept);
}

TEST(WaiterCancel, Active) {
    Plain waiter;
    EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded);
    EXPECT_EQ(word_of(waiter), (start_seq << word::seq_shift) | word::pending | word::count_one);
}

TEST(WaiterCancel, SuspendedIsClaimedWithoutAGrant) {
    Plain waiter;
    EXPECT_EQ(waiter.park(start_seq, Cancellable::yes), Parked::suspended);
    EXPECT_EQ(waiter.request_cancel(), CancelStep::claimed);
    EXPECT_EQ(word_of(waiter), ((start_seq + 1) << word::seq_shift) | word::abort | word::count_one);
    EXPECT_FALSE(waiter.claim(start_seq)) << "the grant has lost";
    EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded) << "awake: the next one waits its turn";
    EXPECT_EQ(waiter.take_requests(), Woken::cancelled);
    EXPECT_EQ(word_of(waiter), ((start_seq + 1) << word::seq_shift) | 2 * word::count_one);
}

TEST(WaiterCancel, DoneRefuses) {
    Plain waiter(word::done | word::count_one);
    EXPECT_EQ(waiter.request_cancel(), CancelStep::refused);
    EXPECT_EQ(word_of(waiter), (start_seq << word::seq_shift) | word::done | word::count_one);
}

TEST(WaiterRevoke, KillsATokenUnlessItWasClaimed) {
    Plain waiter(word::pending);
    EXPECT_TRUE(waiter.revoke(start_seq));
    EXPECT_EQ(word_of(waiter), ((start_seq + 1) << word::seq_shift) | word::pending);
    EXPECT_FALSE(waiter.claim(start_seq));
    EXPECT_TRUE(waiter.revoke(start_seq));
    EXPECT_EQ(word::seq(word_of(waiter)), start_seq + 1) << "already claimed: seq moves once";
}

TEST(WaiterTakeRequests, TheOldValueDecides) {
    const auto taken = [](std::uint64_t bits) {
        Plain waiter(bits | 2 * word::count_one);
        const Woken how = waiter.take_requests();
        EXPECT_EQ(word_of(waiter), (start_seq << word::seq_shift) | 2 * word::count_one);
        return how;
    };
    EXPECT_EQ(taken(0), Woken::granted);
    EXPECT_EQ(taken(word::check), Woken::check);
    EXPECT_EQ(taken(word::pending), Woken::cancelled);
    EXPECT_EQ(taken(word::abort), Woken::cancelled);
    EXPECT_EQ(taken(word::check | word::pending), Woken::cancelled);
    EXPECT_EQ(taken(word::check | word::abort), Woken::cancelled);
}

// A claim, a cancel request and a park at the same moment: the suspension is woken by exactly one of them.
TEST(WaiterRace, GrantCancelAndParkAreDecidedOnce) {
    const FakeWaiter fake;
    Waiter& waiter = fake.waiter();
    std::atomic<std::uint64_t> round{0};
    std::atomic<int> scheduled{0};
    std::atomic<int> here{0};
    std::atomic<std::uint64_t> seq{waiter.current_seq()};
    int cancels = 0;
    constexpr std::uint64_t rounds = 20'000;
    // Thread 0 parks, thread 1 grants, thread 2 cancels; a round is over when the two wakers are through.
    at_once(3, [&](std::size_t role) {
        for (std::uint64_t i = 1; i <= rounds; ++i) {
            if (role == 0) {
                seq = waiter.current_seq();
                here = 0;
                scheduled = 0;
                round = i;
                const Parked how = waiter.park(seq, Cancellable::yes);
                while (here != 2) {
                    std::this_thread::yield();
                }
                EXPECT_EQ(scheduled, how == Parked::suspended ? 1 : 0);
                EXPECT_NE(word::phase(word_of(waiter)), word::suspended);
                EXPECT_GT(waiter.current_seq(), seq.load());
                const Woken woken = waiter.take_requests();
                cancels += how == Parked::cancelled || woken == Woken::cancelled ? 1 : 0;
                EXPECT_EQ(word_of(waiter) & word::requests, 0U);
                continue;
            }
            while (round != i) {
                std::this_thread::yield();
            }
            if (role == 1 ? waiter.claim(seq) : waiter.request_cancel() == CancelStep::claimed) {
                ++scheduled;
            }
            ++here;
        }
    });
    EXPECT_EQ(cancels, static_cast<int>(rounds)) << "every round had a request, which is never lost";
}

// A token that has been moved to another queue is claimed there, and nothing else ends the wait.
TEST(Waiter, a_moved_token_can_only_be_claimed) {
    FakeWaiter fake;
    Waiter& waiter = fake.waiter();
    const WaitToken token = fake.token();
    EXPECT_EQ(fake.park(token), Parked::suspended);
    EXPECT_TRUE(waiter.move(token.seq));
    EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded);
    EXPECT_FALSE(waiter.revoke(token.seq));
    EXPECT_TRUE(waiter.claim(token.seq));
    EXPECT_TRUE(waiter.take_moved());
    EXPECT_FALSE(waiter.take_moved());
    EXPECT_EQ(waiter.take_requests(), Woken::cancelled);
}

TEST(Waiter, a_wait_that_has_ended_cannot_be_moved) {
    FakeWaiter fake;
    Waiter& waiter = fake.waiter();
    const WaitToken token = fake.token();
    EXPECT_EQ(fake.park(token), Parked::suspended);
    EXPECT_EQ(waiter.request_cancel(), CancelStep::claimed);
    EXPECT_FALSE(waiter.move(token.seq));
    EXPECT_FALSE(waiter.take_moved());
}

// Moved before its owner has parked: a request that was there already does not keep it from parking.
TEST(Waiter, a_token_moved_before_the_park_parks_in_spite_of_requests) {
    FakeWaiter fake;
    Waiter& waiter = fake.waiter();
    const WaitToken token = fake.token();
    EXPECT_EQ(waiter.request_cancel(), CancelStep::recorded);
    EXPECT_TRUE(waiter.move(token.seq));
    EXPECT_EQ(fake.park(token), Parked::suspended);
    EXPECT_TRUE(waiter.claim(token.seq));
    EXPECT_TRUE(waiter.take_moved());
}

}  // namespace
}  // namespace heddle::test
