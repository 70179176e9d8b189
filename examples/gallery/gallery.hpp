#pragma once

// What the programs of the gallery share: their clock, their print, and the list that main() chooses from.

#include <heddle/coro.hpp>
#include <heddle/sleep.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gallery {

using namespace std::chrono_literals;

using Seconds = std::chrono::duration<double>;

/// The programs say how long things take in the Python originals; --time-scale shortens that.
[[nodiscard]] Seconds scaled(Seconds time);

/// asyncio.sleep() on the gallery's clock.
[[nodiscard]] inline auto sleep(Seconds time) { return heddle::sleep(scaled(time)); }

/// Measures on the gallery's clock.
class Stopwatch {
public:
    [[nodiscard]] Seconds elapsed() const;

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void append(std::string& line, std::string_view text);
/// Two digits behind the point, as f"{seconds:.2f}".
void append(std::string& line, Seconds seconds);
/// Numbers, and a bool as Python's True or False.
void append(std::string& line, std::integral auto value) {
    if constexpr (std::same_as<decltype(value), bool>) {
        append(line, std::string_view(value ? "True" : "False"));
    } else {
        append(line, std::to_string(value));
    }
}
void append(std::string& line, const auto& list)
    requires requires { list.begin(); } && (!std::convertible_to<decltype(list), std::string_view>)
{
    std::string_view separator = "[";
    for (const auto& item : list) {
        append(line, separator);
        append(line, item);
        separator = ", ";
    }
    append(line, list.empty() ? std::string_view("[]") : std::string_view("]"));
}

void print_line(std::string line);

/// Prints its arguments, one after the other, as one line. Lines of several tasks do not mix.
template <class... Parts>
void print(const Parts&... parts) {
    std::string line;
    (append(line, parts), ...);
    print_line(std::move(line));
}

/// A program of the gallery: defining one puts it on main()'s list.
class Program {
public:
    using Main = heddle::Coro<void> (*)();

    /// `time` is what the Python original takes; no run, on however many workers, takes less.
    Program(std::string_view name, Seconds time, Main main);

    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] Seconds time() const { return time_; }
    [[nodiscard]] heddle::Coro<void> start() const { return main_(); }

private:
    std::string_view name_;
    Seconds time_;
    Main main_;
};

/// All programs, by name.
[[nodiscard]] std::vector<const Program*> programs();

/// Throws std::invalid_argument unless it is above 0. Not while a program runs.
void set_time_scale(double scale);

}  // namespace gallery
