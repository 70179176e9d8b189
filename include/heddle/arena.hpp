#pragma once

#include <heddle/threads.hpp>

#include <oneapi/tbb/task_arena.h>

#include <type_traits>
#include <utility>

namespace heddle {

/// Runs CPU-bound oneTBB work (parallel_for and the like) inside `arena` and gives its result, without
/// blocking a worker: a thread of the blocking pool enters the arena, so it needs no thread of oneTBB's to
/// make progress. `arena` must outlive the call. If cancelled: CancelledError at once; the work runs to its
/// end.
template <class Fn>
auto run_in_arena(tbb::task_arena& arena, Fn fn) -> Coro<std::invoke_result_t<Fn&>> {
    return to_thread([arena = &arena, fn = std::move(fn)]() mutable { return arena->execute(fn); });
}

}  // namespace heddle
