#include <heddle/coro.hpp>
#include <heddle/generator.hpp>

#include <cxxabi.h>

#include <typeinfo>

namespace heddle::detail {

bool caught_cancelled() noexcept {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type != nullptr && *type == typeid(CancelledError);
}

void throw_generator_running() {
    throw std::runtime_error("AsyncGenerator.next(): asynchronous generator is already running");
}
void throw_coro_reused() { throw std::runtime_error("cannot reuse already awaited coroutine"); }

}  // namespace heddle::detail
