#include "cpus.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace heddle::detail {

namespace {

unsigned affinity_cpus() {
    // Machines with more CPUs than the set holds make the call fail: try larger sets.
    for (std::size_t cpus = 1024; cpus <= 1U << 20U; cpus *= 4) {
        cpu_set_t* set = CPU_ALLOC(cpus);
        if (set == nullptr) {
            break;
        }
        const std::size_t size = CPU_ALLOC_SIZE(cpus);
        const bool ok = sched_getaffinity(0, size, set) == 0;
        const int n = ok ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (n > 0) {
            return static_cast<unsigned>(n);
        }
    }
    return std::max(1U, std::thread::hardware_concurrency());
}

std::string read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

unsigned quota_cpus(double quota, double period) {
    return quota > 0 && period > 0 ? std::max(1U, static_cast<unsigned>(std::ceil(quota / period))) : 0;
}

/// The smallest limit of the cgroups this process is in, from its own up to the root; 0: none.
unsigned cgroup_cpus() {
    unsigned limit = 0;
    const auto take = [&limit](unsigned cpus) {
        if (cpus != 0) {
            limit = limit == 0 ? cpus : std::min(limit, cpus);
        }
    };
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const auto colon = line.find(':');
        const auto second = line.find(':', colon + 1);
        if (colon == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(colon + 1, second - colon - 1);
        std::string path = line.substr(second + 1);
        if (controllers.empty()) {  // v2: limits of all ancestors apply
            for (;;) {
                take(cpus_of_cpu_max(read_line("/sys/fs/cgroup" + path + "/cpu.max")));
                const auto slash = path.rfind('/');
                if (slash == std::string::npos || path.size() <= 1) {
                    break;
                }
                path.resize(slash);
            }
        } else if (controllers.find("cpu") != std::string::npos) {  // v1
            for (const std::string& base : {"/sys/fs/cgroup/cpu" + path, std::string("/sys/fs/cgroup/cpu")}) {
                const double quota = std::atof(read_line(base + "/cpu.cfs_quota_us").c_str());
                const double period = std::atof(read_line(base + "/cpu.cfs_period_us").c_str());
                take(quota_cpus(quota, period));
            }
        }
    }
    return limit;
}

}  // namespace

unsigned cpus_of_cpu_max(std::string_view text) {
    std::istringstream in{std::string(text)};
    std::string quota;
    double period = 0;
    if (!(in >> quota >> period) || quota == "max") {
        return 0;
    }
    return quota_cpus(std::atof(quota.c_str()), period);
}

unsigned available_cpus() {
    const unsigned cpus = affinity_cpus();
    const unsigned limit = cgroup_cpus();
    return limit == 0 ? cpus : std::min(cpus, limit);
}

void name_this_thread(std::string_view name, std::string_view what) noexcept {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%.*s-%.*s", static_cast<int>(name.size()), name.data(),
                  static_cast<int>(what.size()), what.data());
    pthread_setname_np(pthread_self(), text.data());
}

void name_this_thread(std::string_view name, unsigned number) noexcept {
    std::array<char, 12> digits{};
    auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    name_this_thread(name, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

int process_id() noexcept { return getpid(); }

bool on_main_thread() noexcept { return gettid() == getpid(); }

bool bind_this_thread(unsigned cpu) noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

}  // namespace heddle::detail
