#include <heddle/heddle.hpp>

#include <chrono>
#include <cstdio>

heddle::Coro<int> twice(int x) {
    co_await heddle::sleep(std::chrono::milliseconds(10));  // both sleep at the same time
    co_return 2 * x;
}

heddle::Coro<int> sum() {
    auto both = co_await heddle::gather(twice(3), twice(4));
    auto& [a, b] = both;
    co_return a + b;
}

int main() { std::printf("%d\n", heddle::run(sum())); }
