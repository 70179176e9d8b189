#include "scheduler.hpp"
#include <heddle/detail/task/worker_context.hpp>
#include <heddle/runtime.hpp>

#include <stdexcept>

namespace heddle {

namespace detail {

void require_no_worker(const char* what) {
    if (this_worker != nullptr) {
        throw std::runtime_error(std::string(what) + " cannot be called from a running event loop");
    }
}

}  // namespace detail

Runtime::Runtime(RuntimeOptions options)
    : scheduler_(std::make_unique<detail::Scheduler>(std::move(options))) {
    scheduler_->set_runtime(this);
}

Runtime::~Runtime() {
    if (scheduler_->threads_are_elsewhere()) {
        // A forked child that ends with exit() destroys our statics too: nothing here can be waited for.
        static_cast<void>(scheduler_.release());
    }
}

Runtime& Runtime::current() { return *detail::running_scheduler().runtime(); }

void Runtime::shutdown() {
    detail::require_no_worker("Runtime.shutdown()");
    scheduler_->shutdown();
}

std::vector<std::string> Runtime::shutdown_until(std::chrono::steady_clock::time_point deadline) {
    detail::require_no_worker("Runtime.shutdown()");
    return scheduler_->shutdown_until(
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count());
}

unsigned Runtime::workers() const noexcept { return scheduler_->workers(); }

}  // namespace heddle
