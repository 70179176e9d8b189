# Run after a test program has been linked: writes a file for ctest with one test per suite of it, all workers together.
# Fewer and longer processes than with one per test, which under a sanitizer is twice as fast.
#
# cmake -DPROGRAM=… -DPREFIX=… -DLABEL=… -DOUTPUT=… -P discover_suites.cmake

execute_process(COMMAND "${PROGRAM}" --gtest_list_tests OUTPUT_VARIABLE listing RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} --gtest_list_tests: ${result}")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${listing}")
set(text "")
foreach(line IN LISTS lines)
  # A suite's line begins in the first column: `workers/Lock.` or `Lock.`
  if(line MATCHES "^([A-Za-z0-9_/]+)\\.")
    set(suite "${CMAKE_MATCH_1}")
    string(APPEND text
      "add_test([=[${PREFIX}${suite}]=] [=[${PROGRAM}]=] [=[--gtest_filter=${suite}.*]=] --gtest_brief=1)\n"
      "set_tests_properties([=[${PREFIX}${suite}]=] PROPERTIES LABELS ${LABEL} TIMEOUT 600)\n")
  endif()
endforeach()
file(WRITE "${OUTPUT}" "${text}")
