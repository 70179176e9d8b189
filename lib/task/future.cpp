#include <heddle/detail/task/join.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/error.hpp>
#include <heddle/future.hpp>

#include <stdexcept>

namespace heddle::detail {

TaskControl& make_future() {
    return make_control(TaskKind::future, current_scheduler(), TaskControl::handle_ref);
}

void begin_set(TaskControl& control) {
    if (!decide_future(control)) {
        throw InvalidStateError("invalid state");
    }
}

void set_future_error(TaskControl& control, std::exception_ptr error) {
    if (error == nullptr) {
        throw std::invalid_argument("set_exception: no exception");
    }
    begin_set(control);
    bool cancelled = false;
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError&) {
        cancelled = true;
    } catch (...) {  // NOLINT(bugprone-empty-catch): only the kind is asked for
    }
    store_exception(control, cancelled ? Outcome::cancelled : Outcome::error, std::move(error));
    finish_join(control);
}

void break_promise(TaskControl& control) noexcept {
    const bool nobody_looks = control.only_handle();
    if (decide_future(control)) {
        std::exception_ptr error;
        try {
            throw InvalidStateError("broken promise");
        } catch (...) {  // that, or std::bad_alloc
            error = std::current_exception();
        }
        store_exception(control, Outcome::error, std::move(error));
        if (nobody_looks) {
            control.mark_retrieved();  // nothing to report
        }
        finish_join(control);
    }
}

}  // namespace heddle::detail
