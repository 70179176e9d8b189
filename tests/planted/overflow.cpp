// Adds one to the largest int: UBSan has to say so.

#include <cstdio>
#include <limits>

int main() {
    const volatile int most = std::numeric_limits<int>::max();
    std::printf("the sum is %d\n", most + 1);
}
