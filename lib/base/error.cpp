#include <heddle/error.hpp>

namespace heddle {

namespace {

std::string with_count(const std::string& message, std::size_t n) {
    return message + " (" + std::to_string(n) + (n == 1 ? " sub-exception)" : " sub-exceptions)");
}

}  // namespace

ExceptionGroup::ExceptionGroup(const std::string& message, std::vector<std::exception_ptr> exceptions)
    : std::runtime_error(with_count(message, exceptions.size())),
      message_(message),
      exceptions_(std::move(exceptions)) {}

}  // namespace heddle
