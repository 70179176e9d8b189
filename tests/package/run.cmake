# Builds and runs tests/package/consumer against heddle.
#   WAY=installed     `cmake --install` into a fresh prefix; find_package and pkg-config
#   WAY=other_compiler  the same with a COMPILER that has not built the library
#   WAY=deb           `cpack -G DEB`, unpacked into a fresh folder; the same
#   WAY=subdirectory  add_subdirectory of the source tree

function(run)
  list(JOIN ARGN " " line)
  message(STATUS "${line}")
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(require text regex what)
  if(NOT text MATCHES "${regex}")
    message(FATAL_ERROR "${what} does not match '${regex}': ${text}")
  endif()
endfunction()

set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")
set(prefix "${WORK_DIR}/prefix")
file(REMOVE_RECURSE "${prefix}" "${WORK_DIR}/build" "${WORK_DIR}/debs")

if(WAY STREQUAL "subdirectory")
  set(how "-DHEDDLE_SUBDIRECTORY=${HEDDLE_SOURCE_DIR}")
elseif(WAY MATCHES "^(installed|other_compiler)$")
  run("${CMAKE_COMMAND}" --install "${HEDDLE_BINARY_DIR}" --prefix "${prefix}")
elseif(WAY STREQUAL "deb")
  run("${CPACK}" -G DEB --config "${HEDDLE_BINARY_DIR}/CPackConfig.cmake" -B "${WORK_DIR}/debs")
  file(GLOB debs "${WORK_DIR}/debs/*.deb")
  foreach(deb IN LISTS debs)
    run(dpkg-deb --extract "${deb}" "${WORK_DIR}/prefix")
  endforeach()
  list(FILTER debs INCLUDE REGEX "libheddle-dev_")
  execute_process(COMMAND dpkg-deb --field ${debs} Version Depends Architecture
    OUTPUT_VARIABLE fields COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS "${fields}")
  require("${fields}" "Version: ${VERSION}\n" "the package's version")
  require("${fields}" "Depends: [^\n]*libtbb-dev" "what the package depends on")
  if(fields MATCHES "libconcurrentqueue-dev")
    message(FATAL_ERROR "heddle's users do not need libconcurrentqueue-dev")
  endif()
  set(prefix "${prefix}/usr")
endif()

if(NOT WAY STREQUAL "subdirectory")
  # No header of ours may name what is not in the package.
  file(GLOB_RECURSE private "${prefix}/include/*concurrentqueue*")
  if(private)
    message(FATAL_ERROR "installed, though nobody may include it: ${private}")
  endif()
  set(how "-DCMAKE_PREFIX_PATH=${prefix}")
endif()

run("${CMAKE_COMMAND}" -S "${consumer}" -B "${WORK_DIR}/build" -G "${GENERATOR}" "${how}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")

if(NOT WAY STREQUAL "subdirectory")
  file(GLOB_RECURSE pc "${prefix}/*/heddle.pc")
  cmake_path(GET pc PARENT_PATH pc_dir)
  set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
  execute_process(COMMAND pkg-config --modversion heddle
    OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  require("${version}" "^${VERSION}$" "pkg-config's version")
  execute_process(COMMAND pkg-config --cflags --libs heddle
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run("${COMPILER}" "${consumer}/main.cpp" ${flags} -o "${WORK_DIR}/by_pkg_config")
  cmake_path(GET pc_dir PARENT_PATH library_dir)
  set(ENV{LD_LIBRARY_PATH} "${library_dir}")   # for a shared build; pkg-config sets no run path
  run("${WORK_DIR}/by_pkg_config")
endif()
