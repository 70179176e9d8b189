#include "recorder.hpp"
#include "support/fixture.hpp"
#include <heddle/event.hpp>
#include <heddle/lock.hpp>
#include <heddle/semaphore.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <type_traits>

// Lock, Semaphore and Event against their specifications.

namespace heddle::test {
namespace {

class LockHistory : public OverWorkers {};
HEDDLE_OVER_WORKERS(LockHistory);

struct LockOfOne : heddle::Lock {
    explicit LockOfOne(int permits) { EXPECT_EQ(permits, 1); }
};

template <class Primitive>
class PermitSubject {
public:
    static constexpr bool is_lock = std::is_same_v<Primitive, LockOfOne>;
    static constexpr auto name = is_lock ? "Lock" : "Semaphore";

    explicit PermitSubject(unsigned round)
        : permits_(is_lock ? 1 : static_cast<int>(round % 3)), primitive_(permits_) {}

    [[nodiscard]] PermitSpec spec() const { return {permits_, is_lock}; }
    Call random_call(Jitter& jitter) const {
        Call call;
        call.what = static_cast<int>(jitter.random() % 3);
        return call;
    }
    Coro<int> in_task(const Call& call) {
        int result = done;
        if (call.what == PermitSpec::acquire) {
            co_await primitive_.acquire();
        } else {
            result = at_once(call);
        }
        co_return result;
    }
    int on_thread(const Call& call) {
        if (call.what == PermitSpec::acquire) {
            primitive_.acquire_blocking();
            return done;
        }
        return at_once(call);
    }
    void let_go() {
        Call call;
        call.what = PermitSpec::release;
        at_once(call);
    }

private:
    int at_once(const Call& call) {
        if (call.what == PermitSpec::try_acquire) {
            return primitive_.try_acquire() ? done : refused;
        }
        try {
            primitive_.release();
        } catch (const std::runtime_error&) {
            return refused;
        }
        return done;
    }

    int permits_;
    Primitive primitive_;
};

class EventSubject {
public:
    static constexpr auto name = "Event";

    explicit EventSubject(unsigned round) { static_cast<void>(round); }

    [[nodiscard]] EventSpec spec() const { return {}; }
    Call random_call(Jitter& jitter) const {
        Call call;
        call.what = static_cast<int>(jitter.random() % 4);
        return call;
    }
    Coro<int> in_task(const Call& call) {
        int result = done;
        if (call.what == EventSpec::wait) {
            co_await event_.wait();
        } else {
            result = at_once(call);
        }
        co_return result;
    }
    int on_thread(const Call& call) {
        if (call.what == EventSpec::wait) {
            event_.wait_blocking();
            return done;
        }
        return at_once(call);
    }
    void let_go() { event_.set(); }

private:
    int at_once(const Call& call) {
        if (call.what == EventSpec::set) {
            event_.set();
        } else if (call.what == EventSpec::clear) {
            event_.clear();
        } else {
            return event_.is_set() ? 1 : 0;
        }
        return done;
    }

    Event event_;
};

TEST_P(LockHistory, PAR_53_lock) { run(check_histories<PermitSubject<LockOfOne>>(workers())); }
TEST_P(LockHistory, PAR_53_semaphore) { run(check_histories<PermitSubject<Semaphore>>(workers())); }
TEST_P(LockHistory, PAR_53_event) { run(check_histories<EventSubject>(workers())); }

}  // namespace
}  // namespace heddle::test
