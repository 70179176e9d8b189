#include "sched/cpus.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace heddle::test {
namespace {

using namespace detail;  // NOLINT(google-build-using-namespace): white box

TEST(Cpus, QuotaOfACgroup) {
    EXPECT_EQ(cpus_of_cpu_max("max 100000"), 0U) << "no limit";
    EXPECT_EQ(cpus_of_cpu_max("100000 100000"), 1U);
    EXPECT_EQ(cpus_of_cpu_max("400000 100000\n"), 4U);
    EXPECT_EQ(cpus_of_cpu_max("150000 100000"), 2U) << "rounded up";
    EXPECT_EQ(cpus_of_cpu_max("100001 100000"), 2U);
    EXPECT_EQ(cpus_of_cpu_max("1000 100000"), 1U) << "at least one";
    EXPECT_EQ(cpus_of_cpu_max("25000 50000"), 1U);
    EXPECT_EQ(cpus_of_cpu_max("12800000 100000"), 128U);
}

TEST(Cpus, WhatIsNoQuotaIsNoLimit) {
    for (const char* text :
         {"", "max", "100000", "abc def", "0 100000", "-100000 100000", "100000 0", "\n"}) {
        EXPECT_EQ(cpus_of_cpu_max(text), 0U) << '"' << text << '"';
    }
}

std::vector<unsigned> allowed() {
    cpu_set_t set;
    EXPECT_EQ(pthread_getaffinity_np(pthread_self(), sizeof set, &set), 0);
    std::vector<unsigned> cpus;
    for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &set)) {
            cpus.push_back(i);
        }
    }
    return cpus;
}

TEST(Cpus, AvailableIsNeverMoreThanTheAffinityMask) {
    EXPECT_GE(available_cpus(), 1U);
    EXPECT_LE(available_cpus(), allowed().size());
}

TEST(Cpus, AffinityIsRespected) {
    const std::vector<unsigned> cpus = allowed();
    std::thread([&] {
        ASSERT_TRUE(bind_this_thread(cpus.back()));
        EXPECT_EQ(allowed(), std::vector<unsigned>{cpus.back()});
        EXPECT_EQ(available_cpus(), 1U);
    }).join();
    EXPECT_EQ(allowed(), cpus) << "only that thread";
}

TEST(Cpus, BindingToACpuThatIsNotThereFails) { EXPECT_FALSE(bind_this_thread(CPU_SETSIZE - 1)); }

TEST(Cpus, ThreadsHaveNames) {
    std::thread([] {
        std::array<char, 32> text{};
        name_this_thread("a", "worker");
        EXPECT_EQ(pthread_getname_np(pthread_self(), text.data(), text.size()), 0);
        EXPECT_EQ(std::string(text.data()), "a-worker");
        name_this_thread("a name that is far too long for the kernel", 7);
        EXPECT_EQ(pthread_getname_np(pthread_self(), text.data(), text.size()), 0);
        EXPECT_EQ(std::string(text.data()), "a name that is ");
    }).join();
}

}  // namespace
}  // namespace heddle::test
