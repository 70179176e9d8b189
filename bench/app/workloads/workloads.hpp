#pragma once

#include "app/harness.hpp"

namespace peer {

// fork-join
heddle::Coro<Measured> fib_root(const Args& args);
heddle::Coro<Measured> skynet_root(const Args& args);
heddle::Coro<Measured> nqueens_root(const Args& args);
heddle::Coro<Measured> matmul_root(const Args& args);
// channels
heddle::Coro<Measured> channel_root(const Args& args);
// primitives
heddle::Coro<Measured> lock_uncontended_root(const Args& args);
heddle::Coro<Measured> lock_contended_root(const Args& args);
heddle::Coro<Measured> lock_held_root(const Args& args);
heddle::Coro<Measured> semaphore_root(const Args& args);
heddle::Coro<Measured> yield_root(const Args& args);
heddle::Coro<Measured> broadcast_root(const Args& args);
heddle::Coro<Measured> barrier_root(const Args& args);
// two tasks in turn
heddle::Coro<Measured> ping_pong_root(const Args& args);
heddle::Coro<Measured> ping_pong_channel_root(const Args& args);
Measured ping_pong_across(const Args& args);
Measured idle(const Args& args);
// tasks and timers
heddle::Coro<Measured> await_each_root(const Args& args);
heddle::Coro<Measured> spawn_all_root(const Args& args);
heddle::Coro<Measured> sleepers_root(const Args& args);
// bytes, not time
Measured memory(const Args& args);

}  // namespace peer
