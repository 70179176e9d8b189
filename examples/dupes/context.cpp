#include "context.hpp"

#include <utility>

namespace dupes {

heddle::Coro<std::string> note_unreadable(Context& context, std::exception_ptr error) {
    std::string path;
    std::string reason;
    try {
        std::rethrow_exception(std::move(error));
    } catch (const Unreadable& unreadable) {
        path = unreadable.path();
        reason = unreadable.what();
    }
    // A handler cannot co_await, so the lock is taken behind it.
    auto held = co_await context.lock.scoped();
    context.unreadable.try_emplace(path, std::move(reason));
    co_return path;
}

}  // namespace dupes
