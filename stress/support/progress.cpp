#include "support/progress.hpp"

#include <heddle/detail/sync/epoch.hpp>
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/slab.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace heddle::stress {

Counter& Counters::operator[](const char* name) {
    const std::lock_guard hold(lock_);
    for (std::size_t i = 0; i < used_; ++i) {
        if (std::strcmp(counters_[i].name_, name) == 0) {
            return counters_[i];
        }
    }
    counters_.at(used_).name_ = name;
    return counters_[used_++];
}

std::uint64_t Counters::sum() const noexcept {
    std::uint64_t sum = 0;
    for (const Counter& counter : counters_) {
        sum += counter.get();
    }
    return sum;
}

std::string Counters::text() const {
    const std::lock_guard hold(lock_);
    std::string text;
    for (std::size_t i = 0; i < used_; ++i) {
        text += ' ';
        text += counters_[i].name_;
        text += '=';
        text += std::to_string(counters_[i].get());
    }
    return text;
}

namespace {

using detail::TaskControl;
using detail::TaskKind;
namespace word = detail::word;

const char* kind_name(TaskKind kind) {
    switch (kind) {
        case TaskKind::task:
            return "task";
        case TaskKind::fork_child:
            return "child";
        case TaskKind::thread:
            return "thread";
        case TaskKind::future:
            return "future";
        default:
            return "other";
    }
}

bool is_task(const TaskControl& control) {
    return control.kind != TaskKind::free && control.kind != TaskKind::thread;
}

struct Dump {
    unsigned shown = 0;
    unsigned more = 0;
};

/// What can be read of a block at any time.
void print_block(TaskControl& control, void* context) {
    constexpr unsigned most = 80;
    auto& dump = *static_cast<Dump*>(context);
    const detail::ControlRef ref = detail::ref_if_alive(control);
    if (!ref || ref->done()) {
        return;
    }
    if (dump.shown == most) {
        ++dump.more;
        return;
    }
    ++dump.shown;
    constexpr std::array phases{"active", "suspended", "done", "?"};
    const std::uint64_t w = ref->word.load(detail::acquire);
    std::fprintf(stderr, "  %p %-6s %-9s seq=%llu cancels=%llu%s%s%s%s refs=%u join=%#llx scheduler=%p\n",
                 static_cast<void*>(&control), kind_name(ref->kind), phases.at(word::phase(w)),
                 static_cast<unsigned long long>(word::seq(w)),
                 static_cast<unsigned long long>(word::count(w)), (w & word::check) != 0 ? " CHECK" : "",
                 (w & word::pending) != 0 ? " PENDING" : "", (w & word::abort) != 0 ? " ABORT" : "",
                 (w & word::nocancel) != 0 ? " NOCANCEL" : "", ref->refs.load(detail::acquire),
                 static_cast<unsigned long long>(ref->join.load(detail::acquire)),
                 static_cast<void*>(ref->scheduler));
}

}  // namespace

std::size_t living_tasks() {
    std::size_t n = 0;
    detail::slab_for_each(
        [](TaskControl& control, void* count) {
            const detail::ControlRef ref = detail::ref_if_alive(control);
            *static_cast<std::size_t*>(count) += ref && is_task(*ref) ? 1U : 0U;
        },
        &n);
    return n;
}

void report_failure(const std::string& name, std::uint64_t seed, const std::string& what,
                    const Counters& counters, bool planted) {
    static std::mutex one_at_a_time;
    one_at_a_time.lock();  // never unlocked: the first failure is the one to read
    alarm(20);             // the report may itself wait for what hangs
    std::fprintf(stderr, "\nheddle_stress %s failed: %s\n  seed %llu\n ", name.c_str(), what.c_str(),
                 static_cast<unsigned long long>(seed));
    std::fprintf(stderr, "%s\n", counters.text().c_str());
    if (planted) {
        std::fflush(stderr);
        std::_Exit(1);
    }
    std::fprintf(stderr, "  retired and not freed: %lld\n  alive:\n",
                 static_cast<long long>(detail::epoch_pending()));
    Dump dump;
    detail::slab_for_each(&print_block, &dump);
    if (dump.more != 0) {
        std::fprintf(stderr, "  and %u more\n", dump.more);
    }
    std::fflush(stderr);
    std::abort();
}

Watchdog::Watchdog(std::string name, std::uint64_t seed, const Counters& counters, unsigned seconds,
                   bool planted)
    : name_(std::move(name)),
      seed_(seed),
      counters_(counters),
      period_(seconds),
      planted_(planted),
      thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard hold(lock_);
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Watchdog::watch() {
    using Clock = std::chrono::steady_clock;
    std::uint64_t seen = counters_.sum();
    auto since = Clock::now();
    std::unique_lock hold(lock_);
    while (!changed_.wait_for(hold, std::chrono::milliseconds(200), [this] { return stop_; })) {
        if (const std::uint64_t now = counters_.sum(); now != seen) {
            seen = now;
            since = Clock::now();
        } else if (Clock::now() - since > period_) {
            report_failure(name_, seed_, "no progress for " + std::to_string(period_.count()) + " s",
                           counters_, planted_);
        }
    }
}

}  // namespace heddle::stress
