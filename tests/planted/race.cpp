// Two threads write one plain int with nothing between them: TSan has to say so.

#include <cstdio>
#include <thread>

namespace {
int shared_counter = 0;
}

int main() {
    std::thread other([] { ++shared_counter; });
    ++shared_counter;
    other.join();
    std::printf("the counter is %d\n", shared_counter);
}
