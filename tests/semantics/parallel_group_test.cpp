#include "support/ending.hpp"
#include "support/fixture.hpp"
#include "support/parked.hpp"
#include "support/probe.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/runtime.hpp>
#include <heddle/task.hpp>
#include <heddle/task_group.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

// Task groups whose children end, fail, multiply and are cancelled on all workers at once.

namespace heddle::test {
namespace {

class ParallelGroup : public OverWorkers {
protected:
    /// Ends when `go` is set: with the error, if there is a text.
    static Coro<void> at(std::atomic<bool>& go, unsigned seed, std::string error) {
        Jitter jitter(seed);
        auto is_open = [&] { return go.load(); };
        co_await until(is_open);
        jitter();
        if (!error.empty()) {
            throw Boom(error);
        }
    }
};
HEDDLE_OVER_WORKERS(ParallelGroup);

/// The request count of the running task is back at `count`, and its next suspension says so.
Coro<void> expect_count(int count) {
    const std::string next = co_await ending(yield());
    EXPECT_EQ(next, "value");
    EXPECT_EQ(current_task().cancelling(), count);
}

TEST_P(ParallelGroup, PAR_39_the_group_dies_while_its_last_child_completes) {
    // What goes wrong here is seen by the sanitizers: the group is in a frame that goes at once.
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::atomic<int> ended{0};
            auto scope = [&]() -> Coro<int> {
                auto body = [&](TaskGroup& group) -> Coro<int> {
                    for (unsigned i = 0; i < 3; ++i) {
                        group.create_task(at(go, rounds.number() + i, ""));
                    }
                    go = true;
                    co_return 1;
                };
                const int value = co_await task_group(body);
                ended += value;
                co_return value;
            };
            const Task<int> one = create_task(scope());
            const Task<int> two = create_task(scope());
            co_await settle(one, two);
            EXPECT_EQ(ended, 2);
        }
    });
}

TEST_P(ParallelGroup, PAR_85_children_create_children_while_the_parent_is_at_the_exit) {
    struct Tree {
        TaskGroup* group = nullptr;
        std::atomic<int> created{1};
        std::atomic<int> ended{0};
        static Coro<void> node(Tree& tree, int depth) {
            const int children = depth == 0 ? 0 : 3;
            for (int i = 0; i < children; ++i) {
                ++tree.created;
                tree.group->create_task(node(tree, depth - 1));
                if (i == 1) {
                    co_await yield();
                }
            }
            ++tree.ended;
        }
    };
    run([&]() -> Coro<void> {
        for (int round = 0; round < 20; ++round) {
            Tree tree;
            auto body = [&](TaskGroup& group) -> Coro<void> {
                tree.group = &group;
                group.create_task(Tree::node(tree, 5));
                co_return;
            };
            co_await task_group(body);
            EXPECT_EQ(tree.created, 1 + 3 + 9 + 27 + 81 + 243);
            EXPECT_EQ(tree.ended, tree.created.load());
        }
    });
}

TEST_P(ParallelGroup, PAR_86_two_children_fail_at_once) {
    Event never;
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            int cancels = 0;
            const bool in_body = rounds.number() % 2 == 0;
            auto body = [&](TaskGroup& group) -> Coro<void> {
                group.create_task(at(go, rounds.number(), "a"));
                group.create_task(at(go, rounds.number() + 7, "b"));
                go = true;
                if (in_body) {
                    try {
                        co_await never.wait();
                    } catch (const CancelledError&) {
                        ++cancels;
                        EXPECT_EQ(current_task().cancelling(), 1) << "by the group, once";
                        throw;
                    }
                }
            };
            // The second either failed as well or was cancelled before it could.
            const std::string how = co_await ending(task_group(body));
            EXPECT_TRUE(how == "group[a, b]" || how == "group[b, a]" || how == "group[a]" ||
                        how == "group[b]")
                << how;
            EXPECT_EQ(cancels, in_body ? 1 : 0);
            co_await expect_count(0);
        }
    });
    EXPECT_EQ(waiters(never), 0U);
}

TEST_P(ParallelGroup, PAR_86_of_errors_that_were_thrown_none_is_missed) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<unsigned> met{0};
            std::atomic<int> thrown{0};
            // Fails without another suspension once both have met, so a cancellation comes too late.
            auto fails = [&]() -> Coro<void> {
                co_await yield();
                ++met;
                if (workers() > 1) {
                    until_blocking([&] { return met == 2; });
                }
                ++thrown;
                throw Boom("x");
            };
            auto body = [&](TaskGroup& group) -> Coro<void> {
                group.create_task(fails());
                group.create_task(fails());
                co_return;
            };
            const std::string how = co_await ending(task_group(body));
            EXPECT_EQ(how, thrown == 2 ? "group[x, x]" : "group[x]");
            if (workers() > 1) {
                EXPECT_EQ(thrown, 2);
            }
            co_await expect_count(0);
        }
    });
}

TEST_P(ParallelGroup, PAR_87_a_child_fails_while_an_outsider_cancels_the_parent) {
    Event never;
    run([&]() -> Coro<void> {
        Racers racers(2);
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::string how;
            std::string next;
            int count = -1;
            const bool in_body = rounds.number() % 4 < 2;
            auto parent = [&]() -> Coro<void> {
                auto body = [&](TaskGroup& group) -> Coro<void> {
                    group.create_task(at(go, rounds.number(), "child"));
                    if (in_body) {
                        co_await never.wait();
                    }
                };
                how = co_await ending(task_group(body));
                count = current_task().cancelling();
                next = co_await ending(yield());
            };
            const Task<void> task = create_task(parent());
            co_await yield();
            bool accepted = false;
            auto fail = [&] { go = true; };
            auto cancel = [&] { accepted = task.cancel(); };
            co_await racers.at_once(fail, cancel);
            co_await settle(task);
            if (how.empty()) {
                EXPECT_TRUE(task.cancelled()) << "before its first step";
                continue;
            }
            EXPECT_TRUE(how == "group[child]" || how == "CancelledError") << how;
            EXPECT_TRUE(count == 0 || count == 1) << count;
            EXPECT_TRUE(accepted || count == 0);
            if (how == "CancelledError") {
                EXPECT_EQ(count, 1);
                EXPECT_EQ(next, "value") << "delivered already";
            } else if (count == 1) {
                EXPECT_EQ(next, "CancelledError") << "not delivered yet, so at the next suspension";
            } else if (accepted) {
                // The request came after the scope.
                EXPECT_TRUE(next == "CancelledError" || task.cancelling() == 1);
            }
        }
    });
}

TEST_P(ParallelGroup, PAR_88_a_child_fails_just_as_the_body_ends) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            auto body = [&](TaskGroup& group) -> Coro<int> {
                Jitter jitter(rounds.number() + 3);
                group.create_task(at(go, rounds.number(), "child"));
                co_await yield();
                go = true;
                jitter();
                co_return 5;
            };
            const std::string how = co_await ending(task_group(body));
            EXPECT_EQ(how, "group[child]");
            co_await expect_count(0);
        }
    });
}

TEST_P(ParallelGroup, PAR_89_create_task_against_the_abort) {
    Event never;
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::atomic<int> refused{0};
            ProbeCounts counts;
            auto hangs = [&](Probe given) -> Coro<int> {
                co_await never.wait();
                co_return given.value();
            };
            // Creates children until it is refused or cancelled, each of which only a cancellation ends.
            auto creates = [&](TaskGroup& group) -> Coro<void> {
                try {
                    for (;;) {
                        group.create_task(hangs(Probe(counts, 1)));
                        co_await yield();
                    }
                } catch (const std::runtime_error&) {
                    ++refused;
                }
            };
            auto body = [&](TaskGroup& group) -> Coro<void> {
                group.create_task(creates(group));
                group.create_task(creates(group));
                group.create_task(at(go, rounds.number(), "child"));
                co_await yield();
                go = true;
            };
            const std::string how = co_await ending(task_group(body));
            EXPECT_EQ(how, "group[child]");
            EXPECT_EQ(counts.alive, 0) << "a child was missed, or a refused coroutine kept";
            EXPECT_EQ(waiters(never), 0U);
            EXPECT_LE(refused, 2);
            co_await expect_count(0);
        }
    });
}

TEST_P(ParallelGroup, PAR_90_the_abort_against_a_child_that_completes) {
    run([&]() -> Coro<void> {
        for (Rounds rounds; rounds.next();) {
            std::atomic<bool> go{false};
            std::atomic<int> ended{0};
            std::atomic<int> thrown{0};
            Task<int> value;
            auto gives = [&](unsigned seed) -> Coro<int> {
                co_await at(go, seed, "");
                ++ended;
                co_return 4;
            };
            auto fails_too = [&](unsigned seed) -> Coro<void> {
                try {
                    co_await at(go, seed, "late");
                } catch (const Boom&) {
                    ++thrown;
                    throw;
                }
            };
            auto body = [&](TaskGroup& group) -> Coro<void> {
                group.create_task(at(go, rounds.number(), "child"));
                value = group.create_task(gives(rounds.number() + 1));
                group.create_task(fails_too(rounds.number() + 2));
                go = true;
                co_return;
            };
            const std::string how = co_await ending(task_group(body));
            const std::string one = how.find("child") != std::string::npos ? "child" : "";
            const std::string other = thrown == 1 ? "late" : "";
            if (one.empty()) {
                EXPECT_EQ(how, "group[late]");
            } else if (other.empty()) {
                EXPECT_EQ(how, "group[child]");
            } else {
                EXPECT_TRUE(how == "group[child, late]" || how == "group[late, child]") << how;
            }
            EXPECT_TRUE(value.done());
            EXPECT_EQ(ending_of(value) == "value", ended == 1 && !value.cancelled());
            co_await expect_count(0);
        }
    });
}

}  // namespace
}  // namespace heddle::test
