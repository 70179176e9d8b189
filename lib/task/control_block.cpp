#include "callbacks.hpp"
#include "sync/reserve.hpp"
#include <heddle/detail/task/control_block.hpp>
#include <heddle/detail/task/extras.hpp>
#include <heddle/detail/task/schedule.hpp>
#include <heddle/error.hpp>

#include <new>
#include <string>
#include <string_view>
#include <utility>

// [extras] created by CAS, acquired by load; the completer learns from the join exchange that they matter.
// [message] handed over by exchange before the cancel request, taken by the owner when it throws.

namespace heddle::detail {

namespace {

// Extras carry the ContextVars of a forked child whose block is made when it is too late to refuse.
constinit Reserve kept_extras(
    128, []() noexcept { return ::operator new(sizeof(TaskExtras), std::nothrow); },
    [](void* block) noexcept { ::operator delete(block); });

void free_extras(TaskExtras* extras) noexcept {
    extras->~TaskExtras();
    if (!kept_extras.keep(extras)) {
        ::operator delete(extras);
    }
}

/// The task's extras, or `fresh`, which become them.
TaskExtras& give_extras(TaskControl& control, TaskExtras* fresh) noexcept {
    TaskExtras* extras = nullptr;
    if (control.extras.compare_exchange_strong(extras, fresh, acq_rel, acquire)) {  // acq_rel [extras]
        return *fresh;
    }
    free_extras(fresh);
    return *extras;
}

}  // namespace

void drop_result(TaskControl& control) noexcept {
    switch (control.outcome) {
        case Outcome::none:
            break;
        case Outcome::value:
            if (control.has_flag(TaskControl::boxed)) {
                auto* box = std::launder(static_cast<ResultBox*>(result_words(control)));
                box->destroy(box->object);
                control.flags.store(TaskControl::started, relaxed);  // relaxed: nobody else is left
            }
            break;
        case Outcome::error:
        case Outcome::cancelled:
            std::destroy_at(&stored_exception(control));
            break;
    }
    control.outcome = Outcome::none;
}

TaskControl& make_control(TaskKind kind, Scheduler* scheduler, std::uint32_t refs) {
    return init_control(slab_allocate(), kind, scheduler, refs);
}

TaskControl& init_control(TaskControl* control, TaskKind kind, Scheduler* scheduler,
                          std::uint32_t refs) noexcept {
    // relaxed: a stale waker compares seq only, and seq goes on growing over reuse
    const std::uint64_t seq = word::seq(control->word.load(relaxed)) + 1;
    control->word.store(seq << word::seq_shift, relaxed);  // relaxed: as above
    control->resume = nullptr;
    control->frame = nullptr;
    control->kind = kind;
    control->outcome = Outcome::none;
    control->flags.store(0, relaxed);  // relaxed: not shared yet
    control->marks.store(0, relaxed);  // relaxed: not shared yet
    control->join.store(0, relaxed);   // relaxed: not shared yet
    control->scheduler = scheduler;
    control->refs.store(refs, release);  // release [refs]: all_tasks() takes a reference and reads the rest
    return *control;
}

ControlRef ref_if_alive(TaskControl& control) noexcept {
    std::uint32_t n = control.refs.load(relaxed);  // relaxed: the CAS validates it
    while (n != 0) {
        if (control.refs.compare_exchange_weak(n, n + TaskControl::handle_ref, acq_rel,
                                               relaxed)) {  // acq_rel [refs]
            return ControlRef(&control);
        }
    }
    return ControlRef();
}

HEDDLE_FLATTEN void TaskControl::release_control(TaskControl& control) noexcept {
    if (control.outcome > Outcome::value || control.has_flag(boxed) ||
        control.extras.load(relaxed) != nullptr) [[unlikely]] {  // relaxed: nobody else is left
        release_more(control);
    }
    control.kind = TaskKind::free;
    slab_free(&control);
}

// Unchecked: nobody else is left to change the name.
void TaskControl::release_more(TaskControl& control) noexcept HEDDLE_UNCHECKED_LOCKING {
    TaskExtras* extras = control.extras.load(relaxed);  // relaxed: nobody else is left
    if (control.outcome == Outcome::error && (control.marks.load(relaxed) & TaskControl::retrieved) == 0)
        [[unlikely]] {  // relaxed: as above
        report_exception(control.scheduler, "Task exception was never retrieved", stored_exception(control),
                         extras != nullptr ? extras->name : std::string_view());
    }
    drop_result(control);
    if (extras != nullptr) {
        drop_callbacks_of(*extras);
        delete extras->cancel_message.load(relaxed);  // relaxed: nobody else is left
        free_extras(extras);
        control.extras.store(nullptr, relaxed);  // relaxed: nobody else is left
    }
}

TaskExtras& extras_of(TaskControl& control) {
    TaskExtras* extras = control.extras.load(acquire);  // acquire [extras]
    return extras != nullptr ? *extras : give_extras(control, new TaskExtras);
}

TaskExtras& extras_of_always(TaskControl& control) noexcept {
    TaskExtras* extras = control.extras.load(acquire);  // acquire [extras]
    if (extras != nullptr) {
        return *extras;
    }
    auto* fresh = new (std::nothrow) TaskExtras;
    return give_extras(control, fresh != nullptr ? fresh : ::new (kept_extras.take()) TaskExtras);
}

void extras_require_memory() { kept_extras.require(); }
bool extras_have_memory() noexcept { return kept_extras.fill(); }

std::exception_ptr cancelled_error(std::string message) noexcept {
    if (message.empty()) {
        return nullptr;
    }
    try {
        throw CancelledError(std::move(message));  // make_exception_ptr would copy the text
    } catch (...) {
        return std::current_exception();
    }
}

HEDDLE_ASIDE static void end_as_cancelled(TaskControl& control) noexcept {
    drop_result(control);
    store_exception(control, Outcome::cancelled, cancelled_error(take_cancel_message(control)));
}

HEDDLE_FLATTEN void complete_control(TaskControl& control) noexcept {
    std::uint64_t w = control.word.load(relaxed);  // relaxed: the CAS validates it
    for (;;) {
        const std::uint64_t next = (w & ~(word::phase_mask | word::requests)) | word::done;
        if (control.word.compare_exchange_weak(w, next, acq_rel,
                                               relaxed)) {  // acq_rel [grant]: refuses later requests
            break;
        }
    }
    if ((w & word::pending) != 0 && control.outcome == Outcome::value) [[unlikely]] {
        end_as_cancelled(control);
    }
    finish_join(control);
}

void abandon_control(TaskControl& control, std::uint32_t refs) noexcept {
    store_exception(control, Outcome::cancelled, nullptr);
    complete_control(control);
    control.drop_ref(refs);
}

/// Whoever is not in the inline cell.
HEDDLE_ASIDE static void tell_the_others(TaskControl& control) noexcept {
    TaskExtras& extras = *control.extras.load(acquire);  // acquire [extras]
    extras.joined.set();
    run_callbacks_of(control, extras);
}

HEDDLE_FLATTEN void finish_join(TaskControl& control) noexcept {
    // acq_rel [join]: publishes the result; learns of every joiner and callback
    const std::uintptr_t old = control.join.exchange(TaskControl::join_done, acq_rel);
    const std::uintptr_t joiner = old & ~TaskControl::join_flags;
    if (joiner != 0) {
        auto* who = reinterpret_cast<Waiter*>(joiner);
        if (who->claim(control.join_seq)) {
            schedule(*who);
        }
    }
    if ((old & TaskControl::join_extras) != 0) [[unlikely]] {
        tell_the_others(control);
    }
}

bool join_enqueue(TaskControl& control, WaitToken token, JoinPlace& place) {
    std::uintptr_t state = control.join.load(acquire);  // acquire [join]
    for (;;) {
        if ((state & TaskControl::join_done) != 0) {
            return false;
        }
        if ((state & ~TaskControl::join_extras) != 0) {
            break;  // occupied
        }
        // acq_rel [join]: BUSY makes us the only one who writes join_seq
        if (control.join.compare_exchange_weak(state, state | TaskControl::join_busy, acq_rel, acquire)) {
            control.join_seq = token.seq;
            state |= TaskControl::join_busy;
            place.inline_cell = true;
            for (;;) {
                const std::uintptr_t next =
                    reinterpret_cast<std::uintptr_t>(token.who) | (state & TaskControl::join_extras);
                if (control.join.compare_exchange_weak(state, next, acq_rel, acquire)) {  // acq_rel [join]
                    return true;
                }
                if ((state & TaskControl::join_done) != 0) {
                    return false;
                }
            }
        }
    }
    TaskExtras& extras = extras_of(control);
    // acq_rel [join]: either the completer sees the bit and sets the event, or we see that it is done
    if ((control.join.fetch_or(TaskControl::join_extras, acq_rel) & TaskControl::join_done) != 0) {
        return false;
    }
    place.inline_cell = false;
    return extras.joined.enqueue(token, place.place);
}

bool join_leave(TaskControl& control, const JoinPlace& place, const Waiter& who) noexcept {
    if (!place.inline_cell) {
        return control.extras.load(acquire)->joined.leave(place.place, who);  // acquire [extras]
    }
    std::uintptr_t state = control.join.load(relaxed);  // relaxed: the CAS validates it
    while ((state & ~TaskControl::join_flags) == reinterpret_cast<std::uintptr_t>(&who)) {
        // acq_rel [join]
        if (control.join.compare_exchange_weak(state, state & TaskControl::join_extras, acq_rel, acquire)) {
            return true;
        }
    }
    return false;
}

bool decide_future(TaskControl& control) noexcept {
    std::uint64_t w = control.word.load(relaxed);  // relaxed: the CAS validates it
    do {
        if (word::phase(w) == word::done) {
            return false;
        }
    } while (!control.word.compare_exchange_weak(w, w | word::done, acq_rel,
                                                 relaxed));  // acq_rel [grant]: first come
    return true;
}

namespace {

bool cancel_future(TaskControl& control) noexcept {
    if (!decide_future(control)) {
        return false;
    }
    store_exception(control, Outcome::cancelled, cancelled_error(take_cancel_message(control)));
    finish_join(control);
    return true;
}

}  // namespace

bool cancel_control(TaskControl& control, const char* message, std::size_t length) noexcept {
    if (length != 0) {
        try {
            TaskExtras& extras = extras_of(control);
            auto* text = new std::string(message, length);
            delete extras.cancel_message.exchange(text, acq_rel);  // acq_rel [message]
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): a request without its text
        }
    }
    if (control.kind == TaskKind::future) {
        return cancel_future(control);
    }
    switch (control.request_cancel()) {
        case CancelStep::refused:
            control.mark_retrieved();  // as asyncio: whoever cancels has taken note of the error
            return false;
        case CancelStep::recorded:
            return true;
        case CancelStep::claimed:
            schedule(control);
            return true;
    }
    return false;
}

int cancel_count(const TaskControl& control) noexcept {
    return static_cast<int>(word::count(control.word.load(acquire)));  // acquire [grant]
}

int uncancel_control(TaskControl& control) noexcept {
    std::uint64_t w = control.word.load(relaxed);  // relaxed: the CAS validates it
    for (;;) {
        if (word::count(w) == 0 || word::phase(w) == word::done) {
            return static_cast<int>(word::count(w));
        }
        std::uint64_t next = w - word::count_one;
        if (word::count(next) == 0) {
            next &= ~word::pending;  // withdrawn; ABORT stays: that wait has been claimed for good
        }
        if (control.word.compare_exchange_weak(w, next, acq_rel, relaxed)) {  // acq_rel [grant]
            return static_cast<int>(word::count(next));
        }
    }
}

void throw_outcome(TaskControl& control) {
    if (!control.done()) {
        throw InvalidStateError("Result is not set.");
    }
    if (control.outcome == Outcome::error) {
        control.mark_retrieved();
        std::rethrow_exception(stored_exception(control));
    }
    if (control.outcome == Outcome::cancelled) {
        if (const std::exception_ptr& error = stored_exception(control); error != nullptr) {
            std::rethrow_exception(error);
        }
    }
    throw CancelledError();
}

}  // namespace heddle::detail
