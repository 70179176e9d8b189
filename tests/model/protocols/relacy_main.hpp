#pragma once

// The command line of all Relacy tests:   <test> random N   or   <test> bound N   (at most N preemptions, all
// executions) With HIST=1 in the environment the history of a failing execution is printed. The last line is
// for run.py.

// clang-format off: Relacy comes last, its macros break what is included after it
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include <relacy/relacy.hpp>
// clang-format on

// Relacy has macros for these, which no other header survives (`= delete` to begin with). It replaces the
// global operators as well, so nothing is lost.
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno

template <class Test>
int relacy_main(int argc, char** argv) {
    rl::test_params p;
    std::ofstream nowhere("/dev/null");
    p.progress_stream = &nowhere;
    p.execution_depth_limit = 20000;
    if (argc > 2 && std::strcmp(argv[1], "bound") == 0) {
        p.search_type = rl::sched_bound;
        p.context_bound = static_cast<unsigned>(std::atoi(argv[2]));
        p.iteration_count = 1000000000;
    } else {
        p.search_type = rl::sched_random;
        p.iteration_count = static_cast<unsigned>(argc > 2 ? std::atoi(argv[2]) : 100000);
    }
    if (std::getenv("HIST") != nullptr) {
        p.collect_history = true;
        p.output_history = true;
        p.output_stream = &std::cout;
    }
    const bool ok = rl::simulate<Test>(p);
    std::printf("result: %s after %llu executions\n", ok ? "ok" : rl::test_result_str(p.test_result),
                static_cast<unsigned long long>(p.stop_iteration));
    return ok ? 0 : 1;
}
