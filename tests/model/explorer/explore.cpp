#include "explore.hpp"

#include "engine.hpp"

namespace heddle::explore {

void parallel(std::initializer_list<std::function<void()>> bodies) {
    engine().parallel(std::vector<std::function<void()>>(bodies));
}
void parallel(const std::vector<std::function<void()>>& bodies) { engine().parallel(bodies); }
unsigned self() noexcept { return engine().self(); }
void require(bool ok, const char* what) {
    if (!ok) {
        fail(what);
    }
}
void fail(const char* what) { engine().fail(what, reinterpret_cast<Pc>(__builtin_return_address(0))); }
unsigned choose(unsigned n) { return engine().choose(n); }
void sleep(const char* why) { engine().sleep(why); }
void wake(unsigned thread, bool publishes) { engine().wake(thread, publishes); }
void let_others_run() { engine().let_others_run(); }
void time_passes() { engine().time_passes(); }
void barrier_of_all() { engine().barrier_of_all(); }
void post(void* item) { engine().post(item); }
void* take() { return engine().take(); }
void exit_thread() { engine().exit_thread(); }
void permanent(std::size_t size) { engine().heap().permanent(size); }
void at_thread_start(void (*hook)()) { engine().at_thread_start(hook); }
void at_end(void (*hook)()) { engine().at_end(hook); }

}  // namespace heddle::explore
