# Switches of the build. The developer ones default to ON only when heddle is the top-level project, so that
# add_subdirectory(heddle) adds one library and nothing else to somebody's build.

option(BUILD_SHARED_LIBS "Build heddle as a shared library" OFF)
option(HEDDLE_BUILD_TESTS "Build tests/" ${PROJECT_IS_TOP_LEVEL})
option(HEDDLE_BUILD_STRESS "Build stress/" ${PROJECT_IS_TOP_LEVEL})
option(HEDDLE_BUILD_BENCH "Build bench/" ${PROJECT_IS_TOP_LEVEL})
option(HEDDLE_BUILD_EXAMPLES "Build examples/" ${PROJECT_IS_TOP_LEVEL})
option(HEDDLE_WERROR "Treat warnings in heddle's own code as errors" ${PROJECT_IS_TOP_LEVEL})
option(HEDDLE_INSTALL "Generate the install rules" ${PROJECT_IS_TOP_LEVEL})
option(HEDDLE_FORCE_SUSPEND "Make every await suspend: shows what hides on the ready path (GCC 12)" OFF)
option(HEDDLE_TEST_BY_SUITE "One ctest test per suite instead of one per test: fewer processes" OFF)
set(HEDDLE_SANITIZE "" CACHE STRING "Sanitizers: empty, 'address,undefined' or 'thread'")
set_property(CACHE HEDDLE_SANITIZE PROPERTY STRINGS "" "address,undefined" "thread")

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)   # clang-tidy and editors

  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()

  find_program(HEDDLE_CCACHE ccache)
  if(HEDDLE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${HEDDLE_CCACHE}")
  endif()

  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    include(CheckLinkerFlag)
    check_linker_flag(CXX "-fuse-ld=lld" HEDDLE_HAVE_LLD)
    if(HEDDLE_HAVE_LLD)
      add_link_options("-fuse-ld=lld")
    endif()
  endif()

  # GCC turns symmetric transfer into a jump only with this optimisation, which it enables from -O2 on. Without
  # it each co_await that completes at once costs stack. The library bounds such chains; our own builds also keep
  # them cheap, so that -O0 and -O1 tests measure the bound and not the compiler.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options("-foptimize-sibling-calls")
  endif()
endif()

# The calls between the library's small files are worth inlining: some 10 % of what a wake-up costs.
set(unity OFF)
if(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$")
  set(unity ON)
endif()
option(HEDDLE_UNITY "Compile the library as one translation unit (default: in optimised builds)" ${unity})
