# Builds and runs tests/package/consumer against heddle. WAY=installed: `cmake --install` into a fresh prefix, then
# find_package and pkg-config. WAY=subdirectory: add_subdirectory of the source tree.

function(run)
  list(JOIN ARGN " " line)
  message(STATUS "${line}")
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")
set(prefix "${WORK_DIR}/prefix")
file(REMOVE_RECURSE "${prefix}" "${WORK_DIR}/build")

set(how "-DHEDDLE_SUBDIRECTORY=${HEDDLE_SOURCE_DIR}")
if(WAY STREQUAL "installed")
  run("${CMAKE_COMMAND}" --install "${HEDDLE_BINARY_DIR}" --prefix "${prefix}")
  set(how "-DCMAKE_PREFIX_PATH=${prefix}")
endif()

run("${CMAKE_COMMAND}" -S "${consumer}" -B "${WORK_DIR}/build" -G "${GENERATOR}" "${how}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")

if(WAY STREQUAL "installed")
  # The pkg-config file is configured for the real prefix, hence the override.
  file(GLOB_RECURSE pc "${prefix}/*/heddle.pc")
  cmake_path(GET pc PARENT_PATH pc_dir)
  set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
  execute_process(COMMAND pkg-config "--define-variable=prefix=${prefix}" --cflags --libs heddle
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run("${COMPILER}" "${consumer}/main.cpp" ${flags} -o "${WORK_DIR}/by_pkg_config")
  cmake_path(GET pc_dir PARENT_PATH library_dir)
  set(ENV{LD_LIBRARY_PATH} "${library_dir}")   # for a shared build; pkg-config sets no run path
  run("${WORK_DIR}/by_pkg_config")
endif()
