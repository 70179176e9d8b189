#pragma once

// Everything, except what needs another library's headers (arena.hpp).

#include <heddle/as_completed.hpp>
#include <heddle/barrier.hpp>
#include <heddle/condition.hpp>
#include <heddle/context.hpp>
#include <heddle/coro.hpp>
#include <heddle/error.hpp>
#include <heddle/event.hpp>
#include <heddle/future.hpp>
#include <heddle/gather.hpp>
#include <heddle/generator.hpp>
#include <heddle/lock.hpp>
#include <heddle/lock_all.hpp>
#include <heddle/priority_queue.hpp>
#include <heddle/queue.hpp>
#include <heddle/race.hpp>
#include <heddle/runtime.hpp>
#include <heddle/semaphore.hpp>
#include <heddle/shield.hpp>
#include <heddle/sleep.hpp>
#include <heddle/stop_token.hpp>
#include <heddle/task.hpp>
#include <heddle/task_group.hpp>
#include <heddle/threads.hpp>
#include <heddle/timeout.hpp>
#include <heddle/version.hpp>
#include <heddle/wait.hpp>
#include <heddle/with_lock.hpp>
