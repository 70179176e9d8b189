#include "report.hpp"

#include <array>
#include <cstdio>

namespace dupes {

namespace {

/// What UTF-8 allows behind a first byte above 0x7F; further bytes are 0x80 to 0xBF. The limits of the second
/// byte keep out surrogates, numbers that are too large, and sequences that are longer than they need to be.
struct Sequence {
    unsigned first_low, first_high, second_low, second_high;
    std::size_t length;
};
constexpr std::array sequences{
    Sequence{0xC2, 0xDF, 0x80, 0xBF, 2}, Sequence{0xE0, 0xE0, 0xA0, 0xBF, 3},
    Sequence{0xE1, 0xEC, 0x80, 0xBF, 3}, Sequence{0xED, 0xED, 0x80, 0x9F, 3},
    Sequence{0xEE, 0xEF, 0x80, 0xBF, 3}, Sequence{0xF0, 0xF0, 0x90, 0xBF, 4},
    Sequence{0xF1, 0xF3, 0x80, 0xBF, 4}, Sequence{0xF4, 0xF4, 0x80, 0x8F, 4},
};

bool is_between(unsigned value, unsigned low, unsigned high) { return low <= value && value <= high; }

/// The byte at `i`; 0, which continues nothing, behind the end.
unsigned byte_at(std::string_view bytes, std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
}

/// Length of the UTF-8 sequence at `i`, 0 if there is none.
std::size_t utf8_length(std::string_view bytes, std::size_t i) {
    const unsigned first = byte_at(bytes, i);
    if (first < 0x80) {
        return 1;
    }
    for (const Sequence& sequence : sequences) {
        if (!is_between(first, sequence.first_low, sequence.first_high)) {
            continue;
        }
        bool complete = is_between(byte_at(bytes, i + 1), sequence.second_low, sequence.second_high);
        for (std::size_t k = 2; k < sequence.length; ++k) {
            complete = complete && is_between(byte_at(bytes, i + k), 0x80, 0xBF);
        }
        return complete ? sequence.length : 0;
    }
    return 0;
}

void append_escaped(std::string& text, unsigned code) {
    std::array<char, 8> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\u%04x", code);
    text += escaped.data();
}

}  // namespace

std::string json_string(std::string_view bytes) {
    std::string text = "\"";
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = utf8_length(bytes, i);
        const unsigned byte = byte_at(bytes, i);
        if (length == 0) {
            append_escaped(text, 0xDC00 + byte);
            ++i;
            continue;
        }
        if (byte == '"' || byte == '\\') {
            text += '\\';
            text += bytes[i];
        } else if (byte < 0x20 || byte == 0x7F) {
            append_escaped(text, byte);
        } else {
            text += bytes.substr(i, length);
        }
        i += length;
    }
    return text + '"';
}

}  // namespace dupes
