# HEDDLE_SANITIZE, for everything in this tree. It sets directory options, and lib/CMakeLists.txt repeats
# heddle_sanitize_flags on the target for projects that add heddle as a subdirectory. Tests in tests/planted prove
# that the instrumentation really reaches both the tests and the library.

set(heddle_sanitize_flags "")
if(NOT HEDDLE_SANITIZE STREQUAL "")
  set(heddle_sanitize_flags "-fsanitize=${HEDDLE_SANITIZE}")
  set(sanitize_compile_flags -fno-omit-frame-pointer -fno-sanitize-recover=all)

  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # These keep symmetric transfer a tail call: scope poisoning and function-exit hooks put code behind the call.
    list(APPEND sanitize_compile_flags -foptimize-sibling-calls)
    if(HEDDLE_SANITIZE MATCHES "address")
      list(APPEND sanitize_compile_flags -fno-sanitize-address-use-after-scope)
    endif()
    if(HEDDLE_SANITIZE MATCHES "thread")
      # moodycamel's queue uses fences, which GCC reports as not understood by TSan.
      list(APPEND sanitize_compile_flags "SHELL:--param tsan-instrument-func-entry-exit=0" -Wno-tsan)
    endif()
  endif()

  add_compile_options(${heddle_sanitize_flags} ${sanitize_compile_flags})
  add_link_options(${heddle_sanitize_flags})
endif()
