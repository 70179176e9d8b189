#include "cost.hpp"

#include <coroutine>
#include <cstdint>
#include <cstdlib>

namespace machine {

namespace {

/// A coroutine that somebody resumes and destroys.
struct Loop {
    struct promise_type {
        Loop get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
    std::coroutine_handle<promise_type> handle;
};

std::uint64_t counter;

Loop forever() {
    for (;;) {
        ++counter;
        co_await std::suspend_always{};
    }
}

struct Transfer {
    std::coroutine_handle<>* to;
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept { return *to; }
    void await_resume() noexcept {}
};

Loop pass_on(std::coroutine_handle<>* other, long n) {
    for (long i = 0; i < n; ++i) {
        ++counter;
        co_await Transfer{other};
    }
}

/// The least that an awaitable coroutine can be.
struct Lazy {
    struct promise_type {
        std::coroutine_handle<> caller;
        int value = 0;

        struct Return {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
                return self.promise().caller;
            }
            void await_resume() noexcept {}
        };
        Lazy get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        Return final_suspend() noexcept { return {}; }
        void return_value(int x) { value = x; }
        void unhandled_exception() {}
    };
    std::coroutine_handle<promise_type> handle;

    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
        handle.promise().caller = caller;
        return handle;
    }
    int await_resume() {
        const int value = handle.promise().value;
        handle.destroy();
        return value;
    }
};

[[gnu::noinline]] Lazy next_to(int x) { co_return x + 1; }

Loop call_often(long n) {
    std::uint64_t sum = 0;
    for (long i = 0; i < n; ++i) {
        sum += static_cast<std::uint64_t>(co_await next_to(static_cast<int>(i)));
    }
    counter = sum;
}

}  // namespace

void coroutines() {
    constexpr long n = 20'000'000;
    cost("coroutine: resume and suspend", n, [](long ops) {
        const Loop loop = forever();
        const std::coroutine_handle<> handle = loop.handle;
        for (long i = 0; i < ops; ++i) {
            keep(&handle);
            handle.resume();
        }
        handle.destroy();
    });
    cost("coroutine: one symmetric transfer", 2 * n, [](long ops) {
        std::coroutine_handle<> a;
        std::coroutine_handle<> b;
        const Loop one = pass_on(&b, ops / 2);
        const Loop two = pass_on(&a, ops / 2 + 1);
        a = one.handle;
        b = two.handle;
        a.resume();
        a.destroy();
        b.destroy();
    });
    cost("coroutine: create, await, destroy (malloc)", n, [](long ops) {
        const Loop loop = call_often(ops);
        loop.handle.resume();
        loop.handle.destroy();
    });
    cost("malloc(96) and free", n, [](long ops) {
        for (long i = 0; i < ops; ++i) {
            void* p = std::malloc(96);
            keep(p);
            std::free(p);
        }
    });
}

}  // namespace machine
