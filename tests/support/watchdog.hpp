#pragma once

#include <string>

namespace heddle::test {

/// Says on stderr where everybody stands when a test hangs. Called on the watchdog's thread while the test
/// still runs, so it may only read what it may read at any time.
using HangDump = void (*)();

/// Registers the dump, or takes it away with nullptr. Returns the one before.
HangDump set_hang_dump(HangDump dump) noexcept;

/// Seconds a test may take: HEDDLE_TEST_TIMEOUT, or 60.
int test_timeout_seconds();

/// From now until disarm() the test called `name` has its seconds; after them the process prints the name and
/// the dump, and aborts. One test at a time.
void arm_watchdog(std::string name);
void disarm_watchdog();

}  // namespace heddle::test
