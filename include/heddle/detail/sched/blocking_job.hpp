#pragma once

#include <memory>

namespace heddle::detail {

struct ContextNode;

/// Work for the blocking pool.
struct BlockingJob {
    virtual ~BlockingJob() = default;
    virtual void run() noexcept = 0;
    std::shared_ptr<const ContextNode> context;  // of the task that asked for it
    std::unique_ptr<BlockingJob> next;           // the pool's
};

/// Has the running runtime's pool run it. Throws std::runtime_error outside of a runtime.
void post_blocking(std::unique_ptr<BlockingJob> job);

}  // namespace heddle::detail
