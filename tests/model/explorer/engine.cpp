#include "engine.hpp"

#include <cxxabi.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

// The writable variables of this program, as the linker lays them out: those of the shipped sources among
// them. They are put back before each execution, so that all begin alike.
extern "C" char
    __data_start;      // NOLINT(bugprone-reserved-identifier, readability-identifier-naming): the linker's
extern "C" char _end;  // NOLINT(bugprone-reserved-identifier, readability-identifier-naming): the linker's

namespace heddle::explore {

namespace {

constexpr unsigned futile_limit = 100;  // switches between spinners, and still no change

Engine* the_engine = nullptr;

}  // namespace

Engine& engine() noexcept { return *the_engine; }

bool watching() noexcept { return the_engine != nullptr && the_engine->watching(); }
bool in_execution() noexcept { return the_engine != nullptr && the_engine->in_execution(); }
bool on_its_heap(const void* memory) noexcept {
    return the_engine != nullptr && the_engine->heap().owns(reinterpret_cast<std::uintptr_t>(memory));
}

Unwatched::Unwatched()
    : watching_(std::exchange(engine().watching_, false)),
      preparing_(std::exchange(engine().preparing_, false)) {}
Unwatched::~Unwatched() {
    engine().watching_ = watching_;
    engine().preparing_ = preparing_;
}

Engine::Engine() {
    the_engine = this;
    for (Thread& thread : threads_) {
        thread.stack = std::make_unique<char[]>(stack_size);
    }
}

void Engine::reset() {
    if (data_.empty()) {
        data_.assign(&__data_start, &_end);
    } else {
        std::memcpy(&__data_start, data_.data(), data_.size());
    }
    posted_.clear();
    memory_.clear();
    heap_.clear();
    events_.clear();
    steps_ = 0;
    changes_ = 0;
    futile_ = {};
    for (Thread& thread : threads_) {
        thread.state = State::unused;
        thread.view = View{};
        thread.token = false;
        thread.gives_way = false;
        thread.timeouts = 0;
        thread.waker = Clock{};
        thread.idle_reads = 0;
        thread.recent.fill({});
        thread.at_exit.clear();
        thread.exceptions.fill(0);
    }
    verdict_ = Verdict{};
}

Verdict Engine::execute(const Scenario& scenario, Strategy& strategy) {
    reset();
    scenario_ = &scenario;
    strategy_ = &strategy;
    current_ = 0;
    Thread& first = threads_[0];
    first.body = scenario.run;
    prepare_threads();
    begin(first, 0);
    swapcontext(&controller_, &first.context);
    watching_ = false;
    all_steps_ += steps_;
    return verdict_;
}

/// Every thread as if it had been running before: what it needs is made now, out of sight.
void Engine::prepare_threads() {
    for (current_ = max_threads; current_-- > 0;) {
        locals_.load(locals_.fresh());
        if (start_hook_ != nullptr) {
            preparing_ = true;
            start_hook_();
            preparing_ = false;
        }
        locals_.save(me().variables);  // thread 0 goes last, and on
    }
    current_ = 0;
}

void Engine::begin(Thread& thread, unsigned number) {
    thread.state = State::ready;
    thread.view.clock.at[number] = 1;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = stack_size;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, &Engine::enter, 0);
}

void Engine::enter() { engine().run_body(); }

void Engine::run_body() {
    const bool first = current_ == 0;
    try {
        watching_ = true;
        me().body();
        if (first) {
            end_all_threads();
        }
        watching_ = false;
    } catch (const std::exception& error) {
        watching_ = false;
        fail((std::string("an exception escaped: ") + error.what()).c_str());
    } catch (...) {
        watching_ = false;
        fail("an exception escaped");
    }
    me().state = State::finished;
    me().body = nullptr;
    if (first) {
        heap_.check_leaks();
        finish();
    }
    ++changes_;
    reschedule(false);
    std::abort();  // nobody comes back to a thread that has finished
}

/// Thread 0 stands in for each of them.
void Engine::end_all_threads() {
    for (unsigned t = max_threads; t-- > 1;) {
        if (threads_[t].state == State::unused) {
            continue;
        }
        swap_variables(t);
        run_thread_exit(threads_[t]);
        swap_variables(t);
    }
    if (end_hook_ != nullptr) {
        end_hook_();
    }
    run_thread_exit(me());
}

void Engine::swap_variables(unsigned t) {
    const Unwatched unwatched;
    std::vector<char> mine;
    locals_.save(mine);
    locals_.load(threads_[t].variables);
    threads_[t].variables = std::move(mine);
}

void Engine::run_thread_exit(Thread& thread) {
    while (!thread.at_exit.empty()) {
        const auto [destroy, object] = thread.at_exit.back();
        thread.at_exit.pop_back();
        destroy(object);
    }
}

void Engine::exit_thread() {
    run_thread_exit(me());
    const Unwatched unwatched;
    locals_.load(locals_.fresh());
}

void Engine::at_thread_exit(void (*destroy)(void*), void* object) {
    const Unwatched unwatched;
    me().at_exit.emplace_back(destroy, object);
}

void Engine::finish() { setcontext(&controller_); }

void Engine::parallel(const std::vector<std::function<void()>>& bodies) {
    const Unwatched unwatched;
    if (current_ != 0 || bodies.size() >= max_threads) {
        fail("parallel() is for thread 0 and fewer bodies");
    }
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        Thread& thread = threads_[i + 1];
        thread.body = bodies[i];
        begin(thread, static_cast<unsigned>(i) + 1);
        thread.view.clock.join(me().view.clock);
    }
    ++me().view.clock.at[0];
    me().state = State::joining;
    reschedule(false);
    for (unsigned t = 1; t < max_threads; ++t) {
        me().view.clock.join(threads_[t].view.clock);
    }
}

bool Engine::spinning(const Thread& thread) const {
    return thread.idle_reads >= patience && thread.stalled == changes_;
}

bool Engine::runnable(unsigned t) const {
    const Thread& thread = threads_[t];
    switch (thread.state) {
        case State::ready:
            return !thread.gives_way;
        case State::asleep:
            return thread.token;
        case State::taking:
            return !posted_.empty() || nobody_posts();
        case State::joining:
            for (unsigned other = 1; other < max_threads; ++other) {
                if (threads_[other].state != State::unused && threads_[other].state != State::finished) {
                    return false;
                }
            }
            return true;
        default:
            return false;
    }
}

void Engine::reschedule(bool current_can_run) {
    std::array<unsigned, max_threads> choices{};
    unsigned n = 0;
    const bool stay = current_can_run && !spinning(me()) && !me().gives_way;
    if (stay) {
        choices[n++] = current_;
    }
    for (unsigned t = 0; t < max_threads; ++t) {
        if (t != current_ && runnable(t) && !spinning(threads_[t])) {
            choices[n++] = t;
        }
    }
    if (!current_can_run && runnable(current_)) {
        choices[n++] = current_;
    }
    if (n == 0) {
        for (unsigned i = 1; i <= max_threads; ++i) {
            const unsigned t = (current_ + i) % max_threads;
            if (runnable(t)) {
                if (futile_.first != changes_) {
                    futile_ = {changes_, 0};
                }
                if (++futile_.second == futile_limit) {
                    fail("livelock: everybody who can run looks at memory that nobody changes");
                }
                choices[n++] = t;
                break;
            }
        }
    }
    if (n == 0) {
        std::string who = "deadlock:";
        for (unsigned t = 0; t < max_threads; ++t) {
            if (threads_[t].state == State::asleep) {
                who += " thread " + std::to_string(t) + " sleeps (" + threads_[t].why + ")";
            }
        }
        fail(who.c_str());
    }
    unsigned next = choices[0];
    if (n > 1) {
        next = choices[strategy_->schedule(choices.data(), n, stay)];
    }
    if (next != current_) {
        switch_to(next);
    }
}

void Engine::switch_to(unsigned next) {
    Thread& from = me();
    from.gives_way = false;
    Thread& to = threads_[next];
    locals_.save(from.variables);
    locals_.load(to.variables);
    // Which exceptions are being handled is a matter of the real thread otherwise.
    void* globals = abi::__cxa_get_globals();
    std::memcpy(from.exceptions.data(), globals, from.exceptions.size());
    std::memcpy(globals, to.exceptions.data(), to.exceptions.size());
    const bool watching = watching_;
    current_ = next;
    swapcontext(&from.context, &to.context);
    watching_ = watching;
}

/// Memory whose every access is seen: not what the C++ runtime and libc allocate for themselves.
bool Engine::is_ours(std::uintptr_t address) const noexcept {
    if (heap_.owns(address)) {
        return true;
    }
    if (address >= reinterpret_cast<std::uintptr_t>(&__data_start) &&
        address < reinterpret_cast<std::uintptr_t>(&_end)) {
        return true;
    }
    return std::ranges::any_of(threads_, [&](const Thread& thread) {
        return address - reinterpret_cast<std::uintptr_t>(thread.stack.get()) < stack_size;
    });
}

unsigned Engine::choose_stale(unsigned n) { return strategy_->stale(n); }

unsigned Engine::choose(unsigned n) {
    const Unwatched unwatched;
    return n > 1 ? strategy_->input(n) : 0;
}

void Engine::sleep_as(State state) {
    me().state = state;
    reschedule(false);
    me().state = State::ready;
}

void Engine::sleep(const char* why) {
    const Unwatched unwatched;
    me().why = why;
    if (!me().token) {
        sleep_as(State::asleep);
    }
    me().token = false;
    me().view.clock.join(me().waker);
}

void Engine::wake(unsigned thread, bool publishes) {
    const Unwatched unwatched;
    Thread& other = threads_[thread];
    if (other.token) {
        fail("a thread was woken twice");
    }
    other.token = true;
    other.waker = publishes ? me().view.clock : Clock{};
    ++me().view.clock.at[current_];
    ++changes_;
}

void Engine::let_others_run() { begin_step(0); }

/// A wait that ends by time may end at once, but a thread that waits so again and again does not keep the
/// others from running.
void Engine::time_passes() {
    if (++me().timeouts > 2) {
        for (unsigned t = 0; t < max_threads; ++t) {
            if (t != current_ && runnable(t) && !spinning(threads_[t])) {
                me().gives_way = true;
            }
        }
        if (me().gives_way) {
            strategy_->gave_way(current_);
        }
    }
    begin_step(0);
}

void Engine::barrier_of_all() {
    const Unwatched unwatched;
    ++me().view.clock.at[current_];
    for (const Thread& thread : threads_) {
        me().view.clock.join(thread.view.clock);
    }
    for (unsigned t = 0; t < max_threads; ++t) {
        if (threads_[t].state != State::unused) {
            threads_[t].view.clock.join(me().view.clock);
            ++threads_[t].view.clock.at[t];
        }
    }
    ++changes_;
}

void Engine::post(void* item) {
    const Unwatched unwatched;
    posted_.push_back({item, me().view.clock});
    ++me().view.clock.at[current_];
    ++changes_;
}

void* Engine::take() {
    const Unwatched unwatched;
    me().why = "for something to do";
    sleep_as(State::taking);
    if (posted_.empty()) {
        return nullptr;
    }
    const Post first = posted_.front();
    posted_.erase(posted_.begin());
    me().view.clock.join(first.clock);
    ++changes_;
    return first.item;
}

/// Whoever has not ended sleeps: what sleeps in a wait is woken by somebody who runs.
bool Engine::nobody_posts() const {
    return std::ranges::none_of(threads_, [](const Thread& thread) {
        return thread.state == State::ready || (thread.state == State::asleep && thread.token);
    });
}

void Engine::fail(const char* what, Pc pc, const char* other, Pc other_pc) {
    watching_ = false;
    verdict_.failed = true;
    verdict_.what = what;
    verdict_.places.emplace_back("thread " + std::to_string(current_), pc);
    if (other != nullptr) {
        verdict_.places.emplace_back(other, other_pc);
    }
    finish();
    std::abort();
}

void Engine::race(bool write, Pc pc, Memory::Conflict with, std::uintptr_t address) {
    static_cast<void>(address);
    const std::string other =
        std::string(with.write ? "write" : "read") + " by thread " + std::to_string(with.thread);
    fail(write ? "data race: a write" : "data race: a read", pc, other.c_str(), with.pc);
}

}  // namespace heddle::explore
