// heddle's entry in the comparison: `heddle_peer WORKLOAD WORKERS [numbers]`, see bench/README.md.

#include "app/workloads/workloads.hpp"
#include <heddle/detail/sync/parker.hpp>
#include <heddle/runtime.hpp>

#include <array>
#include <fstream>

namespace peer {
namespace {

struct Workload {
    std::string_view name;
    Root root = nullptr;
    Program program = nullptr;
};

constexpr std::array workloads = {
    Workload{"fib", &fib_root},
    Workload{"skynet", &skynet_root},
    Workload{"nqueens", &nqueens_root},
    Workload{"matmul", &matmul_root},
    Workload{"chan", &channel_root},
    Workload{"mutex_unc", &lock_uncontended_root},
    Workload{"mutex_cont", &lock_contended_root},
    Workload{"mutex_hold", &lock_held_root},
    Workload{"sem", &semaphore_root},
    Workload{"yield", &yield_root},
    Workload{"bcast", &broadcast_root},
    Workload{"barrier", &barrier_root},
    Workload{"pp_notify", &ping_pong_root},
    Workload{"pp_chan", &ping_pong_channel_root},
    Workload{"pp_cross", nullptr, &ping_pong_across},
    Workload{"await_seq", &await_each_root},
    Workload{"spawn_all", &spawn_all_root},
    Workload{"sleepers", &sleepers_root},
    Workload{"mem", nullptr, &memory},
    Workload{"idle", nullptr, &idle},
};

/// The most memory this process ever had; not ru_maxrss, which a process inherits from who started it.
long high_water_kib() {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word) {
        if (word == "VmHWM:") {
            long kib = 0;
            status >> kib;
            return kib;
        }
    }
    return 0;
}

int usage() {
    std::fputs("usage: heddle_peer WORKLOAD WORKERS [numbers]\nworkloads:", stderr);
    for (const Workload& workload : workloads) {
        std::fprintf(stderr, " %.*s", static_cast<int>(workload.name.size()), workload.name.data());
    }
    std::fputs("\n", stderr);
    return 2;
}

int run(int argc, char** argv) {
    if (argc < 3) {
        return usage();
    }
    Args args{
        .work = argv[1], .workers = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)), .numbers = {}};
    for (int i = 3; i < argc; ++i) {
        args.numbers.push_back(std::strtoull(argv[i], nullptr, 10));
    }
    for (const Workload& workload : workloads) {
        if (workload.name != args.work || args.workers == 0) {
            continue;
        }
        const Measured measured = workload.program != nullptr
                                      ? workload.program(args)
                                      : heddle::run(workload.root(args), {.workers = args.workers});
        const auto ns = static_cast<double>(measured.wall.count());
        std::printf("%sRESULT w=%s t=%u ops=%llu ns=%.2f wall_us=%.0f rss_kib=%ld wakes=%llu\n",
                    measured.note.c_str(), argv[1], args.workers,
                    static_cast<unsigned long long>(measured.ops), ns / static_cast<double>(measured.ops),
                    ns / 1e3, high_water_kib(),
                    static_cast<unsigned long long>(heddle::detail::futex_wake_calls()));
        return 0;
    }
    return usage();
}

}  // namespace
}  // namespace peer

int main(int argc, char** argv) { return peer::run(argc, argv); }
