#include "cpus.hpp"
#include <heddle/detail/sync/parker.hpp>
#include <heddle/runtime.hpp>

#include <csignal>

// asyncio.run's SIGINT: the handler counts and rings a bell, the waiting main thread does the cancelling. The
// bell also rings when the task ends, so that one futex tells of both.
//
// [bell] whoever rings has changed what the waiting thread looks at before; it looks after it has read the
// bell.

namespace heddle::detail {

namespace {

Atomic<std::uint32_t> bell{0};
Atomic<std::uint32_t> interrupts{0};
Atomic<bool> installed{false};

void ring() noexcept {
    bell.fetch_add(1, acq_rel);  // acq_rel [bell]
    futex_wake_one(&bell);
}

void on_sigint(int signal) {
    if (interrupts.fetch_add(1, acq_rel) >= 1) {  // acq_rel [bell]
        std::signal(signal, SIG_DFL);             // the second one means it
        std::raise(signal);
        return;
    }
    ring();
}

}  // namespace

SigintGuard::SigintGuard(bool wanted) noexcept {
    struct sigaction now{};
    if (!wanted || !on_main_thread() || sigaction(SIGINT, nullptr, &now) != 0 || now.sa_handler != SIG_DFL ||
        installed.exchange(true, acq_rel)) {  // acq_rel [bell]: one run() at a time has it
        return;
    }
    interrupts.store(0, release);  // release [bell]
    struct sigaction ours{};
    ours.sa_handler = &on_sigint;
    sigemptyset(&ours.sa_mask);
    active_ = sigaction(SIGINT, &ours, nullptr) == 0;
}

SigintGuard::~SigintGuard() {
    if (active_) {
        std::signal(SIGINT, SIG_DFL);
        installed.store(false, release);  // release [bell]
    }
}

void SigintGuard::join(TaskControl& main) const {
    if (!active_) {
        join_blocking(main, "run()");
        return;
    }
    struct Ring final : DoneCallback {
        void run(TaskControl& done) override {
            static_cast<void>(done);
            ring();
        }
    };
    add_done_callback(main, new Ring);
    bool passed_on = false;
    for (;;) {
        const std::uint32_t seen = bell.load(acquire);  // acquire [bell]
        if (main.done()) {
            return;
        }
        if (!passed_on && interrupts.load(acquire) != 0) {  // acquire [bell]
            passed_on = true;
            constexpr const char message[] = "SIGINT";
            cancel_control(main, message, sizeof(message) - 1);
        }
        futex_wait(&bell, seen, never);
    }
}

}  // namespace heddle::detail
