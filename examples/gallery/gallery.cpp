#include "gallery.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <stdexcept>

namespace gallery {

namespace {

double time_scale = 1;  // set once, before any program runs

std::vector<const Program*>& registered() {
    static std::vector<const Program*> all;
    return all;
}

}  // namespace

void set_time_scale(double scale) {
    if (!std::isfinite(scale) || scale <= 0) {
        throw std::invalid_argument("the time scale must be a number above 0");
    }
    time_scale = scale;
}

Seconds scaled(Seconds time) { return time * time_scale; }

Seconds Stopwatch::elapsed() const { return (std::chrono::steady_clock::now() - start_) / time_scale; }

void append(std::string& line, std::string_view text) { line += text; }

void append(std::string& line, Seconds seconds) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f", seconds.count());
    line += text.data();
}

// One call of fwrite() holds the stream's lock from its first byte to its last.
void print_line(std::string line) {
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stdout);
}

Program::Program(std::string_view name, Seconds time, Main main) : name_(name), time_(time), main_(main) {
    registered().push_back(this);
}

std::vector<const Program*> programs() {
    auto all = registered();
    std::ranges::sort(all, {}, &Program::name);
    return all;
}

}  // namespace gallery
