# heddle_warnings: linked by our own targets, never exported. To leave a warning out, add it to the last list and
# say beside it why it is wrong about our code.

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
  -Wunreachable-code-return)

set(gcc_warnings
  -Wduplicated-cond
  -Wlogical-op)

set(gcc_exceptions)

target_compile_options(heddle_warnings INTERFACE
  ${common_warnings}
  "$<$<CXX_COMPILER_ID:Clang,AppleClang>:${clang_warnings}>"
  "$<$<CXX_COMPILER_ID:GNU>:${gcc_warnings};${gcc_exceptions}>"
  "$<$<BOOL:${HEDDLE_WERROR}>:-Werror>")
