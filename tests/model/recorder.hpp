#pragma once

#include "linearizability.hpp"
#include "specs.hpp"
#include "support/parked.hpp"
#include "support/race.hpp"
#include <heddle/coro.hpp>
#include <heddle/task.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

// Records what a few tasks and threads saw that used one object at the same time.

namespace heddle::test {

/// Subject has:
///   Spec spec() const
///   Call random_call(Jitter&) const
///   Coro<int> in_task(const Call&), int on_thread(const Call&)      the result; may wait
///   void let_go()                                                   wakes somebody who waits, if anybody
///   does
template <class Subject>
class Recorder {
public:
    Recorder(Subject& subject, std::uint32_t seed) : subject_(subject) {
        Jitter random(seed);
        const std::size_t n = 3 + random.random() % 2;
        for (std::size_t i = 0; i < n; ++i) {
            auto actor = std::make_unique<Actor>(random.random());
            for (Call& call : actor->calls) {
                call = subject.random_call(random);
            }
            actor->is_thread = random.random() % 2 == 0;
            actors_.push_back(std::move(actor));
        }
    }

    /// Everybody's calls; those that still wait when nothing moves any more are pending.
    Coro<std::vector<Call>> record() {
        for (const auto& actor : actors_) {
            Actor& a = *actor;
            if (a.is_thread) {
                a.thread.emplace([this, &a] { on_thread(a); });
            } else {
                a.task = create_task(in_task(a));
            }
        }
        auto nothing_moves = [this] { return quiet(); };
        co_await until(nothing_moves);
        std::vector<Call> history;
        for (const auto& actor : actors_) {
            for (const Call& call : actor->calls) {
                if (call.begin != 0) {
                    history.push_back(call);
                }
            }
        }
        stop_ = true;
        bool ended = all_ended();
        while (!ended) {
            subject_.let_go();
            co_await yield();
            ended = all_ended();
        }
        for (const auto& actor : actors_) {
            actor->thread.reset();
        }
        co_return history;
    }

private:
    static constexpr std::size_t calls_each = 3;
    struct Actor {
        explicit Actor(std::uint32_t seed) : jitter(seed) {}
        Call calls[calls_each];  // NOLINT(modernize-avoid-c-arrays)
        Jitter jitter;
        bool is_thread = false;
        Task<void> task;
        std::optional<BlockingThread> thread;
    };

    [[nodiscard]] bool everybody_here() const { return arrived_ == actors_.size(); }

    void on_thread(Actor& actor) {
        ++arrived_;
        until_blocking([&] { return everybody_here(); });
        for (Call& call : actor.calls) {
            actor.jitter();
            if (stop_) {
                return;
            }
            call.begin = ++clock_;
            call.result = subject_.on_thread(call);
            call.end = ++clock_;
        }
    }
    Coro<void> in_task(Actor& actor) {
        auto here = [this] { return everybody_here(); };
        ++arrived_;
        co_await until(here);
        for (Call& call : actor.calls) {
            actor.jitter();
            if (stop_) {
                co_return;
            }
            call.begin = ++clock_;
            const int result = co_await subject_.in_task(call);
            call.result = result;
            call.end = ++clock_;
        }
    }

    static bool ended(const Actor& actor) {
        return actor.is_thread ? actor.thread->ended() : actor.task.done();
    }
    static bool still(const Actor& actor) {
        return ended(actor) || (actor.is_thread ? actor.thread->parked() : detail::is_parked(actor.task));
    }
    [[nodiscard]] bool all_ended() const {
        return std::all_of(actors_.begin(), actors_.end(), [](const auto& actor) { return ended(*actor); });
    }
    /// Everybody has ended or waits, and it was so at one moment: nobody returned from a call meanwhile, so
    /// nobody can have been woken behind our back.
    [[nodiscard]] bool quiet() const {
        const std::uint64_t before = clock_;
        const bool all_still =
            std::all_of(actors_.begin(), actors_.end(), [](const auto& actor) { return still(*actor); });
        return all_still && everybody_here() && clock_ == before;
    }

    Subject& subject_;
    std::vector<std::unique_ptr<Actor>> actors_;
    std::atomic<std::size_t> arrived_{0};
    std::atomic<std::uint64_t> clock_{0};
    std::atomic<bool> stop_{false};
};

inline std::string to_text(const std::vector<Call>& history) {
    std::ostringstream out;
    for (const Call& call : history) {
        out << "\n  [" << call.begin << ", " << call.end << "] call " << call.what << " of " << call.arg
            << " gave " << call.result;
    }
    return out.str();
}

/// As many random histories as a round takes; each must be explained by the specification.
template <class Subject>
Coro<void> check_histories(std::uint32_t seed) {
    std::size_t checked = 0;
    for (Rounds rounds; rounds.next();) {
        Subject subject(rounds.number());
        Recorder<Subject> recorder(subject, seed * 100003U + rounds.number());
        const std::vector<Call> history = co_await recorder.record();
        const bool right = linearizable_up_to_exchanges(subject.spec(), history);
        EXPECT_TRUE(right) << Subject::name << ", round " << rounds.number() << ":" << to_text(history);
        if (!right) {
            co_return;
        }
        checked += history.empty() ? 0U : 1U;
    }
    EXPECT_GE(checked, 20U);
}

}  // namespace heddle::test
