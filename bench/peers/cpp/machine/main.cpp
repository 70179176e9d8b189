// `machine`: no runtime at all; the costs that bound what any runtime can reach here.

#include "cost.hpp"

int main() {
    machine::bind_to(0);
    machine::coroutines();
    machine::atomics();
    machine::system_calls();
    machine::across_cores();
    machine::wake_ups();
}
