# heddle_warnings: linked by our own targets, never exported. An exception stands here with its reason beside it.

add_library(heddle_warnings INTERFACE)

set(common_warnings
  -Wall
  -Wextra
  -Wpedantic
  -Wcast-align
  -Wcast-qual
  -Wconversion
  -Wdouble-promotion
  -Wextra-semi
  -Wformat=2
  -Wimplicit-fallthrough
  -Wnon-virtual-dtor
  -Wold-style-cast
  -Woverloaded-virtual
  -Wshadow
  -Wsign-conversion
  -Wundef
  -Wunused)

set(clang_warnings
  -Wcomma                     # a comma operator here is a typing error
  -Wdeprecated                # implicit copies beside a user-written destructor
  -Wheader-hygiene            # using namespace in a header
  -Wloop-analysis
  -Wthread-safety             # locks of our own types: see HEDDLE_GUARDED_BY
  -Wunreachable-code-return)

set(gcc_warnings
  -Wduplicated-cond
  -Wlogical-op)

target_compile_options(heddle_warnings INTERFACE
  ${common_warnings}
  "$<$<CXX_COMPILER_ID:Clang,AppleClang>:${clang_warnings}>"
  "$<$<CXX_COMPILER_ID:GNU>:${gcc_warnings}>"
  "$<$<BOOL:${HEDDLE_WERROR}>:-Werror>")

# config.hpp warns about the coroutine bugs of GCC 12.1 and 12.2. We test with 12.2 on purpose and write around them.
target_compile_definitions(heddle_warnings INTERFACE HEDDLE_NO_GCC12_WARNING=1)
