#include "engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

// The report of a failed execution: what happened, in order, with the lines of the source.

namespace heddle::explore {

namespace {

const char* order_name(int order) {
    constexpr std::array names{"relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};
    return order >= 0 && static_cast<std::size_t>(order) < names.size()
               ? names[static_cast<std::size_t>(order)]
               : "";
}

/// Lines of the source, as llvm-symbolizer knows them.
class Lines {
public:
    const std::string& of(Pc pc) {
        std::string& line = known_[pc];
        if (line.empty()) {
            line = ask(pc);
        }
        return line;
    }

private:
    static std::string ask(Pc pc) {
        if (pc == 0) {
            return "?";
        }
        std::array<char, 256> command{};
        std::snprintf(command.data(), command.size(),
                      "llvm-symbolizer-19 --obj=/proc/%d/exe --basenames --output-style=GNU --functions=none "
                      "0x%zx 2>/dev/null",
                      static_cast<int>(getpid()), static_cast<std::size_t>(pc - 1));
        FILE* pipe = popen(command.data(), "r");  // NOLINT(cert-env33-c): a fixed command
        std::string line;
        std::array<char, 512> buffer{};
        if (pipe != nullptr) {
            // Innermost first: not the line in <atomic> is of interest, but the one that calls it.
            while ((line.empty() || line.starts_with("atomic")) &&
                   std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
                line = buffer.data();
                line.erase(std::ranges::find(line, '\n'), line.end());
            }
            pclose(pipe);
        }
        return line.empty() ? "?" : line;
    }
    std::map<Pc, std::string> known_;
};

}  // namespace

void Engine::print_trace(const Verdict& verdict) const {
    constexpr std::size_t most = 120;
    Lines lines;
    const std::size_t first = events_.size() > most ? events_.size() - most : 0;
    if (first != 0) {
        std::printf("  … %zu steps before\n", first);
    }
    std::map<std::uintptr_t, unsigned> names;  // short names for addresses, in order of appearance
    for (std::size_t i = first; i < events_.size(); ++i) {
        const Event& event = events_[i];
        const unsigned name =
            names.try_emplace(event.address, static_cast<unsigned>(names.size())).first->second;
        std::printf("  %*s%u %-10s %-7s w%-3u = %#-18zx %s\n", static_cast<int>(event.thread * 2), "",
                    event.thread, event.kind, order_name(event.order), name,
                    static_cast<std::size_t>(event.value), lines.of(event.pc).c_str());
    }
    std::printf("  FAILED: %s\n", verdict.what.c_str());
    for (const auto& [who, pc] : verdict.places) {
        std::printf("    %s: %s\n", who.c_str(), lines.of(pc).c_str());
    }
}

}  // namespace heddle::explore
