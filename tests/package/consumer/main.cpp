// The smallest program of a user: returns 0 when a coroutine ran on the pool and gave its value back.

#include <heddle/heddle.hpp>

#include <cstdio>

namespace {

heddle::Coro<int> answer() {
    const int half = 21;
    co_await heddle::yield();
    co_return 2 * half;
}

heddle::Coro<int> ask() {
    heddle::Task<int> task = heddle::create_task(answer());
    const int value = co_await task;
    co_return value;
}

}  // namespace

int main() {
    const int value = heddle::run(ask());
    std::printf("the answer is %d\n", value);
    return value == 42 ? 0 : 1;
}
