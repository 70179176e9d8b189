#include "recorder.hpp"
#include "support/fixture.hpp"
#include "support/queues.hpp"
#include <heddle/priority_queue.hpp>
#include <heddle/queue.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

// Queues against QueueSpec.

namespace heddle::test {
namespace {

class QueueHistory : public OverWorkers {};
HEDDLE_OVER_WORKERS(QueueHistory);

template <class Kind>
class QueueSubject {
public:
    static constexpr auto name = Kind::name;

    explicit QueueSubject(unsigned round)
        : maxsize_(static_cast<std::ptrdiff_t>(round % 3)), queue_(Kind{}(maxsize_)) {}

    [[nodiscard]] QueueSpec spec() const {
        const auto bound = static_cast<std::size_t>(maxsize_);
        if constexpr (std::is_same_v<Kind, LifoKind>) {
            return {Order::lifo, bound};
        } else if constexpr (std::is_same_v<Kind, PriorityKind>) {
            return {Order::smallest, bound};
        } else {
            return {Order::fifo, bound};
        }
    }
    Call random_call(Jitter& jitter) const {
        Call call;
        call.what = static_cast<int>(jitter.random() % 4);
        call.arg = 1 + static_cast<int>(jitter.random() % 20);
        return call;
    }
    Coro<int> in_task(const Call& call) {
        int result = done;
        if (call.what == QueueSpec::put) {
            try {
                co_await queue_.put(call.arg);
            } catch (const QueueShutDown&) {
                result = refused;
            }
        } else if (call.what == QueueSpec::get) {
            try {
                result = co_await queue_.get();
            } catch (const QueueShutDown&) {
                result = refused;
            }
        } else {
            result = at_once(call);
        }
        co_return result;
    }
    int on_thread(const Call& call) {
        try {
            if (call.what == QueueSpec::put) {
                queue_.put_blocking(call.arg);
                return done;
            }
            return call.what == QueueSpec::get ? queue_.get_blocking() : at_once(call);
        } catch (const QueueShutDown&) {
            return refused;
        }
    }
    void let_go() { queue_.shutdown(); }

private:
    int at_once(const Call& call) {
        try {
            if (call.what == QueueSpec::put_nowait) {
                if (call.arg % 2 == 0) {
                    return queue_.try_put(call.arg) ? done : refused;
                }
                queue_.put_nowait(call.arg);
                return done;
            }
            return call.arg % 2 == 0 ? queue_.try_get().value_or(refused) : queue_.get_nowait();
        } catch (const QueueEmpty&) {
            return refused;
        } catch (const QueueFull&) {
            return refused;
        }
    }

    std::ptrdiff_t maxsize_;
    decltype(Kind{}(0)) queue_;
};

TEST_P(QueueHistory, PAR_53_queue) { run(check_histories<QueueSubject<FifoKind>>(workers())); }
TEST_P(QueueHistory, PAR_53_PAR_54_lifo_queue) { run(check_histories<QueueSubject<LifoKind>>(workers())); }
TEST_P(QueueHistory, PAR_53_PAR_54_priority_queue) {
    run(check_histories<QueueSubject<PriorityKind>>(workers()));
}

}  // namespace
}  // namespace heddle::test
