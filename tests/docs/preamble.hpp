// What the code fragments of the documents take for granted: the library, chrono's literals, and stand-ins
// for the reader's own functions. See blocks.py.

#pragma once

#include <heddle/heddle.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace docs {

using namespace heddle;
using namespace std::chrono_literals;

// Declared and never defined: fragments are compiled, not linked.
Coro<int> f();
Coro<int> g();
Coro<void> work();
Coro<void> goodbye();
AsyncGenerator<int> numbers();
Coro<std::string> fetch(std::string url);
Coro<void> handle(int item);
void use(int value);
int blocking_read(const std::string& path);

}  // namespace docs
