// Reads a freed block: ASan has to say so.

#include <cstdio>
#include <memory>

int main() {
    auto owner = std::make_unique<int>(1);
    const volatile int* stale = owner.get();
    owner.reset();
    std::printf("the value is %d\n", *stale);
}
